//! One run: load, faults, peace, judgement.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use harness::checker::{self, Copy, Event, Load, Mails, Mta, Patience, Report, judge};
use harness::system::Mode;
use tokio::time::{Instant, interval, sleep};

use crate::plan::{Fault, Period};
use crate::random::Random;
use crate::stage::Stage;

/// Clients that prefer the first ingress, and as many that prefer the last.
const SENDERS: u32 = 6;
/// Between two mails of a client: some hundred mails a second in all, which leaves the machine room to recover.
const PAUSE: Duration = Duration::from_millis(40);
/// The most recipients that one doubtful transaction has.
const RECIPIENTS_MAX: u32 = 3;
/// The reply comes within the deadline of the ingress, unless it is paused.
const PATIENCE: Patience = Patience {
    reply: Duration::from_secs(10),
    pause: Duration::from_millis(100),
    mail: Duration::from_secs(180),
};
/// How long a queue may take to become empty: what an ingress that was killed left of a large mail is removed at the
/// age of half a minute.
const DRAIN: Duration = Duration::from_secs(45);
/// Of a mail in question that many of its first events are told, and of its last.
const EVENTS: usize = 10;
/// How often is taken out what has arrived.
const COLLECT_EVERY: Duration = Duration::from_millis(500);

/// What it came to, in words, and the faults.
pub(crate) async fn run(mode: Mode, time: Duration, seed: u64) -> (String, Vec<String>) {
    let mut stage = Stage::build(mode).await;
    let mails = Mails {
        large: |id| id.number % 40 == 17,
        large_bytes: 200 * 1024,
        recipients_max: RECIPIENTS_MAX,
        ..Mails::small()
    };
    let mut mta = Mta::new(stage.system.endpoints(), mails);
    mta.patience = PATIENCE;
    let mut load = Load::start(&mta, 1..=SENDERS, PAUSE);
    let mut other = mta.clone();
    other.endpoints.reverse();
    load.add(&other, 101..=100 + SENDERS, PAUSE);
    let mut taken = Taken::new(mails);
    let (counts, explained) = shift(&mut stage, &mut taken, (mode, seed), time).await;
    let healed = Instant::now();
    let stuck = load.end().await;
    let settled = healed.elapsed();
    let leaked = match stage.nats() {
        Some(address) => checker::in_streams(&address, DRAIN).await,
        None => Vec::new(),
    };
    taken.collect(&stage);
    let events = mta.history.events();
    let mut report = judge(&events, &taken.copies);
    report.leaked = leaked;
    report.leaked.extend(checker::in_directory(stage.system.directory()));
    report.bare_line_ends = taken.bare_line_ends;
    let counted = stage.count().await;
    let doubts = counted.ambiguous + counted.in_doubt - explained;
    let allowed = report.unsaid + usize::try_from(doubts).unwrap() * RECIPIENTS_MAX as usize;
    let mut faults = report.faults(allowed);
    if stuck > 0 {
        faults.push(format!("{stuck} mails without a final answer"));
    }
    if !faults.is_empty() {
        faults.push(evidence(&stage, mode, seed, &report, &events));
    }
    let per_million = report.duplicate.len() * 1_000_000 / report.recipients.max(1);
    let list: Vec<String> = counts.iter().map(|(fault, count)| format!("{fault:?} {count}")).collect();
    let text = format!(
        "{report}; {per_million} duplicates per million, at most {allowed} allowed for {doubts} doubts beside the \
         unsaid; settled {:.1} s \
         after the last fault; faults: {}",
        settled.as_secs_f64(),
        list.join(", ")
    );
    (text, faults)
}

/// One period of faults after the other; how often which was, and the doubts of times in which the next hop dropped each
/// connection, and itself knows which mails it took.
async fn shift(
    stage: &mut Stage,
    taken: &mut Taken,
    (mode, seed): (Mode, u64),
    time: Duration,
) -> (BTreeMap<Fault, u32>, u64) {
    let mut counts = BTreeMap::new();
    let mut explained = 0;
    let mut random = Random::new(seed);
    let until = Instant::now() + time;
    while Instant::now() < until {
        let period = Period::random(mode, &mut random);
        let before = stage.count().await;
        for &fault in &period.faults {
            *counts.entry(fault).or_default() += 1;
            stage.suffer(fault).await;
        }
        taken.during(stage, period.lasts).await;
        for &fault in &period.faults {
            stage.heal(fault).await;
        }
        let after = stage.count().await;
        if period.faults.iter().any(|fault| fault.is_silence()) {
            explained += after.in_doubt - before.in_doubt;
        }
        taken.during(stage, period.calm).await;
    }
    (counts, explained)
}

/// What has arrived so far.
struct Taken {
    mails: Mails,
    copies: Vec<Copy>,
    bare_line_ends: usize,
}

impl Taken {
    fn new(mails: Mails) -> Self {
        Self { mails, copies: Vec::new(), bare_line_ends: 0 }
    }

    /// Collects for that long.
    async fn during(&mut self, stage: &Stage, time: Duration) {
        let mut turns = interval(COLLECT_EVERY);
        let end = sleep(time);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                _ = turns.tick() => self.collect(stage),
            }
        }
    }

    fn collect(&mut self, stage: &Stage) {
        let (mails, bare_line_ends) = stage.hop.take();
        self.copies.extend(mails.iter().flat_map(|mail| Copy::of(mail, &self.mails)));
        self.bare_line_ends += bare_line_ends;
    }
}

/// Keeps the logs, and tells what happened to the mails in question.
fn evidence(stage: &Stage, mode: Mode, seed: u64, report: &Report, events: &[Event]) -> String {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{mode:?}-{seed}"));
    std::fs::create_dir_all(&kept).unwrap();
    for entry in std::fs::read_dir(stage.system.directory()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "log") {
            std::fs::copy(entry.path(), kept.join(entry.file_name())).unwrap();
        }
    }
    let mut text = format!("logs are in {}\n", kept.display());
    let lists =
        [&report.lost, &report.duplicate, &report.wrong, &report.corrupt, &report.stuck, &report.cross];
    for key in lists.into_iter().flat_map(|list| list.iter().take(3)) {
        let name = key.rsplit_once("-r").map_or(key.as_str(), |(name, _)| name);
        let about: Vec<&Event> = events.iter().filter(|event| event.mail.to_string() == name).collect();
        let last = about.len().saturating_sub(EVENTS);
        for event in about.iter().take(EVENTS).chain(about.iter().skip(last.max(EVENTS))) {
            writeln!(text, "{key}: {:.3} #{} {:?}", event.at.as_secs_f64(), event.attempt, event.what)
                .unwrap();
        }
    }
    text
}
