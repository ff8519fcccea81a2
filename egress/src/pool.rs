//! The connections to one target: a limit on how many there are, and those that wait for the next mail.
//!
//! A connection comes back only when its dialogue says that it is ready; in doubt it is closed. Idle ones are closed
//! with QUIT when their time is up, by a task that lives only while there are any.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, Failure};
use crate::health::{Health, Permit};
use crate::metrics::TargetMetrics;
use crate::settings::{Settings, Target};

/// One target with its connections and its health.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) target: Target,
    /// The target as replies and the log name it.
    pub(crate) label: String,
    pub(crate) metrics: TargetMetrics,
    settings: Arc<Settings>,
    slots: Arc<Semaphore>,
    idle: Mutex<Idle>,
    health: Mutex<Health>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

#[derive(Debug, Default)]
struct Idle {
    /// The longest idle first.
    connections: Vec<(Connection, Instant)>,
    /// Whether a task sees to those whose time is up.
    reaped: bool,
}

/// The right to one connection.
#[derive(Debug)]
pub(crate) struct Slot {
    lane: Arc<Lane>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.lane.metrics.open.dec();
    }
}

impl Lane {
    pub(crate) fn new(
        target: Target,
        settings: Arc<Settings>,
        metrics: TargetMetrics,
        tasks: TaskTracker,
        stopping: CancellationToken,
    ) -> Self {
        metrics.up.set(1);
        Self {
            label: target.to_string(),
            slots: Arc::new(Semaphore::new(settings.connections_per_target_max.max(1))),
            target,
            settings,
            metrics,
            idle: Mutex::default(),
            health: Mutex::default(),
            tasks,
            stopping,
        }
    }

    /// Whether a connection can be had without waiting for another mail to end.
    pub(crate) fn has_room(&self) -> bool {
        self.slots.available_permits() > 0
    }

    /// Waits for the right to a connection; `None` when there is none by `until`.
    pub(crate) async fn slot(self: &Arc<Self>, until: Instant) -> Option<Slot> {
        let permit = timeout_at(until, Arc::clone(&self.slots).acquire_owned()).await;
        let permit = permit.ok()?.ok()?;
        // The mail before us may have used up our time as well as its own.
        if until <= Instant::now() {
            return None;
        }
        self.metrics.open.inc();
        Some(Slot { lane: Arc::clone(self), _permit: permit })
    }

    /// A connection that was kept, if one still stands.
    pub(crate) fn kept(&self) -> Option<Connection> {
        loop {
            // The one used last: the others may then reach their end.
            let (mut connection, since) = lock(&self.idle).connections.pop()?;
            let expired = since + self.settings.idle_keep <= Instant::now();
            if !expired && !connection.is_gone() {
                self.metrics.reused.inc();
                return Some(connection);
            }
            self.metrics.stale.inc();
        }
    }

    /// A new connection.
    pub(crate) async fn open(&self, until: Instant) -> Result<Connection, Failure> {
        let settings = &self.settings;
        let Target { endpoint, protocol } = &self.target;
        let connection =
            Connection::open(endpoint, *protocol, &settings.hostname, &settings.timeouts, until).await?;
        self.metrics.connections.inc();
        Ok(connection)
    }

    /// Keeps a connection for the next mail, or closes it.
    pub(crate) fn keep(self: &Arc<Self>, connection: Connection) {
        if !connection.is_ready() {
            return;
        }
        let worn = connection.mails() >= self.settings.mails_per_connection_max;
        if worn || self.stopping.is_cancelled() {
            self.tasks.spawn(connection.quit());
            return;
        }
        let mut idle = lock(&self.idle);
        idle.connections.push((connection, Instant::now()));
        if !idle.reaped {
            idle.reaped = true;
            let lane = Arc::clone(self);
            self.tasks.spawn(async move { lane.reap().await });
        }
    }

    /// Closes idle connections as their time comes, all of them at the end; ends when there are none.
    async fn reap(&self) {
        loop {
            let next = {
                let mut idle = lock(&self.idle);
                idle.reaped = !idle.connections.is_empty();
                let Some((_, since)) = idle.connections.first() else {
                    return;
                };
                *since + self.settings.idle_keep
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.stopping.cancelled() => {}
            }
            let all = self.stopping.is_cancelled();
            for connection in self.expired(all) {
                self.tasks.spawn(connection.quit());
            }
        }
    }

    fn expired(&self, all: bool) -> Vec<Connection> {
        let now = Instant::now();
        let mut idle = lock(&self.idle);
        let is_over = |since: Instant| all || since + self.settings.idle_keep <= now;
        let over = idle.connections.iter().filter(|(_, since)| is_over(*since)).count();
        let over = idle.connections.drain(..over);
        over.map(|(connection, _)| connection).collect()
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        lock(&self.health).failures()
    }

    /// Whether it is believed to take connections.
    pub(crate) fn is_up(&self) -> bool {
        lock(&self.health).is_up()
    }

    pub(crate) fn permit(&self) -> Permit {
        lock(&self.health).permit(Instant::now(), &self.settings)
    }

    /// It answered. True when those who wait for a target should try again.
    pub(crate) fn reached(&self) -> bool {
        self.metrics.up.set(1);
        lock(&self.health).reached()
    }

    /// It could not be reached.
    pub(crate) fn failed(&self, probe: bool, chance: u8) {
        let mut health = lock(&self.health);
        health.failed(Instant::now(), probe, chance, &self.settings);
        self.metrics.up.set(i64::from(health.is_up()));
    }
}

/// A lock that is never held over a panic: what it guards is valid between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
