//! The handle that roles hold: two connections and what is shared over them.
//!
//! Two connections, because one is one TCP stream: a large body on it would delay acks and notices behind it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::create;
use crate::link::{ConnectError, Link};
use crate::metrics::Metrics;
use crate::monitor::{self, Reachability};
use crate::names::Names;
use crate::settings::Settings;
use crate::topology::{self, TopologyDiff, TopologyError, Wanted};

/// What tasks share.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) metrics: Metrics,
    /// Jobs, acks, verdicts, notices.
    pub(crate) control: Link,
    /// Contents.
    pub(crate) bulk: Link,
    pub(crate) reachability: watch::Sender<Reachability>,
    /// Somebody saw something that a missing stream or consumer would explain.
    pub(crate) suspicion: Notify,
    /// KiB that may be on their way to the server.
    pub(crate) publishing: Arc<Semaphore>,
    /// KiB of contents put together from chunks.
    pub(crate) chunked: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Inner {
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted::new(&self.settings, &self.names)
    }
}

/// The queue. A clone is the same one; its background tasks end with the last clone.
#[derive(Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Inner>,
    _end: Arc<DropGuard>,
}

impl Bus {
    /// Returns at once and connects in the background, trying for ever and saying so. Must be called inside a Tokio
    /// runtime. `client_name` is what the server shows for the connections.
    ///
    /// # Errors
    /// Only for options that cannot work: an unreadable credentials or certificate file, a bad address, prefix or
    /// limit.
    pub async fn connect(
        settings: Settings,
        client_name: &str,
        metrics: Metrics,
    ) -> Result<Self, ConnectError> {
        check(&settings)?;
        let names =
            Names::new(&settings.prefix).ok_or_else(|| ConnectError::Prefix(settings.prefix.clone()))?;
        let control = Link::open(&settings, &format!("{client_name} control"), &metrics).await?;
        let bulk = Link::open(&settings, &format!("{client_name} bulk"), &metrics).await?;
        let (reachability, _) = watch::channel(Reachability::Unreachable { why: "not connected yet".into() });
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            publishing: Arc::new(Semaphore::new(kib(settings.publish_bytes_max))),
            chunked: Arc::new(Semaphore::new(kib(settings.chunked_bytes_max))),
            settings,
            names,
            metrics,
            control,
            bulk,
            reachability,
            suspicion: Notify::new(),
            stop: stop.clone(),
            tasks: TaskTracker::new(),
        });
        inner.tasks.spawn(monitor::watch(inner.clone()));
        Ok(Self { inner, _end: Arc::new(stop.drop_guard()) })
    }

    /// Whether the queue can be used, as it changes.
    pub fn reachability(&self) -> watch::Receiver<Reachability> {
        self.inner.reachability.subscribe()
    }

    /// What differs between the server's streams and consumers and what the settings want; empty when nothing does.
    ///
    /// # Errors
    /// When there is no connection, or the server refuses or does not answer.
    pub async fn topology(&self) -> Result<Vec<TopologyDiff>, TopologyError> {
        self.connected().await?;
        topology::compare(&self.inner.control, &self.inner.wanted()).await
    }

    /// Creates and updates streams and consumers, and returns what had differed. Data that is in them stays.
    ///
    /// # Errors
    /// When there is no connection, or the server refuses: replicas that it does not have, a change that it does not
    /// make to an existing stream (retention, storage).
    pub async fn apply_topology(&self) -> Result<Vec<TopologyDiff>, TopologyError> {
        let diffs = self.topology().await?;
        create::apply(&self.inner.control, &self.inner.wanted(), &diffs).await?;
        self.inner.suspicion.notify_one();
        Ok(diffs)
    }

    /// Waits for the background tasks and for a last answer of the server on each connection, which proves that
    /// everything sent before has arrived. Call it after `serve_scan` and `serve_relay` have returned.
    pub async fn shutdown(self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        for link in [&self.inner.control, &self.inner.bulk] {
            let barrier = link.request("$JS.API.INFO", Bytes::new(), self.inner.settings.request_timeout);
            if let Err(error) = barrier.await {
                tracing::debug!(%error, "nats gave no last answer");
            }
        }
    }

    /// Gives a connection that is being made the time of one request.
    async fn connected(&self) -> Result<(), TopologyError> {
        let link = &self.inner.control;
        let until = tokio::time::Instant::now() + self.inner.settings.request_timeout;
        if link.ready_by(until).await { Ok(()) } else { Err(TopologyError::Disconnected(link.why())) }
    }
}

/// Permits for `bytes`: one per KiB, at least one.
pub(crate) fn kib(bytes: usize) -> usize {
    bytes.div_ceil(1_024).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize))
}

fn check(settings: &Settings) -> Result<(), ConnectError> {
    let rules = [
        ((1..=5).contains(&settings.replicas), "replicas must be 1 to 5"),
        (settings.queue_messages_max > 0, "queue_messages_max must not be 0"),
        (settings.body_messages_max > 0, "body_messages_max must not be 0"),
        (settings.ack_wait >= Duration::from_millis(100), "ack_wait must be at least 100 ms"),
        (settings.chunk_bytes >= 1_024, "chunk_bytes must be at least 1024"),
        (settings.janitor_age <= settings.max_age, "janitor_age must not be above max_age"),
        (settings.poison_deliveries > 0, "poison_deliveries must not be 0"),
        (settings.ledger.is_none_or(|l| l.records_max > 0), "records_max must not be 0"),
        (
            settings.ledger.is_none_or(|l| l.claim_stale >= Duration::from_millis(100)),
            "claim_stale must be at least 100 ms",
        ),
        (settings.ledger.is_none_or(|l| l.max_age >= l.claim_stale), "max_age must not be below claim_stale"),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, broken)) => Err(ConnectError::Limit(broken)),
        None => Ok(()),
    }
}
