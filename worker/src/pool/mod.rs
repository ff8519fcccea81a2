//! Pools of scanners: which host is asked, for how long, and what becomes of a host that fails.
//!
//! One pool is one configured scanner with any number of hosts. It knows no protocol; that is its [`Client`]'s. The
//! host with the fewest scans for its weight is asked. When it fails early, one other host is asked, as long as such
//! second tries stay rare. A host that cannot be connected to costs nothing but the way there: the next one is asked.

mod breaker;
mod canary;
pub(crate) mod client;
mod host;
mod retries;
pub mod settings;
mod slots;
pub(crate) mod socket;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use proto::{Deadline, Envelope, Mail, TxId};

use self::client::{Client, Failure, Outcome, Request};
use self::host::Host;
use self::retries::Retries;
pub(crate) use self::settings::Settings;
use crate::Metrics;
use crate::scanners::HostState;

/// What a pool is to have scanned.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) content: Bytes,
    pub(crate) tx: TxId,
}

impl<'a> Asked<'a> {
    /// The first `bytes_max` bytes of `mail`, or all of it.
    pub(crate) fn head_of(mail: &'a Mail, bytes_max: usize) -> Self {
        let content = mail.content.slice(..mail.content.len().min(bytes_max));
        Self { envelope: &mail.envelope, content, tx: mail.tx }
    }
}

/// No usable answer, for this reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) String);

/// The hosts of one scanner.
pub(crate) struct Pool<C: Client> {
    name: String,
    client: C,
    settings: Settings,
    hosts: Vec<Host<C>>,
    retries: Retries,
    /// Of hosts that are alike, this one comes first: they take turns.
    turn: AtomicUsize,
}

impl<C: Client> Pool<C> {
    /// Opens no connection yet. `name` is the scanner's, in metrics and failures.
    pub(crate) fn new(name: &str, client: C, settings: Settings, metrics: &Metrics) -> Self {
        let must_prove = client.canary_interval().is_some();
        let hosts = settings.hosts.iter().map(|host| {
            let metrics = metrics.host(name, &host.endpoint.to_string());
            Host::new(host, &settings, metrics, must_prove)
        });
        Self {
            name: name.to_owned(),
            client,
            hosts: hosts.collect(),
            settings,
            retries: Retries::new(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Asks every host once whether it lives, one after another, each within twice the connect time-out.
    pub(crate) async fn check(&self) -> Vec<HostState> {
        let mut states = Vec::with_capacity(self.hosts.len());
        for host in &self.hosts {
            let version = host.probe(&self.client, &self.settings).await;
            states.push(HostState {
                scanner: self.name.clone(),
                endpoint: host.endpoint.clone(),
                version: version.map_err(|failure| failure.chain()),
            });
        }
        states
    }

    /// Has a content scanned, by another host when the first fails early.
    ///
    /// # Errors
    /// Why nobody gave a usable answer: never to be taken for clean.
    pub(crate) async fn scan(&self, asked: &Asked<'_>, deadline: Deadline) -> Result<Outcome, Failed> {
        let start = Instant::now();
        let deadline = deadline.within(start.into_std(), self.settings.total_timeout);
        // Beyond this a second host would hardly have the time to answer.
        let retry_until = start + deadline.remaining(start.into_std()) / 4;
        let deadline = Instant::from_std(deadline.at());
        let request = Request { envelope: asked.envelope, content: &asked.content, tx: asked.tx, deadline };
        self.retries.earn();
        let mut order = self.order();
        let mut is_second = false;
        let mut failed = Failed(format!("no {} host is usable", self.name));
        while let Some(host) = next_host(&mut order) {
            match timeout_at(deadline, host.admit(&self.client, &self.settings)).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => break,
            }
            let begin = Instant::now();
            let failure = match host.scan(&self.client, &self.settings, &request).await {
                Ok(outcome) => {
                    host.succeeded();
                    host.metrics.count(&outcome);
                    return Ok(outcome);
                }
                Err(failure) => failure,
            };
            // A mail that came with little time left says nothing about the host.
            let had_time = begin.elapsed() >= self.settings.total_timeout / 4;
            host.metrics.failed.inc();
            if is_ill(&failure, had_time) {
                host.failed();
            }
            failed = Failed(format!("{}: {}", host.endpoint, failure.chain()));
            if Instant::now() >= retry_until {
                break;
            }
            if !matches!(failure, Failure::Connect(_) | Failure::ConnectTimeout) {
                if is_second || !self.retries.take() {
                    break;
                }
                is_second = true;
            }
        }
        Err(failed)
    }

    /// By what contents are scanned now: what all hosts have, since any of them may be asked. None where one is not known.
    pub(crate) fn signatures(&self) -> Option<String> {
        let all: Option<Vec<_>> = self.hosts.iter().map(|host| host.signatures(&self.client)).collect();
        all.map(|all| all.join("\n"))
    }

    /// Whether the host of that index is left alone.
    #[cfg(test)]
    pub(crate) fn is_left_alone(&self, index: usize) -> bool {
        self.hosts[index].is_open()
    }

    /// All hosts, the one whose turn it is first.
    fn order(&self) -> Vec<&Host<C>> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % self.hosts.len().max(1);
        self.hosts.iter().cycle().skip(first).take(self.hosts.len()).collect()
    }
}

/// Takes the next host to try: healthy ones first, then those with a free slot, and of these the one with the fewest
/// scans for its weight.
fn next_host<'a, C: Client>(hosts: &mut Vec<&'a Host<C>>) -> Option<&'a Host<C>> {
    let rank = |host: &Host<C>| {
        // As if it had the scan already, so that of two idle hosts the one of more weight comes first.
        let scans = host.slots.taken() as u64 + 1;
        (host.is_open(), host.slots.is_full(), scans * SCALE / u64::from(host.weight))
    };
    let (index, _) = hosts.iter().enumerate().min_by_key(|(_, host)| rank(host))?;
    Some(hosts.remove(index))
}

/// Scans for a weight are compared as whole numbers.
const SCALE: u64 = 1_000_000;

/// Whether a failure is the host's fault.
fn is_ill(failure: &Failure, had_time: bool) -> bool {
    match failure {
        Failure::Busy => false,
        Failure::Timeout => had_time,
        Failure::Connect(_)
        | Failure::ConnectTimeout
        | Failure::Lost(_)
        | Failure::Cut(_)
        | Failure::TooLong(_)
        | Failure::Trailing
        | Failure::Early
        | Failure::Grammar(_)
        | Failure::Refused(_) => true,
    }
}
