//! Client of clamd: the whole mail by INSTREAM, over pooled sessions with several hosts.
//!
//! No paths are shared with clamd, and it is told nothing but the content. A scan has no effect, so it may be
//! repeated: on a fresh connection when a pooled one turned out closed, and on another host when the first failed
//! early. Any other trouble is [`Outcome::Failed`], never clean. Deliberately absent: reading clamd's limits, which
//! its protocol does not tell; see [`Settings::stream_bytes_max`].

mod breaker;
mod connection;
mod host;
mod reply;
mod settings;
pub(crate) mod stream;
#[cfg(test)]
mod tests;

use std::error::Error;

use tokio::time::{Instant, timeout_at};

use proto::{Deadline, Endpoint};

use self::connection::Failure;
use self::host::Host;
use self::reply::Answer;
pub use self::settings::{OnFailure, Settings};
use crate::Metrics;

/// What is known of a mail after asking clamd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it was looked at and nothing was found.
    Clean,
    /// Infected, by this name.
    Infected(String),
    /// Above a limit.
    OverLimit(String),
    /// Behind a password.
    Encrypted(String),
    /// No usable answer, for this reason.
    Failed(String),
}

/// What a check of one host said, for readiness and the message at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostState {
    /// The host.
    pub endpoint: Endpoint,
    /// The versions of engine and signatures that it told, or why it told none.
    pub version: Result<String, String>,
}

impl HostState {
    /// Whether it answered.
    pub fn is_up(&self) -> bool {
        self.version.is_ok()
    }
}

pub(crate) struct Client {
    settings: Settings,
    hosts: Vec<Host>,
}

impl Client {
    pub(crate) fn new(settings: Settings, metrics: &Metrics) -> Self {
        let hosts = settings.hosts.iter().map(|endpoint| {
            let metrics = metrics.host(&endpoint.to_string());
            Host::new(endpoint.clone(), &settings, metrics)
        });
        Self { hosts: hosts.collect(), settings }
    }

    pub(crate) fn on_failure(&self) -> OnFailure {
        self.settings.on_failure
    }

    /// Asks every host once for its versions, one after another, each within twice the connect time-out.
    pub(crate) async fn check(&self) -> Vec<HostState> {
        let mut states = Vec::with_capacity(self.hosts.len());
        for host in &self.hosts {
            let version = host.version(&self.settings).await;
            states.push(HostState {
                endpoint: host.endpoint.clone(),
                version: version.map_err(|failure| chain(&failure)),
            });
        }
        states
    }

    /// Has `content` scanned, by another host when the first fails early.
    pub(crate) async fn scan(&self, content: &[u8], deadline: Deadline) -> Outcome {
        if content.len() > self.settings.stream_bytes_max {
            return Outcome::OverLimit("larger than clamd is set to take".into());
        }
        let start = Instant::now();
        let deadline = deadline.within(start.into_std(), self.settings.total_timeout);
        // Beyond this a second host would hardly have the time to answer.
        let retry_until = start + deadline.remaining(start.into_std()) / 4;
        let deadline = Instant::from_std(deadline.at());
        let mut tried = vec![false; self.hosts.len()];
        let mut outcome = Outcome::Failed("no clamd host is usable".into());
        while let Some(host) = self.next_host(&mut tried) {
            match timeout_at(deadline, host.admit(&self.settings)).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => break,
            }
            let begin = Instant::now();
            let result = host.scan(content, &self.settings, deadline).await;
            // A mail that came with little time left says nothing about the host.
            let had_time = begin.elapsed() >= self.settings.total_timeout / 4;
            outcome = settle(host, result, had_time);
            let may_retry = matches!(outcome, Outcome::Failed(_)) && Instant::now() < retry_until;
            if !may_retry {
                break;
            }
        }
        outcome
    }

    /// The next host to try: healthy ones first, and of these the one with the most room.
    fn next_host(&self, tried: &mut [bool]) -> Option<&Host> {
        let candidates = self.hosts.iter().zip(tried.iter_mut());
        let (host, tried) = candidates
            .filter(|(_, tried)| !**tried)
            .min_by_key(|(host, _)| (host.is_open(), usize::MAX - host.free()))?;
        *tried = true;
        Some(host)
    }
}

/// Counts a host's result and says what it means for the mail.
fn settle(host: &Host, result: Result<Answer, Failure>, had_time: bool) -> Outcome {
    let metrics = &host.metrics;
    let (counter, outcome) = match result {
        Ok(Answer::Clean) => (&metrics.clean, Outcome::Clean),
        Ok(Answer::Infected(name)) => (&metrics.infected, Outcome::Infected(name)),
        Ok(Answer::OverLimit(name)) => (&metrics.over_limit, Outcome::OverLimit(name)),
        Ok(Answer::Encrypted(name)) => (&metrics.encrypted, Outcome::Encrypted(name)),
        Ok(Answer::Error(reason)) => {
            host.failed();
            metrics.failed.inc();
            return Outcome::Failed(format!("{}: {reason}", host.endpoint));
        }
        Err(failure) => {
            let is_ill = match failure {
                Failure::Busy => false,
                Failure::Timeout => had_time,
                Failure::Connect(_)
                | Failure::ConnectTimeout
                | Failure::Lost(_)
                | Failure::Cut(_)
                | Failure::TooLong
                | Failure::Trailing
                | Failure::Early
                | Failure::Grammar(_) => true,
            };
            if is_ill {
                host.failed();
            }
            metrics.failed.inc();
            return Outcome::Failed(format!("{}: {}", host.endpoint, chain(&failure)));
        }
    };
    host.succeeded();
    counter.inc();
    outcome
}

/// What was attempted and why it failed, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
