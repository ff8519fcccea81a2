//! Writing: what waits is put into one transaction, committed, and then answered. One at a time writes.
//!
//! Mostly that is a thread. Where nobody writes and no disk is waited for, whoever brings a request carries it out at
//! once: a commit is some fifty microseconds, and two switches of threads cost as much again.
//!
//! A commit that fails leaves nobody knowing what the file has. So the database is closed and opened again, which
//! checks it, and until that worked nothing is granted. Outcomes that could not be written meanwhile are kept and
//! written first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use redb::Database;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::place::Place;
use crate::queue::{Answer, Outcome, Request, Waited};
use crate::settings::Sync;
use crate::store::{Limits, StoreError, Tables, Walked, has_excess};
use crate::{Shared, unix_ms};

/// Between two looks for records that are too old, while nothing else happens.
const IDLE: Duration = Duration::from_secs(10);
/// The same, while there are some.
const IDLE_EXCESS: Duration = Duration::from_millis(50);
/// Records removed at such a time, or beside a group.
const PRUNE_STEPS: usize = 64;
/// Between two tries to write again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Outcomes that are kept for when the ledger can be written again.
const KEPT_MAX: usize = 100_000;

/// The right to write, and what belongs to it.
#[derive(Debug)]
pub(crate) struct Writer {
    place: Place,
    limits: Limits,
    /// Not written yet.
    kept: Vec<Outcome>,
    /// When it was last tried to write again.
    tried: Instant,
    /// Whether the last group left records that are too old or too many.
    has_more: bool,
}

/// Who is to be told what, once it is committed.
enum Told {
    Claim(oneshot::Sender<Answer>, Answer),
    Written(oneshot::Sender<bool>),
}

/// What a group came to.
#[derive(Default)]
struct Effects {
    told: Vec<Told>,
    ambiguous: u64,
    unreadable: u64,
    pruned: usize,
    has_more: bool,
    records: u64,
}

/// The thread: works until the queue is closed, then closes the database.
pub(crate) fn run(shared: &Shared) {
    let mut patience = IDLE;
    loop {
        let waited = shared.queue.wait(patience);
        let mut writer = shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.is_broken() && RETRY_PAUSE <= writer.tried.elapsed() {
            writer.mend(shared);
            writer.tried = Instant::now();
        }
        match waited {
            // Somebody may have done it meanwhile.
            Waited::Work => writer.commit_what_waits(shared),
            Waited::Idle => writer.tidy(shared),
            Waited::Closed => break,
        }
        patience = if shared.is_broken() {
            RETRY_PAUSE
        } else if writer.has_more {
            IDLE_EXCESS
        } else {
            IDLE
        };
    }
    shared.set_database(None);
}

/// Puts a request in, and carries it out at once where that is fast.
pub(crate) fn write(shared: &Shared, request: Request) {
    shared.queue.push(request);
    if shared.sync == Sync::Lazy
        && !shared.is_broken()
        && let Ok(mut writer) = shared.writer.try_lock()
    {
        return writer.commit_what_waits(shared);
    }
    shared.queue.wake();
}

impl Writer {
    pub(crate) fn new(place: Place, limits: Limits) -> Self {
        Self { place, limits, kept: Vec::new(), tried: Instant::now(), has_more: false }
    }

    fn tidy(&mut self, shared: &Shared) {
        let has_excess = match &*shared.database() {
            // What cannot be read shows when it is written.
            Some(database) => has_excess(database, self.limits, unix_ms()).unwrap_or(false),
            None => false,
        };
        if has_excess {
            self.commit(shared, Vec::new());
        }
    }

    fn commit_what_waits(&mut self, shared: &Shared) {
        let group = shared.queue.take();
        if !group.is_empty() {
            self.commit(shared, group);
        }
    }

    fn commit(&mut self, shared: &Shared, group: Vec<Request>) {
        let began = Instant::now();
        let mut open = Some(group);
        let result = match &*shared.database() {
            Some(database) => {
                let attempt = AssertUnwindSafe(|| self.transact(shared, database, &mut open));
                catch_unwind(attempt).unwrap_or_else(|_| Err("the database panicked".to_owned()))
            }
            None => Err("the ledger is closed".to_owned()),
        };
        match result {
            Ok(effects) => {
                shared.metrics.committed(began.elapsed());
                self.has_more = effects.has_more;
                tell(shared, effects);
            }
            Err(why) => {
                if !shared.is_broken() {
                    self.tried = Instant::now();
                    tracing::error!(why, "the ledger cannot be written: mails are refused until it can be");
                }
                self.fail(shared, open.unwrap_or_default());
            }
        }
    }

    /// Carries out a group. It is borrowed, so that it is still there when this fails.
    fn transact(
        &self,
        shared: &Shared,
        database: &Database,
        group: &mut Option<Vec<Request>>,
    ) -> Result<Effects, String> {
        let failed = |error: StoreError| in_full(&error);
        let transaction = database.begin_write().map_err(|error| failed(error.into()))?;
        let mut effects = Effects::default();
        let mut answers = Vec::new();
        {
            let mut tables = Tables::open(&transaction).map_err(failed)?;
            let requests = group.as_deref().unwrap_or_default();
            for request in requests {
                answers.push(carry_out(shared, &mut tables, request, &mut effects).map_err(failed)?);
            }
            let steps = PRUNE_STEPS + 2 * requests.len();
            effects.pruned = tables.prune(self.limits, unix_ms(), steps).map_err(failed)?;
            effects.has_more = effects.pruned == steps;
            effects.records = tables.count().map_err(failed)?;
        }
        transaction.commit().map_err(|error| failed(error.into()))?;
        let requests = group.take().unwrap_or_default();
        effects.told = requests.into_iter().zip(answers).filter_map(told).collect();
        Ok(effects)
    }

    /// Tells everybody of the group that it failed, and closes the database.
    fn fail(&mut self, shared: &Shared, group: Vec<Request>) {
        shared.set_writable(false);
        for request in group {
            match request {
                Request::Claim { answer, .. } => {
                    let _waits = answer.send(Answer::Unwritable);
                }
                Request::Outcome { outcome, written } => {
                    shared.metrics.unrecorded.inc();
                    if self.kept.len() < KEPT_MAX {
                        self.kept.push(outcome);
                    }
                    let _waits = written.send(false);
                }
            }
        }
        shared.set_database(None);
    }

    /// Opens the database again and writes what was kept.
    fn mend(&mut self, shared: &Shared) {
        if let Err(error) = self.place.has_room() {
            tracing::debug!(%error, "the disk has no room yet");
            return;
        }
        match self.place.database() {
            Ok(database) => shared.set_database(Some(database)),
            Err(error) => return tracing::debug!(why = in_full(&error), "the ledger cannot be opened yet"),
        }
        let kept = std::mem::take(&mut self.kept);
        let count = kept.len();
        self.commit(shared, kept.into_iter().map(again).collect());
        if !shared.is_broken() {
            tracing::info!(outcomes = count, "the ledger can be written again");
            shared.set_writable(true);
        }
    }
}

/// One request; what its claim came to.
fn carry_out(
    shared: &Shared,
    tables: &mut Tables<'_>,
    request: &Request,
    effects: &mut Effects,
) -> Result<Option<Answer>, StoreError> {
    let (key, walk, draft) = match request {
        // Nobody would ever write the outcome of such a claim.
        Request::Claim { answer, .. } if answer.is_closed() => return Ok(None),
        Request::Claim { key, walk, draft, .. } => (*key, walk.clone(), draft),
        Request::Outcome { outcome, .. } => {
            tables.write(outcome.key, outcome.generation, &outcome.record, unix_ms())?;
            return Ok(None);
        }
    };
    let living = shared.living.lock();
    match tables.walk(key, walk, draft, &living, unix_ms()) {
        Ok(Walked { end, ambiguous }) => {
            if ambiguous > 0 {
                effects.ambiguous += u64::from(ambiguous);
                tracing::warn!(mk = %key, ambiguous, "claim without an outcome: a second copy is possible");
            }
            Ok(Some(end.map_or(Answer::Watch, Answer::End)))
        }
        Err(StoreError::Unreadable(why)) => {
            effects.unreadable += 1;
            tracing::error!(why, "a record of the ledger cannot be read");
            Ok(Some(Answer::Unreadable))
        }
        Err(error @ StoreError::Database(_)) => Err(error),
    }
}

fn tell(shared: &Shared, effects: Effects) {
    let metrics = &shared.metrics;
    metrics.ambiguous.inc_by(effects.ambiguous);
    metrics.unreadable.inc_by(effects.unreadable);
    metrics.pruned.inc_by(effects.pruned as u64);
    metrics.records.set(i64::try_from(effects.records).unwrap_or(i64::MAX));
    for told in effects.told {
        // Whoever does not wait any more does not need it.
        let _waits = match told {
            Told::Claim(waiting, answer) => waiting.send(answer).is_ok(),
            Told::Written(waiting) => waiting.send(true).is_ok(),
        };
    }
}

/// A kept outcome; nobody waits for it.
fn again(outcome: Outcome) -> Request {
    let (written, _) = oneshot::channel();
    Request::Outcome { outcome, written }
}

fn told((request, answer): (Request, Option<Answer>)) -> Option<Told> {
    match request {
        Request::Claim { answer: waiting, .. } => Some(Told::Claim(waiting, answer?)),
        Request::Outcome { written, .. } => Some(Told::Written(written)),
    }
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
