//! The sink's listeners and what its sessions share.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ingress::session::{Rules, Session};
use ingress::{Admission, Metrics, Settings};
use prometheus_client::registry::Registry;
use proto::{Envelope, Reply};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Sink;
use crate::signals::Shutdown;
use crate::sockets::Bound;

use super::connection::Connection;
use super::store::Keeper;
use super::totals::{Totals, add};

/// Largest mail: more than the filter takes, which adds header fields.
const SIZE_BYTES_MAX: u64 = 1 << 30;
/// Sessions and mails at the same time: far above what a filter opens.
const SESSIONS_MAX: usize = 10_000;
/// Pause after a failed accept, so that a full descriptor table does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What sessions share.
pub(super) struct Shared {
    pub(super) settings: Sink,
    pub(super) rules: Arc<Rules>,
    pub(super) totals: Arc<Totals>,
    admission: Admission,
    keeper: Option<Arc<dyn Keeper>>,
    /// Of the next queue id.
    next: AtomicU64,
}

impl Shared {
    /// Keeps a mail where somebody wants it, and says how to answer.
    pub(super) async fn keep(&self, envelope: Envelope, content: Bytes) -> Reply {
        let taken = Reply::enhanced(
            250,
            0,
            0,
            format!("Ok: queued as SINK{:08X}", self.next.fetch_add(1, Ordering::Relaxed)),
        );
        let Some(keeper) = self.keeper.clone() else {
            return taken;
        };
        let kept = tokio::task::spawn_blocking(move || keeper.keep(&envelope, &content)).await;
        match kept {
            Ok(Ok(())) => taken,
            Ok(Err(error)) => {
                tracing::warn!(%error, "mail cannot be kept");
                Reply::enhanced(451, 3, 0, "cannot be kept")
            }
            Err(_) => Reply::unknown(),
        }
    }
}

/// A bound sink.
pub(crate) struct SinkServer {
    listeners: Vec<Bound>,
    shared: Arc<Shared>,
}

impl SinkServer {
    /// Binds all listeners.
    ///
    /// # Errors
    /// When one cannot be bound.
    pub(crate) async fn bind(settings: Sink, keeper: Option<Arc<dyn Keeper>>) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for endpoint in &settings.listen {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{endpoint}: {error}"));
            listeners.push(Bound::bind(endpoint).await.map_err(named)?);
        }
        let server = Settings {
            hostname: "sink.mailweir.invalid".into(),
            size_bytes_max: SIZE_BYTES_MAX,
            in_flight_bytes_max: u64::MAX / 2,
            transactions_max: SESSIONS_MAX,
            sessions_max: SESSIONS_MAX,
            ..Settings::default()
        };
        let admission = Admission::new(&server, &Metrics::register(&mut Registry::default()));
        Ok(Self {
            listeners,
            shared: Arc::new(Shared {
                settings,
                rules: Arc::new(Rules::new(server)),
                totals: Arc::default(),
                admission,
                keeper,
                next: AtomicU64::new(1),
            }),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub(crate) fn local(&self) -> io::Result<Vec<String>> {
        self.listeners.iter().map(Bound::local).collect()
    }

    /// Its counters.
    pub(crate) fn totals(&self) -> Arc<Totals> {
        self.shared.totals.clone()
    }

    /// Serves until it is drained and all transactions are finished, or forced.
    pub(crate) async fn serve(self, shutdown: Shutdown) {
        let sessions = TaskTracker::new();
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            let (shared, sessions, shutdown) = (self.shared.clone(), sessions.clone(), shutdown.clone());
            accepting.spawn(async move { accept(&listener, &shared, &sessions, &shutdown).await });
        }
        while accepting.join_next().await.is_some() {}
        sessions.close();
        tokio::select! {
            () = sessions.wait() => {}
            () = shutdown.force.cancelled() => {}
        }
    }
}

async fn accept(listener: &Bound, shared: &Arc<Shared>, sessions: &TaskTracker, shutdown: &Shutdown) {
    loop {
        let accepted = tokio::select! {
            () = shutdown.drain.cancelled() => return,
            () = shutdown.force.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                add(&shared.totals.connections, 1);
                let session = Session::new(shared.rules.clone(), shared.admission.session(), peer);
                let connection = Connection::new(stream, session, shared.clone());
                sessions.spawn(served(connection, shutdown.drain.clone(), shutdown.force.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "sink cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn served(connection: Connection, drain: CancellationToken, force: CancellationToken) {
    if let Some(Err(error)) = force.run_until_cancelled(connection.run(drain)).await {
        tracing::debug!(%error, "session broke");
    }
}
