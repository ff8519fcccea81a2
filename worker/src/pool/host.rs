//! One host of a pool: its idle connections, its slots, and whether it is healthy.
//!
//! One that must prove itself is left alone from the start, until a probe succeeds.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, timeout, timeout_at};

use proto::Endpoint;

use super::breaker::{Admission, Breaker};
use super::client::{Client, Failure, Outcome, Request, Target};
use super::settings::{self, Settings};
use super::slots::Slots;
use crate::metrics::HostMetrics;

struct Idle<C> {
    connection: C,
    since: Instant,
}

/// One host and what is known of it.
pub(super) struct Host<C: Client> {
    pub(super) endpoint: Endpoint,
    pub(super) weight: u32,
    pub(super) slots: Slots,
    idle: Mutex<Vec<Idle<C::Connection>>>,
    breaker: Mutex<Breaker>,
    chance: RandomState,
    /// What its probe found wrong with it, which is more than being down.
    doubt: Mutex<Option<String>>,
    /// How often something was found.
    doubts: AtomicU64,
    pub(super) metrics: HostMetrics,
}

impl<C: Client> Host<C> {
    pub(super) fn new(
        host: &settings::Host,
        settings: &Settings,
        metrics: HostMetrics,
        must_prove: bool,
    ) -> Self {
        let abandoned = metrics.abandoned.clone();
        let mut breaker = Breaker::new(settings.breaker_failures, settings.breaker_pause);
        if must_prove {
            breaker.open(Instant::now().into_std());
            metrics.breaker_open.set(1);
        }
        Self {
            endpoint: host.endpoint.clone(),
            weight: host.weight.max(1),
            slots: Slots::new(settings.connections_max, settings.scan_time_max, abandoned),
            idle: Mutex::default(),
            breaker: Mutex::new(breaker),
            chance: RandomState::new(),
            doubt: Mutex::default(),
            doubts: AtomicU64::new(0),
            metrics,
        }
    }

    /// Whether it may be used now; a host that was left alone is probed first.
    pub(super) async fn admit(&self, client: &C, settings: &Settings) -> bool {
        let now = Instant::now().into_std();
        let admission = lock(&self.breaker).admit(now, self.chance());
        match admission {
            Admission::Use => true,
            Admission::Refused => false,
            Admission::Probe => self.probe(client, settings).await.is_ok(),
        }
    }

    /// Whether it is left alone.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.breaker).is_open()
    }

    /// Asks for its version, and whatever else its client wants to know. It is used or left alone by what comes out.
    pub(super) async fn probe(&self, client: &C, settings: &Settings) -> Result<String, Failure> {
        let limit = client.probe_time(settings.connect_timeout);
        let probe = client.probe(self.target(settings));
        let result = timeout(limit, probe).await.unwrap_or(Err(Failure::Timeout));
        match &result {
            Ok(_) => self.believe(),
            Err(failure @ (Failure::Refused(_) | Failure::Grammar(_))) => self.doubt(failure, settings),
            Err(failure) => {
                tracing::debug!(host = %self.endpoint, %failure, "a scanner is down");
                self.failed();
            }
        }
        result
    }

    /// Looks closely at it.
    pub(super) async fn examine(&self, client: &C, settings: &Settings) {
        match client.examine(self.target(settings)).await {
            Err(failure @ Failure::Refused(_)) => self.doubt(&failure, settings),
            Err(failure) => {
                tracing::debug!(host = %self.endpoint, %failure, "a scanner could not be examined");
            }
            Ok(()) => {}
        }
    }

    fn believe(&self) {
        self.succeeded();
        self.metrics.canary_failing.set(0);
        if lock(&self.doubt).take().is_some() {
            tracing::info!(host = %self.endpoint, "a scanner is what it should be again, using it");
        }
    }

    /// Leaves it alone at once, and says why unless that was said.
    fn doubt(&self, failure: &Failure, settings: &Settings) {
        let probe_at = Instant::now() + settings.breaker_pause;
        lock(&self.breaker).open(probe_at.into_std());
        self.metrics.breaker_open.set(1);
        self.metrics.canary_failing.set(1);
        let why = failure.chain();
        let mut doubt = lock(&self.doubt);
        if doubt.as_ref() != Some(&why) {
            tracing::warn!(host = %self.endpoint, why, "a scanner is not what it should be, leaving it alone");
            *doubt = Some(why);
            self.doubts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// By what it scans now, where that is known. It is another after each doubt, so that what it said before is not
    /// believed.
    pub(super) fn signatures(&self, client: &C) -> Option<String> {
        let told = client.signatures(&self.endpoint)?;
        Some(format!("{told} {}", self.doubts.load(Ordering::Relaxed)))
    }

    /// Has the content of `request` scanned by its deadline, once a slot is free.
    pub(super) async fn scan(
        &self,
        client: &C,
        settings: &Settings,
        request: &Request<'_>,
    ) -> Result<Outcome, Failure> {
        let Ok(slot) = timeout_at(request.deadline, self.slots.take()).await else {
            return Err(Failure::Busy);
        };
        self.metrics.busy.inc();
        let _busy = Busy(&self.metrics);
        let scan = self.exchange(client, settings, request);
        let Ok(result) = timeout_at(request.deadline, scan).await else {
            // The slot is dropped, and the scan is abandoned.
            return Err(Failure::Timeout);
        };
        slot.finish();
        if let Err(Failure::Connect(error)) = &result
            && matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
        {
            self.slots.forget_abandoned();
        }
        result
    }

    async fn exchange(
        &self,
        client: &C,
        settings: &Settings,
        request: &Request<'_>,
    ) -> Result<Outcome, Failure> {
        let target = self.target(settings);
        if let Some(connection) = self.take_idle(settings) {
            match client.exchange(target, Some(connection), request).await {
                // It closed the idle connection just then. Scanning has no effect, so asking again is safe.
                Err(Failure::Lost(_)) => {}
                Err(failure) => return Err(failure),
                Ok(reply) => return Ok(self.keep(reply.connection, reply.outcome)),
            }
        }
        let result = client.exchange(target, None, request).await;
        if !matches!(result, Err(Failure::Connect(_) | Failure::ConnectTimeout)) {
            self.metrics.connects.inc();
        }
        let reply = result?;
        Ok(self.keep(reply.connection, reply.outcome))
    }

    fn target<'a>(&'a self, settings: &Settings) -> Target<'a> {
        Target { endpoint: &self.endpoint, connect_timeout: settings.connect_timeout }
    }

    fn keep(&self, connection: Option<C::Connection>, outcome: Outcome) -> Outcome {
        if let Some(connection) = connection {
            lock(&self.idle).push(Idle { connection, since: Instant::now() });
        }
        outcome
    }

    /// The connection that was used last, unless it is too old.
    fn take_idle(&self, settings: &Settings) -> Option<C::Connection> {
        let mut pool = lock(&self.idle);
        let now = Instant::now();
        pool.retain(|idle| now.duration_since(idle.since) < settings.idle_max);
        pool.pop().map(|idle| idle.connection)
    }

    pub(super) fn succeeded(&self) {
        lock(&self.breaker).succeeded();
        self.metrics.breaker_open.set(0);
    }

    pub(super) fn failed(&self) {
        let now = Instant::now().into_std();
        let (was_open, is_open) = {
            let mut breaker = lock(&self.breaker);
            let was_open = breaker.is_open();
            breaker.failed(now, self.chance());
            (was_open, breaker.is_open())
        };
        self.metrics.breaker_open.set(i64::from(is_open));
        if is_open && !was_open {
            let host = &self.endpoint;
            tracing::warn!(%host, "a scanner failed too often in a row, leaving it alone for a while");
        }
    }

    fn chance(&self) -> u64 {
        self.chance.hash_one(Instant::now().into_std())
    }
}

/// Counts a scan under way, also when its caller goes away.
struct Busy<'a>(&'a HostMetrics);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.dec();
    }
}

/// No code panics while it holds one of these locks; if it did, the data are still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
