//! One clamd host: its idle connections, how many scans it may run at once, and whether it is healthy.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use proto::Endpoint;

use super::Settings;
use super::breaker::{Admission, Breaker};
use super::connection::{Connection, Failure};
use super::reply::Answer;
use crate::metrics::HostMetrics;

struct Idle {
    connection: Connection,
    since: Instant,
}

/// One host and what is known of it.
pub(super) struct Host {
    pub(super) endpoint: Endpoint,
    permits: Semaphore,
    idle: Mutex<Vec<Idle>>,
    breaker: Mutex<Breaker>,
    chance: RandomState,
    pub(super) metrics: HostMetrics,
}

impl Host {
    pub(super) fn new(endpoint: Endpoint, settings: &Settings, metrics: HostMetrics) -> Self {
        Self {
            endpoint,
            permits: Semaphore::new(settings.connections_max.max(1)),
            idle: Mutex::default(),
            breaker: Mutex::new(Breaker::new(settings.breaker_failures, settings.breaker_pause)),
            chance: RandomState::new(),
            metrics,
        }
    }

    /// Scans that could start now.
    pub(super) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Whether it may be used now; a host that was left alone is probed first.
    pub(super) async fn admit(&self, settings: &Settings) -> bool {
        let now = Instant::now().into_std();
        let admission = lock(&self.breaker).admit(now, self.chance());
        match admission {
            Admission::Use => true,
            Admission::Refused => false,
            Admission::Probe => self.probe(settings).await,
        }
    }

    /// Whether it is left alone.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.breaker).is_open()
    }

    async fn probe(&self, settings: &Settings) -> bool {
        match self.version(settings).await {
            Ok(_) => {
                self.succeeded();
                true
            }
            Err(error) => {
                tracing::debug!(host = %self.endpoint, %error, "clamd is still down");
                self.failed();
                false
            }
        }
    }

    /// Asks for its versions, on a connection of its own.
    pub(super) async fn version(&self, settings: &Settings) -> Result<String, Failure> {
        let mut connection = Connection::open(&self.endpoint, settings.connect_timeout).await?;
        timeout(settings.connect_timeout, connection.version()).await.map_err(|_| Failure::Timeout)?
    }

    /// Has `content` scanned by `deadline`, once a connection is free.
    pub(super) async fn scan(
        &self,
        content: &[u8],
        settings: &Settings,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        let Ok(_permit) = timeout_at(deadline, self.permits.acquire()).await else {
            return Err(Failure::Busy);
        };
        self.metrics.busy.inc();
        let _busy = Busy(&self.metrics);
        timeout_at(deadline, self.scan_now(content, settings)).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn scan_now(&self, content: &[u8], settings: &Settings) -> Result<Answer, Failure> {
        if let Some(connection) = self.take_idle(settings).await {
            match self.scan_on(connection, content).await {
                // It closed the idle connection just then. Scanning has no effect, so asking again is safe.
                Err(Failure::Lost(_)) => {}
                result => return result,
            }
        }
        let connection = Connection::open(&self.endpoint, settings.connect_timeout).await?;
        self.metrics.connects.inc();
        self.scan_on(connection, content).await
    }

    async fn scan_on(&self, mut connection: Connection, content: &[u8]) -> Result<Answer, Failure> {
        let answer = connection.scan(content).await?;
        match &answer {
            Answer::Clean | Answer::Infected(_) | Answer::Encrypted(_) => self.keep(connection),
            // clamd closes the connection after most of these.
            Answer::OverLimit(_) | Answer::Error(_) => drop(connection),
        }
        Ok(answer)
    }

    fn keep(&self, connection: Connection) {
        lock(&self.idle).push(Idle { connection, since: Instant::now() });
    }

    /// The connection that was used last, when it is still good.
    async fn take_idle(&self, settings: &Settings) -> Option<Connection> {
        loop {
            let mut idle = {
                let mut pool = lock(&self.idle);
                let now = Instant::now();
                pool.retain(|idle| now.duration_since(idle.since) < settings.idle_max);
                pool.pop()?
            };
            if !idle.connection.is_stale().await {
                return Some(idle.connection);
            }
        }
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
            tracing::warn!(host = %self.endpoint, "clamd failed too often in a row, leaving it alone for a while");
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
