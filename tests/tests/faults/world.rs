//! What every row needs: a system between a client like a mail server and a next hop, and how a row ends.

use std::time::Duration;

use harness::checker::{self, Copy, MailId, Mails, Mta, Patience, Sender, judge};
use harness::nats::Nats;
use harness::next_hop::{NextHop, Protocol, Script};
use harness::system::{Builder, Mode, System};
use harness::wait::eventually;
use tokio::time::Instant;

use crate::row::Outcome;

/// Everything notices within a second or so.
pub(crate) const QUICK: &str = "\
    [bus]\nack_wait = \"1s\"\nconnect_timeout = \"1s\"\nping_interval = \"1s\"\nrequest_timeout = \"2s\"\n\
    [ledger]\nclaim_stale = \"1s\"\nsettle_timeout = \"3s\"\nrun_on = \"60s\"\n\
    [egress]\nretry_pause = \"500ms\"\n";

/// Answers late enough for a dead process's mails to be done by another.
pub(crate) const PATIENT: &str = "[ingress]\nreply_deadline = \"15s\"\nreply_grace = \"8s\"\n";
/// Answers 451 soon.
pub(crate) const IMPATIENT: &str = "[ingress]\nreply_deadline = \"3s\"\nreply_grace = \"8s\"\n";

/// The mail that the fault hits. It has two recipients.
pub(crate) const MAIL: MailId = MailId { client: 1, number: 1 };
/// Sends mails that ask whether all is as before.
const PROBE: u32 = 9_000;
/// What counts that a second copy is possible: a dot without a reply, and a claim without an outcome.
const DOUBTS: [&str; 3] = [
    "mailweir_egress_in_doubt_total",
    "mailweir_bus_ledger_ambiguous_total",
    "mailweir_ledger_ambiguous_total",
];
/// How long a queue may take to become empty.
const DRAIN: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) hop: NextHop,
    pub(crate) system: System,
    pub(crate) mta: Mta,
    /// `HOST:PORT` of the server, where there is one.
    nats: Option<String>,
    probes: u32,
    prober: Sender,
}

impl World {
    /// A lenient next hop by SMTP: whatever is smuggled arrives.
    pub(crate) async fn hop() -> NextHop {
        NextHop::start(Script::new(Protocol::Smtp).lenient()).await
    }

    /// The usual in that mode; `set` changes what is started.
    pub(crate) async fn start(mode: Mode, set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::before(Self::hop().await, mode, set).await
    }

    /// As [`World::start`], before that next hop.
    pub(crate) async fn before(hop: NextHop, mode: Mode, set: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = set(System::build(mode, &hop.target()).configuration(QUICK));
        let mut system = builder.start().await;
        let nats = match mode {
            Mode::Standalone => None,
            Mode::Distributed => Some(system.nats().address().to_owned()),
        };
        Self::of(hop, system, nats)
    }

    /// As [`World::before`], distributed over that server.
    pub(crate) async fn over(nats: &Nats, hop: NextHop, set: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = System::build(Mode::Distributed, &hop.target()).configuration(QUICK).nats(&nats.url());
        let system = set(builder).start().await;
        Self::of(hop, system, Some(nats.address().to_owned()))
    }

    fn of(hop: NextHop, system: System, nats: Option<String>) -> Self {
        let mta = Mta::new(system.endpoints(), Mails::small());
        let prober = mta.sender(PROBE);
        Self { hop, system, mta, nats, probes: 0, prober }
    }

    /// Sends these instead of small ones. Probes have even numbers, so that every second mail can be another kind.
    pub(crate) fn send(&mut self, mails: Mails) {
        self.mta.mails = mails;
        self.prober = self.mta.sender(PROBE);
    }

    /// Waits no longer than that for a reply.
    pub(crate) fn patience(&mut self, reply: Duration) {
        self.mta.patience = Patience { reply, ..self.mta.patience };
        self.prober = self.mta.sender(PROBE);
    }

    /// Sends mails until one is taken without a 4xx, a lost connection or a time-out; how long that is after `fault`.
    pub(crate) async fn normal_since(&mut self, fault: Instant) -> Duration {
        eventually("mail flows as before", async || {
            self.probes += 2;
            assert!(self.prober.deliver(self.probes).await, "a mail got no final answer");
            self.mta.history.was_smooth(MailId { client: PROBE, number: self.probes }).then_some(())
        })
        .await;
        fault.elapsed()
    }

    /// Sum of a counter over all processes that run.
    pub(crate) async fn counted(&mut self, metric: &str) -> u64 {
        let mut sum = 0;
        for node in self.system.nodes() {
            let metrics = node.admin("/metrics").await;
            let values = metrics.lines().filter_map(|line| line.strip_prefix(metric));
            sum += values.filter_map(|value| value.rsplit_once(' ')?.1.parse::<u64>().ok()).sum::<u64>();
        }
        sum
    }

    /// Waits until nothing is on its way any more, and judges.
    pub(crate) async fn finish(mut self, normal_after: Duration) -> Outcome {
        let mut doubts = 0;
        for metric in DOUBTS {
            doubts += self.counted(metric).await;
        }
        let mut leaked = match &self.nats {
            None => Vec::new(),
            Some(address) => checker::in_streams(address, DRAIN).await,
        };
        leaked.extend(checker::in_directory(self.system.directory()));
        let (mails, bare_line_ends) = self.hop.take();
        let copies: Vec<Copy> = mails.iter().flat_map(|mail| Copy::of(mail, &self.mta.mails)).collect();
        let mut report = judge(&self.mta.history.events(), &copies);
        (report.leaked, report.bare_line_ends) = (leaked, bare_line_ends);
        let saw = self.mta.history.saw(MAIL, 1);
        let copies = copies.iter().filter(|copy| copy.to.contains(&format!("{MAIL}-r"))).count();
        let answered_after = self.mta.history.took(MAIL);
        Outcome { saw, copies, doubts, answered_after, normal_after, report }
    }
}
