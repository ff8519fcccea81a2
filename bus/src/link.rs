//! One connection to NATS, and whether it stands.
//!
//! The client library queues what is published while it is disconnected and sends it after the reconnect, long after
//! the caller gave up. So nobody publishes here without asking `ready` first, and whatever waits for an answer stops
//! waiting when the connection breaks.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{Client, ConnectOptions, Event, Request, ServerAddr};
use bytes::Bytes;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::metrics::Metrics;
use crate::settings::{Settings, without_login};

/// Commands that the library queues; this is also what it would send late after a reconnect.
const COMMANDS_MAX: usize = 256;
/// Messages that a subscription holds; more are dropped by the library and counted.
const SUBSCRIPTION_MESSAGES_MAX: usize = 1_024;
/// Longest pause between two tries to connect.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often the library's own view is asked, should one of its events be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const LOOK_SOON: Duration = Duration::from_millis(2);

/// Options that cannot work, whatever the server does.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not `nats://host:port` or `tls://host:port`.
    #[error("`{server}` is not a NATS server address")]
    Server {
        /// As configured, without login.
        server: String,
        /// Why not.
        #[source]
        why: std::io::Error,
    },
    /// Nowhere to connect to.
    #[error("no NATS server is configured")]
    NoServer,
    /// The credentials file cannot be read or holds no credentials.
    #[error("reading NATS credentials from {path}")]
    Credentials {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        why: std::io::Error,
    },
    /// The file of root certificates cannot be read or holds none.
    #[error("reading root certificates from {path}")]
    Certificates {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        why: std::io::Error,
    },
    /// A user without password, or the other way round.
    #[error("NATS user and password go together")]
    HalfLogin,
    /// The prefix is no single lower-case token.
    #[error("`{0}` is no prefix: use 1 to 32 of a-z, 0-9, - and _")]
    Prefix(String),
    /// A limit that cannot work.
    #[error("{0}")]
    Limit(&'static str),
    /// The library refused the options.
    #[error("preparing the connection to NATS")]
    Library(#[source] async_nats::ConnectError),
}

/// What the library's events said last.
#[derive(Clone, Debug)]
struct Seen {
    connected: bool,
    /// The server asked its clients to go elsewhere.
    lame_duck: bool,
    /// Why it is not connected.
    why: String,
}

/// A request that got no answer.
#[derive(Debug, Error)]
pub(crate) enum Unanswered {
    #[error("not connected")]
    Disconnected,
    #[error("nobody listens")]
    NoResponders,
    #[error("no answer in time")]
    TimedOut,
    #[error("request failed: {0}")]
    Other(String),
}

/// One connection.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) js: jetstream::Context,
    seen: watch::Receiver<Seen>,
}

impl Link {
    /// Returns at once; the library connects in the background and never stops trying.
    pub(crate) async fn open(
        settings: &Settings,
        name: &str,
        metrics: &Metrics,
    ) -> Result<Self, ConnectError> {
        let servers = addresses(settings)?;
        let (told, seen) =
            watch::channel(Seen { connected: false, lame_duck: false, why: "not connected yet".into() });
        let metrics = metrics.clone();
        let options = options(settings, name).await?.event_callback(move |event| {
            note(&event, &told, &metrics);
            std::future::ready(())
        });
        let client = options.connect(servers).await.map_err(ConnectError::Library)?;
        let js = ContextBuilder::new()
            .timeout(settings.request_timeout)
            .max_ack_inflight(COMMANDS_MAX)
            .build(client.clone());
        Ok(Self { client, js, seen })
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Counts the connections made, so that a reconnect can be seen.
    pub(crate) fn generation(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// Why it is not connected.
    pub(crate) fn why(&self) -> String {
        self.seen.borrow().why.clone()
    }

    /// How long to wait for an event before the library's own view is asked again. It tells an event a moment before
    /// its state has changed.
    fn patience(&self) -> Duration {
        if self.seen.borrow().connected == self.is_connected() { LOOK_AGAIN } else { LOOK_SOON }
    }

    /// Waits until it is connected, or something new is known of why it is not.
    pub(crate) async fn ready_or_news(&self) {
        let mut seen = self.seen.clone();
        seen.mark_unchanged();
        while !self.is_connected() && timeout(self.patience(), seen.changed()).await.is_err() {}
    }

    /// Waits until it is connected.
    pub(crate) async fn ready(&self) {
        let mut seen = self.seen.clone();
        while !self.is_connected() {
            drop(timeout(self.patience(), seen.changed()).await);
        }
    }

    /// Waits until the server asks its clients to go elsewhere.
    pub(crate) async fn lame_duck(&self) {
        let mut seen = self.seen.clone();
        let asked = seen.wait_for(|seen| seen.lame_duck && seen.connected);
        if asked.await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until it is connected; `false` when it is not by `until`.
    pub(crate) async fn ready_by(&self, until: Instant) -> bool {
        self.is_connected() || timeout_at(until, self.ready()).await.is_ok()
    }

    /// Waits until the connection of `generation` is gone.
    pub(crate) async fn lost(&self, generation: u64) {
        let mut seen = self.seen.clone();
        while self.is_connected() && self.generation() == generation {
            drop(timeout(self.patience(), seen.changed()).await);
        }
    }

    /// Runs `work` as long as the connection that now stands does; `None` when it broke.
    pub(crate) async fn while_connected<F: Future>(&self, work: F) -> Option<F::Output> {
        let generation = self.generation();
        tokio::select! {
            biased;
            output = work => Some(output),
            () = self.lost(generation) => None,
        }
    }

    /// Asks `subject` and waits for the answer.
    pub(crate) async fn request(
        &self,
        subject: &str,
        payload: Bytes,
        wait: Duration,
    ) -> Result<Bytes, Unanswered> {
        use async_nats::RequestErrorKind as Kind;
        if !self.is_connected() {
            return Err(Unanswered::Disconnected);
        }
        let request = Request::new().payload(payload).timeout(Some(wait));
        let answer = self.while_connected(self.client.send_request(subject.to_owned(), request));
        match answer.await {
            None => Err(Unanswered::Disconnected),
            Some(Ok(message)) => Ok(message.payload),
            Some(Err(error)) => Err(match error.kind() {
                Kind::NoResponders => Unanswered::NoResponders,
                Kind::TimedOut => Unanswered::TimedOut,
                Kind::InvalidSubject | Kind::MaxPayloadExceeded | Kind::Other => {
                    Unanswered::Other(error.to_string())
                }
            }),
        }
    }
}

fn addresses(settings: &Settings) -> Result<Vec<ServerAddr>, ConnectError> {
    if settings.servers.is_empty() {
        return Err(ConnectError::NoServer);
    }
    let parse = |server: &String| {
        server.parse().map_err(|why| ConnectError::Server { server: without_login(server), why })
    };
    settings.servers.iter().map(parse).collect()
}

async fn options(settings: &Settings, name: &str) -> Result<ConnectOptions, ConnectError> {
    let mut options = ConnectOptions::new()
        .name(name)
        .retry_on_initial_connect()
        .max_reconnects(None)
        .ping_interval(settings.ping_interval)
        .connection_timeout(settings.connect_timeout)
        .client_capacity(COMMANDS_MAX)
        .subscription_capacity(SUBSCRIPTION_MESSAGES_MAX)
        .request_timeout(Some(settings.request_timeout))
        .reconnect_delay_callback(reconnect_pause)
        .require_tls(settings.tls_required);
    match (&settings.user, &settings.password) {
        (Some(user), Some(password)) => {
            options = options.user_and_password(user.clone(), password.clone());
        }
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => return Err(ConnectError::HalfLogin),
    }
    if let Some(path) = &settings.credentials {
        options = options
            .credentials_file(path)
            .await
            .map_err(|why| ConnectError::Credentials { path: path.display().to_string(), why })?;
    }
    if let Some(path) = &settings.tls_ca {
        check_certificates(path)
            .await
            .map_err(|why| ConnectError::Certificates { path: path.display().to_string(), why })?;
        options = options.add_root_certificates(path.clone());
    }
    Ok(options)
}

/// The library reads the file at each connect and would only say that connecting failed.
async fn check_certificates(path: &std::path::Path) -> std::io::Result<()> {
    let text = tokio::fs::read(path).await?;
    let marker = b"-----BEGIN CERTIFICATE-----";
    if text.windows(marker.len()).any(|window| window == marker) {
        Ok(())
    } else {
        Err(std::io::Error::other("no PEM certificate in it"))
    }
}

/// Nothing, 20 ms, 40 ms … up to the limit: several servers may be dead before the one that is not.
fn reconnect_pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(2)).unwrap_or(u32::MAX).min(10);
    match attempts {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_millis(20 << doublings).min(RECONNECT_PAUSE_MAX),
    }
}

fn note(event: &Event, told: &watch::Sender<Seen>, metrics: &Metrics) {
    match event {
        Event::Connected => {
            metrics.connects.inc();
            told.send_modify(|seen| {
                seen.connected = true;
                seen.lame_duck = false;
            });
        }
        Event::Disconnected | Event::Closed | Event::Draining => told.send_modify(|seen| {
            seen.connected = false;
            seen.why = event.to_string();
        }),
        Event::ServerError(error) => {
            tracing::warn!(%error, "nats server reports an error");
            because(told, error.to_string());
        }
        Event::ClientError(error) => because(told, error.to_string()),
        Event::SlowConsumer(_) => {
            metrics.slow_consumers.inc();
        }
        Event::LameDuckMode => {
            tracing::info!("nats server is shutting down");
            told.send_modify(|seen| seen.lame_duck = true);
        }
    }
}

/// Notes a reason, and wakes those who wait only if it is a new one.
fn because(told: &watch::Sender<Seen>, why: String) {
    told.send_if_modified(|seen| {
        let is_new = seen.why != why;
        seen.why = why;
        is_new
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit() {
        let pauses: Vec<_> = [0, 1, 2, 3, 8, 9, 1_000].map(|n| reconnect_pause(n).as_millis()).into();
        assert_eq!(pauses, [0, 0, 20, 40, 1_280, 2_000, 2_000]);
    }
}
