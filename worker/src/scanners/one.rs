//! One configured scanner: its pool, whatever its protocol, and what may be sent to it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use proto::{Deadline, Mail};

use super::HostState;
use super::settings::{Kind, Settings};
use crate::clamd::Clamd;
use crate::metrics::CheckMetrics;
use crate::pool::client::{Client, Outcome};
use crate::pool::{Asked, Failed, Pool};
use crate::rspamd::Rspamd;
use crate::spamd::Spamd;
use crate::{Metrics, command, icap};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A pool without its protocol.
trait Ask: Send + Sync {
    fn scan<'a>(&'a self, asked: &'a Asked<'a>, deadline: Deadline) -> Boxed<'a, Result<Outcome, Failed>>;
    fn check(&self) -> Boxed<'_, Vec<HostState>>;
    fn watch(&self) -> Boxed<'_, ()>;
}

impl<C: Client> Ask for Pool<C> {
    fn scan<'a>(&'a self, asked: &'a Asked<'a>, deadline: Deadline) -> Boxed<'a, Result<Outcome, Failed>> {
        Box::pin(Pool::scan(self, asked, deadline))
    }

    fn check(&self) -> Boxed<'_, Vec<HostState>> {
        Box::pin(Pool::check(self))
    }

    fn watch(&self) -> Boxed<'_, ()> {
        Box::pin(Pool::watch(self))
    }
}

/// A scanner.
pub(super) struct One {
    pub(super) settings: Settings,
    pool: Box<dyn Ask>,
    metrics: CheckMetrics,
}

/// What it said of a mail.
pub(super) struct Answer {
    pub(super) outcome: Result<Outcome, Failed>,
    /// How much of the mail it saw, where that is not all.
    pub(super) partial: Option<String>,
    pub(super) time: Duration,
}

impl One {
    pub(super) fn new(settings: Settings, metrics: &Metrics) -> Self {
        let (name, hosts) = (settings.name.as_str(), settings.pool.clone());
        let pool: Box<dyn Ask> = match &settings.kind {
            Kind::Clamd(canary) => {
                let clamd = Clamd::new(*canary, settings.bytes_max, metrics.clamd(name));
                Box::new(Pool::new(name, clamd, hosts, metrics))
            }
            Kind::Icap(icap) => Box::new(Pool::new(name, icap::Client::new(icap.clone()), hosts, metrics)),
            Kind::Command(command) => {
                Box::new(Pool::new(name, command::Client::new(command.clone()), hosts, metrics))
            }
            Kind::Spamd(options) => Box::new(Pool::new(name, Spamd::new(options), hosts, metrics)),
            Kind::Rspamd => Box::new(Pool::new(name, Rspamd, hosts, metrics)),
        };
        let metrics = metrics.check(name);
        Self { settings, pool, metrics }
    }

    /// Asks for `mail`, or for its head where it may be no more.
    pub(super) async fn scan(&self, mail: &Mail, deadline: Deadline) -> Answer {
        let (bytes, bytes_max) = (mail.content.len(), self.settings.bytes_max);
        let start = Instant::now();
        let is_larger = bytes > bytes_max;
        if is_larger && !self.settings.kind.scores() {
            // A virus behind the head would be missed.
            let name = format!("larger than {} is set to take", self.settings.name);
            return Answer { outcome: Ok(Outcome::OverLimit(name)), partial: None, time: Duration::ZERO };
        }
        let asked = Asked::head_of(mail, bytes_max);
        let outcome = self.pool.scan(&asked, deadline).await;
        let time = start.elapsed();
        self.metrics.observe(time);
        if let Err(Failed(reason)) = &outcome {
            let scanner = &self.settings.name;
            tracing::debug!(tx = %mail.tx, scanner, reason, "a scan failed");
        }
        let partial = is_larger.then(|| format!("scanned {bytes_max} of {bytes} bytes"));
        Answer { outcome, partial, time }
    }

    pub(super) async fn check(&self) -> Vec<HostState> {
        self.pool.check().await
    }
    /// Has its hosts prove themselves, forever.
    pub(super) async fn watch(&self) {
        self.pool.watch().await;
    }
}
