//! Writing: what waits becomes one frame of the journal, and is then answered. One at a time writes.
//!
//! Mostly whoever brings a request carries it out at once: that is a short write, and two switches of threads would
//! cost more. Where the disk is waited for, or somebody writes already, a thread does, for all that have come
//! meanwhile; and it brings the database up to date.
//!
//! A write that fails leaves nobody knowing what the files have. So the database is closed and opened again, which
//! checks it, and until that worked nothing is granted. Outcomes that could not be written meanwhile are kept and
//! written first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use proto::ledger::Walk;
use proto::{MessageKey, ledger::Record};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::journal::{Entry, Journal};
use crate::keys::RecordKey;
use crate::place::{OpenError, Place};
use crate::queue::{Answer, Outcome, Request, Waited};
use crate::settings::Sync;
use crate::store::{StoreError, Updated, Walked};
use crate::tables::Limits;
use crate::{Shared, unix_ms};

/// Records at which the database is brought up to date.
const FRESH_MAX: usize = 256;
/// Records at which only the thread writes, so that it is not left behind.
const FRESH_FULL: usize = 1_024;
/// How long records stay out of the database when nothing else happens.
const FRESH_TIME: Duration = Duration::from_secs(1);
/// Between two looks for records that are too old, while nothing else happens.
const IDLE: Duration = Duration::from_secs(10);
/// The same, while there are some.
const IDLE_EXCESS: Duration = Duration::from_millis(50);
/// Records removed at one time, besides as many as were written.
const PRUNE_STEPS: usize = 64;
/// Between two tries to write again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Outcomes that are kept for when the ledger can be written again.
const KEPT_MAX: usize = 100_000;

/// The right to write, and what belongs to it.
#[derive(Debug)]
pub(crate) struct Writer {
    place: Place,
    journal: Journal,
    limits: Limits,
    /// Not written yet.
    kept: Vec<Outcome>,
    /// When it was last tried to write again.
    tried: Instant,
    /// Whether the last update left records that are too old or too many.
    has_more: bool,
    /// Records of the database at the last update.
    count: u64,
}

/// Who is to be told what, once it is written.
enum Told {
    Claim(oneshot::Sender<Answer>, Answer),
    Written(oneshot::Sender<bool>),
}

/// What a group came to, as far as it was carried out.
#[derive(Default)]
struct Effects {
    entries: Vec<Entry>,
    /// Claims among them.
    created: Vec<RecordKey>,
    told: Vec<Told>,
    /// Outcomes, for when they are not written.
    outcomes: Vec<Outcome>,
    ambiguous: u64,
}

/// The thread: works until the queue is closed, then brings the database up to date and closes it.
pub(crate) fn run(shared: &Shared) {
    let mut patience = IDLE;
    loop {
        let waited = shared.queue.wait(patience);
        let mut holder = shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = holder.as_mut() else { return };
        if shared.is_broken() && RETRY_PAUSE <= writer.tried.elapsed() {
            writer.mend(shared);
            writer.tried = Instant::now();
        }
        // Somebody may have done it meanwhile.
        writer.write_what_waits(shared);
        let is_due = match waited {
            Waited::Work => FRESH_MAX <= shared.store.fresh_count(),
            Waited::Idle | Waited::Closed => 0 < shared.store.fresh_count() || writer.has_excess(shared),
        };
        if is_due && !shared.is_broken() {
            writer.update(shared);
        }
        patience = writer.patience(shared);
        if waited == Waited::Closed {
            shared.store.set_database(None);
            // With it goes the lock.
            *holder = None;
        }
    }
}

/// Puts a request in, and carries it out at once where that is fast.
pub(crate) fn write(shared: &Shared, request: Request) {
    shared.queue.push(request);
    let before = shared.store.fresh_count();
    if shared.sync == Sync::Lazy
        && before < FRESH_FULL
        && !shared.is_broken()
        && let Ok(mut holder) = shared.writer.try_lock()
        && let Some(writer) = holder.as_mut()
    {
        writer.write_what_waits(shared);
        if 0 < before && shared.store.fresh_count() < FRESH_MAX {
            return;
        }
    }
    shared.queue.wake();
}

impl Writer {
    /// Brings the database up to date with the journal.
    ///
    /// # Errors
    /// When it cannot be.
    pub(crate) fn begin(shared: &Shared, mut place: Place, limits: Limits) -> Result<Self, OpenError> {
        shared.store.set_database(Some(place.database()?));
        let (journal, entries) = place.journal()?;
        let (tried, count) = (Instant::now(), 0);
        let mut writer = Self { place, journal, limits, kept: Vec::new(), tried, has_more: false, count };
        let found = entries.len();
        let restored = shared.store.restore(entries).map_err(|error| in_full(&error));
        restored.and_then(|()| writer.try_update(shared)).map_err(OpenError::Update)?;
        tracing::info!(records = writer.count, from_the_journal = found, "the ledger is open");
        Ok(writer)
    }

    fn patience(&self, shared: &Shared) -> Duration {
        if shared.is_broken() {
            RETRY_PAUSE
        } else if self.has_more {
            IDLE_EXCESS
        } else if 0 < shared.store.fresh_count() {
            FRESH_TIME
        } else {
            IDLE
        }
    }

    fn has_excess(&self, shared: &Shared) -> bool {
        shared.store.has_excess(self.limits, unix_ms())
    }

    fn write_what_waits(&mut self, shared: &Shared) {
        let group = shared.queue.take();
        if !group.is_empty() {
            self.write(shared, group);
        }
    }

    fn write(&mut self, shared: &Shared, group: Vec<Request>) {
        let began = Instant::now();
        let mut effects = Effects::default();
        let mut result = if shared.is_broken() { Err("it could not be written".to_owned()) } else { Ok(()) };
        for request in group {
            match result {
                Ok(()) => result = carry_out(shared, request, &mut effects),
                Err(_) => effects.refuse(request),
            }
        }
        if result.is_ok() && !effects.entries.is_empty() {
            result = self.journal.append(&effects.entries).map_err(|error| error.to_string());
        }
        match result {
            Ok(()) => {
                shared.metrics.written(began.elapsed());
                shared.metrics.records.set(signed(self.count + shared.store.fresh_count() as u64));
                effects.tell(shared);
            }
            Err(why) => {
                self.fail(shared, &why);
                effects.revoke(shared, &mut self.kept);
            }
        }
    }

    fn update(&mut self, shared: &Shared) {
        if let Err(why) = self.try_update(shared) {
            shared.store.set_database(None);
            self.fail(shared, &why);
        }
    }

    fn try_update(&mut self, shared: &Shared) -> Result<(), String> {
        let began = Instant::now();
        let steps = PRUNE_STEPS + shared.store.fresh_count();
        let update = AssertUnwindSafe(|| shared.store.update(self.limits, unix_ms(), steps));
        let updated = catch_unwind(update).map_err(|_| "the database panicked".to_owned())?;
        let Updated { count, pruned } = updated.map_err(|error| in_full(&error))?;
        self.journal.reset().map_err(|error| error.to_string())?;
        (self.count, self.has_more) = (count, pruned == steps);
        shared.metrics.updated(began.elapsed());
        shared.metrics.pruned.inc_by(pruned as u64);
        shared.metrics.records.set(signed(count));
        Ok(())
    }

    /// From now on nothing is granted.
    fn fail(&mut self, shared: &Shared, why: &str) {
        if !shared.is_broken() {
            tracing::error!(why, "the ledger cannot be written: mails are refused until it can be");
            self.tried = Instant::now();
            shared.set_writable(false);
        }
    }

    /// Opens the database again, brings it up to date and writes what was kept.
    fn mend(&mut self, shared: &Shared) {
        match self.try_to_mend(shared) {
            Ok(outcomes) => {
                tracing::info!(outcomes, "the ledger can be written again");
                shared.set_writable(true);
            }
            Err(why) => tracing::debug!(why, "the ledger cannot be written yet"),
        }
    }

    fn try_to_mend(&mut self, shared: &Shared) -> Result<usize, String> {
        self.place.has_room().map_err(|error| error.to_string())?;
        // Checked from its start: an error may have left it half written.
        shared.store.set_database(None);
        shared.store.set_database(Some(self.place.database().map_err(|error| in_full(&error))?));
        for Outcome { key, generation, record } in &self.kept {
            let put = shared.store.put(*key, *generation, record, unix_ms());
            put.map_err(|error| in_full(&error))?;
        }
        self.try_update(shared)?;
        let outcomes = self.kept.len();
        self.kept.clear();
        Ok(outcomes)
    }
}

/// One request; what it asks for is in the store then, and not in the journal yet.
fn carry_out(shared: &Shared, request: Request, effects: &mut Effects) -> Result<(), String> {
    match request {
        // Nobody would ever write the outcome of such a claim.
        Request::Claim { answer, .. } if answer.is_closed() => {}
        Request::Claim { key, walk, draft, answer } => {
            let (came_to, result) = match walk_to_claim(shared, key, walk, &draft, effects) {
                Ok(came_to) => (came_to, Ok(())),
                Err(why) => (Answer::Unwritable, Err(why)),
            };
            effects.told.push(Told::Claim(answer, came_to));
            return result;
        }
        Request::Outcome { outcome, written } => {
            let put = shared.store.put(outcome.key, outcome.generation, &outcome.record, unix_ms());
            effects.outcomes.push(outcome);
            effects.told.push(Told::Written(written));
            effects.entries.push(put.map_err(|error| in_full(&error))?);
        }
    }
    Ok(())
}

fn walk_to_claim(
    shared: &Shared,
    key: MessageKey,
    walk: Walk,
    draft: &Record,
    effects: &mut Effects,
) -> Result<Answer, String> {
    let living = shared.living.lock();
    match shared.store.claim(key, walk, draft, &living, unix_ms()) {
        Ok((Walked { end, ambiguous }, created)) => {
            if ambiguous > 0 {
                effects.ambiguous += u64::from(ambiguous);
                tracing::warn!(mk = %key, ambiguous, "claim without an outcome: a second copy is possible");
            }
            effects.created.extend(created.iter().map(|entry| entry.key));
            effects.entries.extend(created);
            Ok(end.map_or(Answer::Watch, Answer::End))
        }
        Err(StoreError::Unreadable(why)) => {
            shared.metrics.unreadable.inc();
            tracing::error!(mk = %key, why, "a record of the ledger cannot be read");
            Ok(Answer::Unreadable)
        }
        Err(error @ (StoreError::Database(_) | StoreError::Closed)) => Err(in_full(&error)),
    }
}

impl Effects {
    /// Of a ledger that cannot be written.
    fn refuse(&mut self, request: Request) {
        match request {
            Request::Claim { answer, .. } => self.told.push(Told::Claim(answer, Answer::Unwritable)),
            Request::Outcome { outcome, written } => {
                self.outcomes.push(outcome);
                self.told.push(Told::Written(written));
            }
        }
    }

    /// It is written.
    fn tell(self, shared: &Shared) {
        shared.metrics.ambiguous.inc_by(self.ambiguous);
        for told in self.told {
            // Whoever does not wait any more does not need it.
            let _waits = match told {
                Told::Claim(waiting, answer) => waiting.send(answer).is_ok(),
                Told::Written(waiting) => waiting.send(true).is_ok(),
            };
        }
    }

    /// It is not.
    fn revoke(self, shared: &Shared, kept: &mut Vec<Outcome>) {
        shared.store.take_back(&self.created);
        shared.metrics.unrecorded.inc_by(self.outcomes.len() as u64);
        let room = KEPT_MAX.saturating_sub(kept.len());
        kept.extend(self.outcomes.into_iter().take(room));
        for told in self.told {
            let _waits = match told {
                Told::Claim(waiting, _) => waiting.send(Answer::Unwritable).is_ok(),
                Told::Written(waiting) => waiting.send(false).is_ok(),
            };
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
