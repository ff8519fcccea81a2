//! Accepts connections for as long as the process can keep a promise, and ends in an order that loses nothing.
//!
//! It listens to the last: a closed port makes a mail server stop feeding this filter for minutes, a `451` at MAIL does
//! not. So a drain first refuses new mails, then waits for those in flight, and only then closes sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::is_allowed;
use crate::connection::{Connection, Context, linger};
use crate::listener::Accepted;
use crate::session::{ACCESS_DENIED, Rules};
use crate::{Admission, Gate, Listener, Metrics, Pipeline, Settings};

/// How long no connection is accepted after one could not be: mostly file descriptors ran out, and some come back.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// What the peer of a unix socket is called in logs and `Received:` lines.
const UNIX_PEER: &str = "unix";

/// A server that is not serving yet.
pub struct Server<P> {
    rules: Arc<Rules>,
    pipeline: Arc<P>,
    admission: Admission,
    metrics: Metrics,
}

impl<P: Pipeline> Server<P> {
    /// A server that hands mails to `pipeline`.
    pub fn new(settings: Settings, pipeline: Arc<P>, metrics: Metrics) -> Self {
        Self {
            admission: Admission::new(&settings, &metrics),
            rules: Arc::new(Rules::new(settings)),
            pipeline,
            metrics,
        }
    }

    /// A gate of its own, open: mails pass only while all gates are. Clone it to share its state.
    pub fn gate(&self) -> Gate {
        self.admission.gate()
    }

    /// The counts, for whoever reports on this server.
    pub fn admission(&self) -> Admission {
        self.admission.clone()
    }

    /// Serves until `drain` is cancelled and every transaction has ended, or `force` is cancelled.
    ///
    /// Once `drain` is cancelled, every MAIL is answered 451 4.3.2 and sessions end with 421 between transactions; the
    /// transactions in flight go on to their replies. Once `force` is, these are answered 451 too, and within seconds
    /// every connection is closed.
    pub async fn serve(self, listeners: Vec<Listener>, drain: CancellationToken, force: CancellationToken) {
        let context = Arc::new(Context {
            rules: self.rules,
            pipeline: self.pipeline,
            admission: self.admission.clone(),
            metrics: self.metrics,
            tasks: TaskTracker::new(),
            drain: drain.clone(),
            stop: CancellationToken::new(),
        });
        for listener in listeners {
            tracing::info!(listen = %listener.local(), "accepting mail");
            context.tasks.spawn(accept(context.clone(), listener));
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = force.cancelled() => {}
        }
        self.admission.drain();
        tracing::info!(transactions = self.admission.transactions(), "draining");
        tokio::select! {
            () = self.admission.drained() => {}
            () = force.cancelled() => {}
        }
        context.stop.cancel();
        context.tasks.close();
        context.tasks.wait().await;
        tracing::info!("drained");
    }
}

async fn accept<P: Pipeline>(context: Arc<Context<P>>, listener: Listener) {
    let mut was_failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = context.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => {
                was_failing = false;
                open(&context, accepted);
            }
            Err(error) => {
                context.metrics.accept_errors.inc();
                if !std::mem::replace(&mut was_failing, true) {
                    tracing::warn!(%error, listen = %listener.local(), "cannot accept connections");
                }
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

fn open<P: Pipeline>(context: &Arc<Context<P>>, accepted: Accepted) {
    match accepted {
        Accepted::Unix(stream) => start(context, stream, UNIX_PEER),
        Accepted::Tcp(stream, peer) if is_allowed(&context.rules.settings().access, peer) => {
            start(context, stream, &peer.to_string());
        }
        Accepted::Tcp(stream, peer) => {
            context.metrics.access_refused.inc();
            tracing::info!(%peer, "connection from outside the access list");
            context.tasks.spawn(deny(stream));
        }
    }
}

fn start<S, P>(context: &Arc<Context<P>>, stream: S, peer: &str)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Pipeline,
{
    let connection = Connection::new(stream, peer, context.clone());
    context.tasks.spawn(connection.run());
}

/// The one refusal outside the protocol: who is not on the list is no mail server that could suspend us.
async fn deny<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    if stream.write_all(ACCESS_DENIED.as_bytes()).await.is_ok() {
        linger(stream).await;
    }
}

#[cfg(test)]
mod tests;
