//! One configured scanner: its pool, whatever its protocol, and what is sent to it of a mail.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use proto::{Deadline, Mail};

use super::feed::{is_worst, worse};
use super::settings::{Feed, Kind, Settings};
use super::{HostState, Parts};
use crate::cache::{self, Cache};
use crate::clamd::Clamd;
use crate::inspect::Inspected;
use crate::metrics::CheckMetrics;
use crate::pool::client::{Client, Outcome};
use crate::pool::{Asked, Failed, Pool};
use crate::rspamd::Rspamd;
use crate::spamd::Spamd;
use crate::{Metrics, command, icap};

/// Parts of one mail that a scanner is asked for at the same time.
const PARTS_AT_ONCE: usize = 4;
/// How long the parts of a mail are waited for before it is sent as a whole.
const PATIENCE: Duration = Duration::from_millis(50);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A pool without its protocol.
trait Ask: Send + Sync {
    fn scan<'a>(&'a self, asked: &'a Asked<'a>, deadline: Deadline) -> Boxed<'a, Result<Outcome, Failed>>;
    fn signatures(&self) -> Option<String>;
    fn check(&self) -> Boxed<'_, Vec<HostState>>;
    fn watch(&self) -> Boxed<'_, ()>;
}

impl<C: Client> Ask for Pool<C> {
    fn scan<'a>(&'a self, asked: &'a Asked<'a>, deadline: Deadline) -> Boxed<'a, Result<Outcome, Failed>> {
        Box::pin(Pool::scan(self, asked, deadline))
    }

    fn signatures(&self) -> Option<String> {
        Pool::signatures(self)
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
    /// What it said of parts.
    cache: Cache,
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
    pub(super) fn new(settings: Settings, cache: cache::Settings, metrics: &Metrics) -> Self {
        let (name, hosts) = (settings.name.as_str(), settings.pool.clone());
        let pool: Box<dyn Ask> = match &settings.kind {
            Kind::Clamd(options) => {
                let clamd = Clamd::new(*options, settings.bytes_max, metrics.clamd(name));
                Box::new(Pool::new(name, clamd, hosts, metrics))
            }
            Kind::Icap(icap) => Box::new(Pool::new(name, icap::Client::new(icap.clone()), hosts, metrics)),
            Kind::Command(command) => {
                Box::new(Pool::new(name, command::Client::new(command.clone()), hosts, metrics))
            }
            Kind::Spamd(options) => Box::new(Pool::new(name, Spamd::new(options), hosts, metrics)),
            Kind::Rspamd => Box::new(Pool::new(name, Rspamd, hosts, metrics)),
        };
        let cache = Cache::new(cache, metrics.cache(name));
        let metrics = metrics.check(name);
        Self { settings, pool, cache, metrics }
    }

    /// Asks for a mail: for as much of it as it is set to get.
    pub(super) async fn scan(&self, asked: &super::Asked<'_, impl Parts>) -> Answer {
        let super::Asked { mail, inspected, deadline } = asked;
        let start = Instant::now();
        let (outcome, partial) = if self.settings.kind.scores() {
            self.head(mail, *deadline).await
        } else {
            (self.viruses(mail, inspected.clone(), *deadline).await, None)
        };
        if let Err(Failed(reason)) = &outcome {
            let scanner = &self.settings.name;
            tracing::debug!(tx = %mail.tx, scanner, reason, "a scan failed");
        }
        Answer { outcome, partial, time: start.elapsed() }
    }

    /// Asks for the head of a mail, and tells how much that was if it was not all.
    async fn head(&self, mail: &Mail, deadline: Deadline) -> (Result<Outcome, Failed>, Option<String>) {
        let (bytes, bytes_max) = (mail.content.len(), self.settings.bytes_max);
        let outcome = self.ask(&Asked::head_of(mail, bytes_max), deadline).await;
        let partial = (bytes > bytes_max).then(|| format!("scanned {bytes_max} of {bytes} bytes"));
        (outcome, partial)
    }

    /// Asks for the whole mail, its parts, or both: for the parts first, where these are not long in coming. clamd
    /// remembers what it found clean, and it is cheaper for it to come upon a known part in the whole than to be sent one.
    async fn viruses(
        &self,
        mail: &Mail,
        inspected: impl Parts,
        deadline: Deadline,
    ) -> Result<Outcome, Failed> {
        let is_whole_first = match self.settings.feed {
            Feed::Whole => true,
            Feed::Both => timeout(PATIENCE, inspected.clone()).await.is_err(),
            Feed::Parts => false,
        };
        if is_whole_first {
            self.whole_first(mail, inspected, deadline).await
        } else {
            self.parts_first(mail, &*inspected.await, deadline).await
        }
    }

    async fn whole_first(
        &self,
        mail: &Mail,
        inspected: impl Parts,
        deadline: Deadline,
    ) -> Result<Outcome, Failed> {
        let scores = &self.settings.virus_scores;
        let whole = self.whole(mail, mail.content.clone(), deadline).await;
        if is_worst(&whole, scores) {
            return whole;
        }
        worse(whole, self.parts(mail, &*inspected.await, deadline).await, scores)
    }

    async fn parts_first(
        &self,
        mail: &Mail,
        inspected: &Inspected,
        deadline: Deadline,
    ) -> Result<Outcome, Failed> {
        let scores = &self.settings.virus_scores;
        let parts = self.parts(mail, inspected, deadline).await;
        if is_worst(&parts, scores) || !self.settings.feed.needs_whole(inspected) {
            return parts;
        }
        worse(self.whole(mail, mail.content.clone(), deadline).await, parts, scores)
    }

    /// Asks for parts, a few at a time, until one is infected.
    async fn parts(&self, mail: &Mail, inspected: &Inspected, deadline: Deadline) -> Result<Outcome, Failed> {
        let parts: Vec<&Bytes> = self.settings.feed.parts(inspected).map(|part| &part.content).collect();
        let scores = &self.settings.virus_scores;
        let mut outcome = Ok(Outcome::Clean);
        for few in parts.chunks(PARTS_AT_ONCE) {
            self.metrics.fed(few.len());
            let answers = join_all(few.iter().map(|part| self.part(mail, part, deadline)));
            outcome = answers.await.into_iter().fold(outcome, |one, other| worse(one, other, scores));
            if is_worst(&outcome, scores) {
                break;
            }
        }
        outcome
    }

    /// Asks for a part, unless it is known what comes out.
    async fn part(&self, mail: &Mail, content: &Bytes, deadline: Deadline) -> Result<Outcome, Failed> {
        let scan = self.whole(mail, content.clone(), deadline);
        if content.len() > self.settings.bytes_max {
            return scan.await;
        }
        let signatures = self.pool.signatures();
        self.cache.scan(content, signatures.as_deref(), deadline, scan).await
    }

    /// Asks for a content, if it takes one as large: a virus behind the head would be missed.
    async fn whole(&self, mail: &Mail, content: Bytes, deadline: Deadline) -> Result<Outcome, Failed> {
        if content.len() > self.settings.bytes_max {
            return Ok(Outcome::OverLimit(format!("larger than {} is set to take", self.settings.name)));
        }
        self.ask(&Asked { envelope: &mail.envelope, content, tx: mail.tx }, deadline).await
    }

    async fn ask(&self, asked: &Asked<'_>, deadline: Deadline) -> Result<Outcome, Failed> {
        let start = Instant::now();
        let outcome = self.pool.scan(asked, deadline).await;
        self.metrics.observe(start.elapsed());
        outcome
    }

    pub(super) async fn check(&self) -> Vec<HostState> {
        self.pool.check().await
    }
    /// Has its hosts prove themselves, forever.
    pub(super) async fn watch(&self) {
        self.pool.watch().await;
    }
}
