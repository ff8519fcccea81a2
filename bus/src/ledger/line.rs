//! Carries out a walk: each step until it succeeded or the time is up.

use std::time::Duration;

use proto::MessageKey;
use proto::ledger::{End, Freshness, Record, Seen, Staleness, Step, Walk};
use proto::wire::encode;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::bus::Inner;
use crate::publish::{Fault, NotPublished};
use crate::retry::Delays;
use crate::settings::LedgerSettings;

use super::store::{NotRead, Store};

/// Pause while a competitor's write is in flight, or a leader does not yet know what it has refused.
const IN_FLIGHT_PAUSE: Duration = Duration::from_millis(30);
/// Longest pause between two looks at somebody else's claim.
const WATCH_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Looks at a claim within the time after which it is stale.
const WATCHES: u32 = 5;

/// Why a walk did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum LedgerError {
    /// Nobody answered in time; what was to be created may stand.
    #[error("the ledger was not reached in time: {0}")]
    Unreachable(String),
    /// A record stands there that this release cannot read: nobody can say what it decides.
    #[error("a record of the ledger cannot be read: {0}")]
    Unreadable(String),
}

/// The line of one mail, and what was seen of the claims on it.
pub(crate) struct Line<'a> {
    store: Store<'a>,
    staleness: Staleness,
    watch_pause: Duration,
    /// Whether the last creation met a record, which a leader that is behind may not show yet.
    refused: bool,
    /// Claims that were passed as stale, by generation.
    passed: Vec<(u32, Record)>,
}

impl<'a> Line<'a> {
    /// The line of the mail `key`.
    pub(crate) fn new(inner: &'a Inner, settings: &LedgerSettings, key: MessageKey) -> Self {
        Self {
            store: Store { inner, key },
            staleness: Staleness::new(settings.claim_stale),
            watch_pause: (settings.claim_stale / WATCHES).min(WATCH_PAUSE_MAX),
            refused: false,
            passed: Vec::new(),
        }
    }

    /// Walks to the end. `draft` is what is created.
    pub(crate) async fn walk(
        &mut self,
        walk: &mut Walk,
        draft: Option<&Record>,
        until: Instant,
    ) -> Result<End, LedgerError> {
        loop {
            if let Step::End(end) = walk.step() {
                self.count_ambiguous(walk);
                return Ok(end.clone());
            }
            self.step(walk, draft, until).await?;
        }
    }

    /// Carries out one step.
    pub(crate) async fn step(
        &mut self,
        walk: &mut Walk,
        draft: Option<&Record>,
        until: Instant,
    ) -> Result<(), LedgerError> {
        match (*walk.step()).clone() {
            Step::End(_) => Ok(()),
            Step::Create(generation) => {
                let Some(draft) = draft else {
                    return Err(LedgerError::Unreachable("a look creates nothing".into()));
                };
                let created = self.create(generation, draft, until).await?;
                self.refused = !created;
                walk.saw(if created { Seen::Created } else { Seen::Exists });
                Ok(())
            }
            Step::Read(generation) => self.read(walk, generation, until).await,
            Step::Watch(generation) => {
                sleep(self.watch_pause).await;
                self.read(walk, generation, until).await
            }
        }
    }

    /// Whether the claims that were passed as stale are still as they were then. Asked when one's own record stands behind
    /// them: a leader that is cut off shows old records for some seconds, but takes none.
    pub(crate) async fn passed_rightly(&mut self, until: Instant) -> Result<bool, LedgerError> {
        for (generation, seen) in std::mem::take(&mut self.passed) {
            if self.get(generation, until).await?.as_ref() != Some(&seen) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes one's own record again.
    pub(crate) async fn write(
        &self,
        generation: u32,
        record: &Record,
        until: Instant,
    ) -> Result<(), NotPublished> {
        self.store.write(generation, record, until).await
    }

    /// Counts and tells the claims without an outcome that the walk passed.
    pub(crate) fn count_ambiguous(&self, walk: &Walk) {
        let passed = walk.ambiguous();
        if passed > 0 {
            self.store.inner.metrics.ledger_ambiguous.inc_by(u64::from(passed));
            tracing::warn!(mk = %self.store.key, passed, "claim without an outcome: a second copy is possible");
        }
    }

    async fn create(&self, generation: u32, draft: &Record, until: Instant) -> Result<bool, LedgerError> {
        let inner = self.store.inner;
        let payload = encode(draft, b"").map_err(|error| LedgerError::Unreachable(error.to_string()))?;
        let mut delays = Delays::publish();
        let mut last = String::new();
        loop {
            self.connected(until, &last).await?;
            let failed = match self.store.create(generation, payload.clone(), until).await {
                Ok(created) => return Ok(created),
                Err(failed) => failed,
            };
            let pause = match failed.fault {
                Fault::InFlight => IN_FLIGHT_PAUSE,
                Fault::TooLarge => return Err(LedgerError::Unreachable(failed.text)),
                Fault::Transient | Fault::Unknown | Fault::Full | Fault::Conflict | Fault::Odd => {
                    inner.suspicion.notify_one();
                    delays.next()
                }
            };
            tracing::debug!(mk = %self.store.key, generation, error = failed.text, "record not created yet");
            inner.metrics.publish_retries.inc();
            last = failed.text;
            self.pause(pause, until, &last).await?;
        }
    }

    async fn read(&mut self, walk: &mut Walk, generation: u32, until: Instant) -> Result<(), LedgerError> {
        match self.get(generation, until).await? {
            Some(record) => {
                let freshness = self.staleness.observe(generation, &record, Instant::now().into_std());
                self.refused = false;
                if freshness == Freshness::Stale {
                    self.passed.push((generation, record.clone()));
                }
                walk.saw(Seen::Record(&record, freshness));
            }
            None => {
                if std::mem::take(&mut self.refused) {
                    self.pause(IN_FLIGHT_PAUSE, until, "the record that stands there is not shown").await?;
                }
                walk.saw(Seen::Missing);
            }
        }
        Ok(())
    }

    async fn get(&mut self, generation: u32, until: Instant) -> Result<Option<Record>, LedgerError> {
        let mut delays = Delays::publish();
        let mut last = String::new();
        loop {
            self.connected(until, &last).await?;
            let asked = Instant::now();
            match self.store.read(generation).await {
                Ok(record) => {
                    if asked.elapsed() >= self.watch_pause {
                        // Somewhere it was held up, and with it the knowledge of when this was true.
                        self.staleness.reset();
                    }
                    return Ok(record);
                }
                Err(NotRead::Unreadable(why)) => {
                    self.store.inner.metrics.ledger_unreadable.inc();
                    tracing::error!(why, "a record of the ledger cannot be read");
                    return Err(LedgerError::Unreadable(why));
                }
                Err(NotRead::Away(why)) => {
                    self.staleness.reset();
                    self.store.inner.suspicion.notify_one();
                    tracing::debug!(mk = %self.store.key, generation, why, "record not read yet");
                    last = why;
                }
            }
            self.pause(delays.next(), until, &last).await?;
        }
    }

    async fn connected(&self, until: Instant, last: &str) -> Result<(), LedgerError> {
        let link = &self.store.inner.control;
        if !link.ready_by(until).await {
            return Err(LedgerError::Unreachable(link.why()));
        }
        if Instant::now() < until { Ok(()) } else { Err(out_of_time(last)) }
    }

    async fn pause(&self, pause: Duration, until: Instant, last: &str) -> Result<(), LedgerError> {
        if Instant::now() + pause >= until {
            return Err(out_of_time(last));
        }
        sleep(pause).await;
        Ok(())
    }
}

fn out_of_time(last: &str) -> LedgerError {
    LedgerError::Unreachable(if last.is_empty() { "no time left".into() } else { last.to_owned() })
}
