//! One session of the load generator: takes the next mail that is due, sends it, notes what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egress::{Connection, Failure, Timeouts};
use proto::Endpoint;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Load;

use super::contents::Contents;
use super::envelope::Envelopes;
use super::pace::Pace;
use super::statistics::Statistics;

/// Pause after a connection that could not be opened, so that a server that is down is not hammered.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// The name in LHLO or EHLO.
const HOSTNAME: &str = "load.mailweir.invalid";

/// What all sessions share.
pub(super) struct Shared {
    pub(super) settings: Load,
    pub(super) contents: Contents,
    pub(super) envelopes: Envelopes,
    pub(super) pace: Pace,
    /// Mails that are finished, one way or the other, for the progress bar.
    pub(super) finished: AtomicU64,
    /// No further mail.
    pub(super) stop: CancellationToken,
}

/// Runs session number `number` until no mail is left.
pub(super) async fn run(shared: Arc<Shared>, number: usize) -> Statistics {
    let mut statistics = Statistics::new();
    let mut connection = None;
    let endpoints = &shared.settings.to;
    let Some(endpoint) = endpoints.get(number % endpoints.len().max(1)) else {
        return statistics;
    };
    while let Some(index) = shared.stop.run_until_cancelled(shared.pace.next()).await.flatten() {
        let until = Instant::now() + shared.settings.timeout;
        let ready = match connection.take() {
            Some(open) => Ok(open),
            None => open(endpoint, &shared.settings, until).await,
        };
        match ready {
            Ok(open) => connection = send(open, index, until, &shared, &mut statistics).await,
            Err(failure) => {
                statistics.broke(told(&failure));
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
        shared.finished.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(connection) = connection {
        connection.quit().await;
    }
    statistics
}

async fn open(endpoint: &Endpoint, settings: &Load, until: Instant) -> Result<Connection, Failure> {
    // A filter may take as long as the mail's own time-out for every step.
    let patient = settings.timeout;
    let timeouts = Timeouts {
        greeting: patient,
        ehlo: patient,
        mail: patient,
        rcpt: patient,
        data: patient,
        transfer: patient,
        dot: patient,
        ..Timeouts::default()
    };
    Connection::open(endpoint, settings.protocol, HOSTNAME, &timeouts, until).await
}

/// Sends one mail; gives the connection back when it can take another.
async fn send(
    mut connection: Connection,
    index: u64,
    until: Instant,
    shared: &Shared,
    statistics: &mut Statistics,
) -> Option<Connection> {
    let content = shared.contents.mail(index);
    let envelope = match shared.envelopes.envelope(index, content.len()) {
        Ok(envelope) => envelope,
        Err(error) => {
            statistics.broke(error.to_string());
            return Some(connection);
        }
    };
    match connection.send(&envelope, &content, until).await {
        Ok(sent) => statistics.answered(content.len(), &sent.replies, sent.dot),
        Err(Failure::Refused { reply, .. }) => {
            statistics.refused(envelope.recipients().len(), &reply);
            connection.settle(until).await;
        }
        Err(failure) => statistics.broke(told(&failure)),
    }
    connection.is_ready().then_some(connection)
}

/// The failure with its reasons, in one line.
fn told(failure: &Failure) -> String {
    let mut line = failure.to_string();
    let mut source = std::error::Error::source(failure);
    while let Some(error) = source {
        line.push_str(&format!(": {error}"));
        source = error.source();
    }
    line
}
