//! Mails that flow while something happens to NATS, and what came of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::checker::{Copy, History, MailId, Mails, Mta, Patience, What, in_streams, judge};
use harness::nats::api;
use harness::next_hop::NextHop;
use harness::system::{Mode, System};
use harness::wait::{DEADLINE, within};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Notices soon that a server or a process is gone.
const QUICK: &str = "[ledger]\nclaim_stale = \"1s\"\nsettle_timeout = \"3s\"\nrun_on = \"20s\"\n\
                     [ingress]\nreply_deadline = \"20s\"\nreply_grace = \"8s\"\n\
                     [bus]\njanitor_interval = \"2s\"\njanitor_age = \"45s\"\nconnect_timeout = \"1s\"\nping_interval = \"1s\"\nrequest_timeout = \"2s\"\nack_wait = \"1s\"\n";
/// Results of mails that the test has not looked at yet.
const DELIVERED_MAX: usize = 100_000;
/// Mails at the same time.
const SENDERS: u32 = 4;
/// Between two mails of a sender: three servers and five processes share the machine.
const PACE: Duration = Duration::from_millis(20);
/// The same while a row waits for time to pass, and the machine is another test's.
const LEISURE: Duration = Duration::from_millis(500);
/// Mails that must have passed before a fault.
const WARM_UP: usize = 20;
/// Mails that must pass behind it.
const MAILS_AFTER: usize = 60;
/// How long whatever runs on after the last answer may take to be removed. Messages of which a killed 2.9.10 forgot that
/// they were removed are the janitor's.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);

/// A mail that got all its answers, or none in time.
struct Delivered {
    id: MailId,
    begun: Duration,
    ended: Duration,
    is_answered: bool,
}

/// Senders at work.
pub(super) struct Flow {
    pub(super) hop: NextHop,
    pub(super) system: System,
    pub(super) mta: Mta,
    stop: Arc<AtomicBool>,
    at_leisure: Arc<AtomicBool>,
    senders: JoinSet<()>,
    delivered: mpsc::Receiver<Delivered>,
    /// When mails got their last answer.
    ends: Vec<Duration>,
}

/// What a row may show.
pub(super) struct Row {
    /// Of the fault matrix.
    pub(super) id: &'static str,
    /// What was done.
    pub(super) fault: &'static str,
    /// Copies beyond the first that it may cost.
    pub(super) duplicates_max: usize,
    /// The longest time in which no mail gets through, from the fault on.
    pub(super) stall_max: Duration,
}

/// When what was done to it, by the clock of the run.
pub(super) struct Times {
    pub(super) broken: Duration,
    /// The fault ended; the same where it was not waited for.
    pub(super) healed: Duration,
    /// The end of the first mail that was begun after that and taken at its first attempt.
    pub(super) normal: Duration,
}

impl Flow {
    /// Starts all roles over these servers, with these further keys of `[bus]`, and senders, and waits until mails get
    /// through.
    pub(super) async fn start(nats: &str, configuration: &str) -> Self {
        let hop = NextHop::smtp().await;
        let system = System::build(Mode::Distributed, &hop.target())
            .nats(nats)
            .configuration(&Self::configuration(configuration))
            .workers(2)
            .start()
            .await;
        let patience = Patience {
            reply: Duration::from_secs(45),
            mail: Duration::from_secs(150),
            ..Patience::default()
        };
        let mta = Mta { patience, ..Mta::new(system.endpoints(), Mails::small()) };
        let (stop, at_leisure) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (tell, delivered) = mpsc::channel(DELIVERED_MAX);
        let mut senders = JoinSet::new();
        for client in 0..SENDERS {
            let (mta, stop, tell) = (mta.clone(), stop.clone(), tell.clone());
            let at_leisure = at_leisure.clone();
            senders.spawn(async move {
                let mut sender = mta.sender(client);
                for number in 0.. {
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    let begun = mta.history.now();
                    let is_answered = sender.deliver(number).await;
                    let (id, ended) = (MailId { client, number }, mta.history.now());
                    // The test may have ended.
                    let _told = tell.send(Delivered { id, begun, ended, is_answered }).await;
                    sleep(if at_leisure.load(Ordering::Acquire) { LEISURE } else { PACE }).await;
                }
            });
        }
        let mut flow = Self { hop, system, mta, stop, at_leisure, senders, delivered, ends: Vec::new() };
        flow.mails(WARM_UP).await;
        flow
    }

    /// What the roles are told, with these further keys of `[bus]`.
    pub(super) fn configuration(bus: &str) -> String {
        format!("{QUICK}{bus}")
    }

    /// The clock of the run.
    pub(super) fn now(&self) -> Duration {
        self.mta.history.now()
    }

    /// Waits for that many mails more.
    pub(super) async fn mails(&mut self, count: usize) {
        for _ in 0..count {
            self.next().await;
        }
    }

    /// Lets mails flow slowly until that point of time, and tells how long it was quiet at most meanwhile.
    pub(super) async fn leisurely_until(&mut self, until: Duration) -> Duration {
        self.at_leisure.store(true, Ordering::Release);
        let (begun, already) = (self.now(), self.ends.len());
        let waiting = tokio::time::Instant::now() + until.saturating_sub(begun);
        while tokio::time::timeout_at(waiting, self.next()).await.is_ok() {}
        self.at_leisure.store(false, Ordering::Release);
        let mut ends = self.ends.get(already..).unwrap_or_default().to_vec();
        ends.push(self.now());
        stall(&ends, begun)
    }

    /// The times of a fault that began at `broken` and ends now.
    pub(super) async fn healed(&mut self, broken: Duration) -> Times {
        let healed = self.now();
        Times { broken, healed, normal: self.normal_since(healed).await }
    }

    /// The times of a fault that goes on.
    pub(super) async fn overcome(&mut self, broken: Duration) -> Times {
        Times { broken, healed: broken, normal: self.normal_since(broken).await }
    }

    /// Waits until a mail that was begun after `since` was taken at its first attempt, and tells when.
    pub(super) async fn normal_since(&mut self, since: Duration) -> Duration {
        loop {
            let delivered = self.next().await;
            if delivered.begun >= since && self.mta.history.saw(delivered.id, 1) == "250" {
                return delivered.ended;
            }
        }
    }

    /// Waits until the client was told anything since then.
    pub(super) async fn answered_since(&self, since: Duration) {
        let answered = async || (!saw(&self.mta.history, since, Duration::MAX).is_empty()).then_some(());
        harness::wait::eventually("a mail is answered", answered).await;
    }

    /// Waits until the client was told something other than 250 since then, and gives it.
    pub(super) async fn refused_since(&self, since: Duration) -> BTreeSet<String> {
        harness::wait::eventually("a mail is refused", async || {
            let mut saw = saw(&self.mta.history, since, Duration::MAX);
            saw.remove("250");
            (!saw.is_empty()).then_some(saw)
        })
        .await
    }

    async fn next(&mut self) -> Delivered {
        let delivered = tokio::time::timeout(DEADLINE, self.delivered.recv()).await;
        let Ok(delivered) = delivered else { self.give_up("no mail got its answer") };
        let delivered = delivered.unwrap();
        assert!(delivered.is_answered, "{} got no final answer", delivered.id);
        self.ends.push(delivered.ended);
        delivered
    }

    /// Lets the senders finish, holds the logs against each other and prints the row.
    #[expect(clippy::print_stdout, reason = "the row is for people")]
    pub(super) async fn finish(mut self, row: &Row, times: &Times, nats: &str) {
        self.mails(MAILS_AFTER).await;
        self.stop.store(true, Ordering::Release);
        while let Some(sender) = within("a sender finishes", self.senders.join_next()).await {
            sender.unwrap();
        }
        while let Ok(delivered) = self.delivered.try_recv() {
            self.ends.push(delivered.ended);
        }
        let mut report = judge(&self.mta.history.events(), &self.copies());
        report.leaked = in_streams(nats, DRAINED_WITHIN).await;
        if !report.leaked.is_empty() {
            for consumer in ["MAIL.scan-s", "VERDICT.relay"] {
                let state = api(nats, &format!("CONSUMER.INFO.{consumer}"), "").await;
                report.leaked.push(format!("{consumer}: {state:?}"));
            }
        }
        for process in self.system.processes() {
            assert!(process.status().is_none(), "{} has ended\n{}", process.name(), process.log_tail());
        }
        let saw: Vec<String> = saw(&self.mta.history, times.broken, times.normal).into_iter().collect();
        let stall = stall(&self.ends, times.broken);
        let (id, fault, duplicates, saw) = (row.id, row.fault, report.duplicate.len(), saw.join(" "));
        println!(
            "| {id} | {fault} | {saw} | lost {}, second copies {duplicates} of {} | nothing for {:.1} s; normal {:.1} s after |",
            report.lost.len(),
            report.recipients,
            stall.as_secs_f64(),
            (times.normal.saturating_sub(times.healed)).as_secs_f64(),
        );
        assert_eq!(report.faults(row.duplicates_max), [""; 0], "{id}: {report}");
        assert!(stall <= row.stall_max, "{id}: no mail got through for {stall:?}");
    }

    /// Tells what all processes said.
    fn give_up(&mut self, why: &str) -> ! {
        let logs: Vec<String> = self.system.processes().map(|process| process.log_tail()).collect();
        panic!("{why} within {DEADLINE:?}\n{}", logs.join("\n"));
    }

    fn copies(&self) -> Vec<Copy> {
        let seen = self.hop.seen();
        seen.mails.iter().flat_map(|received| Copy::of(received, &self.mta.mails)).collect()
    }
}

/// Everything that clients were told between two points of time.
fn saw(history: &History, from: Duration, to: Duration) -> BTreeSet<String> {
    let said = history.events().into_iter().filter(|event| event.at >= from && event.at <= to);
    let word = |what: What| match what {
        What::Invoke { .. } => None,
        What::Answer { code, .. } => Some(code.to_string()),
        What::Info(why) => Some(format!("{why:?}")),
    };
    said.filter_map(|event| word(event.what)).collect()
}

/// The longest time without a mail that got through, from then on.
fn stall(ends: &[Duration], from: Duration) -> Duration {
    let mut ends: Vec<Duration> = ends.iter().copied().filter(|end| *end > from).collect();
    ends.push(from);
    ends.sort_unstable();
    let gaps = ends.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    gaps.max().unwrap_or_default()
}
