//! Client of clamd: the whole mail by INSTREAM, over kept sessions.
//!
//! No paths are shared with clamd, and it is told nothing but the content. Deliberately absent: reading clamd's
//! limits, which its protocol does not tell; see [`Settings::stream_bytes_max`].

mod connection;
mod reply;
mod settings;
mod stream;
#[cfg(test)]
mod tests;

use tokio::time::timeout;

use self::connection::Connection;
use self::reply::Answer;
pub use self::settings::Settings;
use crate::pool::client::{Client, Failure, Outcome, Reply, Request, Target};

/// Speaks with clamd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clamd;

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
            None => Connection::open(target).await?,
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
        let mut connection = Connection::open(target).await?;
        timeout(target.connect_timeout, connection.version()).await.map_err(|_| Failure::Timeout)?
    }
}
