//! Client of ICAP (RFC 3507): the mail goes as the body of an HTTP response, by RESPMOD, to a service that scans.
//!
//! The server is told the transaction's number and the content. What it can is asked by OPTIONS and believed for as
//! long as it says, or until its tag changes. Deliberately absent: TLS, REQMOD, "206 partial content", and
//! `Transfer-*`: names of mails have no extension to decide by.

mod connection;
mod fields;
mod head;
mod options;
mod reading;
mod request;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use proto::Endpoint;
use tokio::time::{Instant, timeout};

use self::connection::{Connection, Respmod, Scanned};
use self::options::Options;
use self::request::Service;
pub use self::settings::Settings;
use crate::eicar::eicar_mail;
use crate::pool::client::{self, Failure, Outcome, Reply, Request, Target};

/// Speaks ICAP with the hosts of one service.
pub(crate) struct Client {
    path: String,
    settings: Settings,
    known: Mutex<HashMap<Endpoint, Known>>,
}

/// What a host said of itself, and until when that holds.
#[derive(Clone)]
struct Known {
    options: Options,
    until: Instant,
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Self {
        // Nothing else belongs into a request line.
        let path = settings.service.chars().filter(char::is_ascii_graphic).collect::<String>();
        Self { path: path.trim_start_matches('/').into(), settings, known: Mutex::default() }
    }

    fn service<'a>(&'a self, endpoint: &'a Endpoint) -> Service<'a> {
        Service { endpoint, path: &self.path }
    }

    fn known(&self, endpoint: &Endpoint) -> Option<Options> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(endpoint).filter(|known| Instant::now() < known.until).map(|known| known.options.clone())
    }

    fn learn(&self, endpoint: &Endpoint, options: &Options) {
        let known = Known { options: options.clone(), until: Instant::now() + options.ttl };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.clone(), known);
    }

    fn forget(&self, endpoint: &Endpoint) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(endpoint);
    }

    /// Asks the host what it can; gives the connection back where it stays open.
    async fn ask_options(
        &self,
        target: Target<'_>,
        mut connection: Connection,
    ) -> Result<(Options, Option<Connection>), Failure> {
        let (options, is_reusable) = connection.options(&self.service(target.endpoint)).await?;
        self.learn(target.endpoint, &options);
        Ok((options, is_reusable.then_some(connection)))
    }

    async fn scan(
        &self,
        target: Target<'_>,
        connection: Option<Connection>,
        name: &str,
        content: &[u8],
    ) -> Result<(Scanned, Connection), Failure> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => Connection::open(target).await?,
        };
        let mut is_second = false;
        let options = match self.known(target.endpoint) {
            Some(options) => options,
            None => {
                let (options, reusable) = self.ask_options(target, connection).await?;
                is_second = reusable.is_some();
                connection = match reusable {
                    Some(connection) => connection,
                    None => Connection::open(target).await?,
                };
                options
            }
        };
        let preview = options.preview.filter(|_| self.settings.preview);
        let head = self.service(target.endpoint).respmod(name, content.len(), preview, options.allows_204);
        let request = Respmod { head, content, preview };
        let mut result = connection.respmod(&request).await;
        // Some servers close behind OPTIONS without having said so.
        if is_second && matches!(result, Err(Failure::Lost(_))) {
            connection = Connection::open(target).await?;
            result = connection.respmod(&request).await;
        }
        let scanned = result?;
        if scanned.tag != options.tag {
            self.forget(target.endpoint);
        }
        Ok((scanned, connection))
    }

    /// Asks what it can, and has it find the test file.
    fn has_canary(&self) -> bool {
        !self.settings.canary_interval.is_zero()
    }

    async fn prove(&self, target: Target<'_>) -> Result<String, Failure> {
        let (options, connection) = self.ask_options(target, Connection::open(target).await?).await?;
        let preview = options.preview.map_or("no preview".into(), |bytes| format!("preview {bytes}"));
        let most =
            options.connections_max.map_or(String::new(), |most| format!(", at most {most} connections"));
        let version = format!("{} ({preview}{most})", crate::text::printable(&options.service));
        if self.has_canary() {
            let (scanned, _) = self.scan(target, connection, "canary", &eicar_mail()).await?;
            if !matches!(scanned.outcome, Outcome::Infected(_)) {
                return Err(Failure::Refused("it does not find the EICAR test file".into()));
            }
        }
        Ok(version)
    }
}

impl client::Client for Client {
    type Connection = Connection;

    async fn exchange(
        &self,
        target: Target<'_>,
        connection: Option<Connection>,
        request: &Request<'_>,
    ) -> Result<Reply<Connection>, Failure> {
        let (scanned, connection) =
            self.scan(target, connection, &request.tx.to_string(), request.content).await?;
        Ok(Reply { outcome: scanned.outcome, connection: scanned.is_reusable.then_some(connection) })
    }

    async fn probe(&self, target: Target<'_>) -> Result<String, Failure> {
        timeout(target.connect_timeout, self.prove(target)).await.map_err(|_| Failure::Timeout)?
    }
    fn canary_interval(&self) -> Option<Duration> {
        self.has_canary().then_some(self.settings.canary_interval)
    }

    /// The tag by which a service says whether its answers still hold (section 4.7). Each probe asks for it, so what else
    /// it said of itself may be too old by now.
    fn signatures(&self, host: &Endpoint) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(host).filter(|_| self.has_canary())?.options.tag.clone()
    }
}
