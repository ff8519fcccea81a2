//! Client of clamd: contents by FILDES over unix sockets, by INSTREAM over TCP, in kept sessions.
//!
//! No paths are shared with clamd, and it is told nothing but the content. Its limits, which its protocol
//! does not tell, are tried.

mod canary;
mod connection;
mod database;
mod descriptor;
mod examiner;
mod reply;
mod settings;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::timeout;

use proto::Endpoint;

use self::connection::{Connection, Way};
use self::examiner::Examiner;
use self::reply::Answer;
pub use self::settings::{Canary, Options, Settings};
use crate::metrics::ClamdMetrics;
use crate::pool::client::{Client, Failure, Outcome, Reply, Request, Target};

/// Speaks with clamd.
#[derive(Default)]
pub(crate) struct Clamd {
    way: Way,
    /// None where every clamd is believed.
    examiner: Option<(Duration, Examiner)>,
}

impl Clamd {
    /// One that is spoken with as `options` say; mails of up to `bytes_max` bytes are sent to it.
    pub(crate) fn new(options: Options, bytes_max: usize, metrics: ClamdMetrics) -> Self {
        let Options { fildes, canary } = options;
        let way = if fildes { Way::Fildes } else { Way::Instream };
        let examiner = Examiner::new(canary, way, bytes_max, metrics);
        Self { way, examiner: (!canary.interval.is_zero()).then_some((canary.interval, examiner)) }
    }
}

impl Client for Clamd {
    type Connection = Connection;

    async fn exchange(
        &self,
        target: Target<'_>,
        connection: Option<Connection>,
        request: &Request<'_>,
    ) -> Result<Reply<Connection>, Failure> {
        let mut connection = match connection {
            Some(mut kept) => {
                if kept.is_stale().await {
                    return Err(Failure::Lost(None));
                }
                kept
            }
            None => Connection::open(target, self.way).await?,
        };
        let outcome = match connection.scan(request.content).await? {
            Answer::Clean => Outcome::Clean,
            Answer::Infected(name) => Outcome::Infected(name),
            Answer::Encrypted(name) => Outcome::Encrypted(name),
            // clamd closes the connection after most of these two.
            Answer::OverLimit(name) => {
                return Ok(Reply { outcome: Outcome::OverLimit(name), connection: None });
            }
            Answer::Error(reason) => return Err(Failure::Refused(reason)),
        };
        Ok(Reply { outcome, connection: Some(connection) })
    }

    /// The versions of engine and signatures.
    async fn probe(&self, target: Target<'_>) -> Result<String, Failure> {
        if let Some((_, examiner)) = &self.examiner {
            return examiner.probe(target).await;
        }
        let mut connection = Connection::open(target, self.way).await?;
        timeout(target.connect_timeout, connection.version()).await.map_err(|_| Failure::Timeout)?
    }
    fn probe_time(&self, connect_timeout: Duration) -> Duration {
        match &self.examiner {
            Some(_) => Examiner::probe_time(connect_timeout),
            None => connect_timeout * 2,
        }
    }

    fn canary_interval(&self) -> Option<Duration> {
        self.examiner.as_ref().map(|(interval, _)| *interval)
    }

    /// The versions of engine and signatures, where each probe asks for them.
    fn signatures(&self, host: &Endpoint) -> Option<String> {
        self.examiner.as_ref().and_then(|(_, examiner)| examiner.version(host))
    }

    async fn examine(&self, target: Target<'_>) -> Result<(), Failure> {
        match &self.examiner {
            Some((_, examiner)) => examiner.examine(target).await,
            None => Ok(()),
        }
    }
}
