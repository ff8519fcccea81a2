//! The scanner: runs every check on a mail at the same time, judges what they found, and says so once in the log.
//!
//! It holds connections and counters and no other state, so any number of scans may run at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use proto::inspection::InForce;
use proto::{
    Category, Deadline, Disposition, Envelope, Finding, HeaderEdit, Mail, Points, Unchecked, Verdict,
};

use crate::fold::{Frame, Judged, fold};
use crate::inspect::{Failure, Inspected, Launch, Pool, Program};
use crate::scanners::spam::Spam;
use crate::scanners::{Found, HostState, Scanners};
use crate::{Metrics, Settings, policy};

/// The name of the scanner itself in findings, for what it decides without a check.
pub(crate) const SCANNER: &str = "scanner";
/// What is found, and answered, where nobody should look again.
pub(crate) const POISON: &str = "scanning it failed every time";
/// The name of the attachment check in findings.
const ATTACHMENTS: &str = "attachments";

/// Scans mails. Shared by reference; every method may run many times at once.
pub struct Scanner {
    policy: policy::Table,
    scanned_by: String,
    scanners: Scanners,
    attachments: Option<Pool>,
    metrics: Metrics,
}

impl Scanner {
    /// Sets up pools and rules; opens no connection and starts no child yet. `program` is what parses.
    pub fn new(settings: Settings, program: Program, metrics: Metrics) -> Self {
        Self::with(settings, Box::new(program), metrics)
    }

    fn with(settings: Settings, launch: Box<dyn Launch>, metrics: Metrics) -> Self {
        let inspect = settings.inspect;
        let all = settings.clamd.into_iter().map(Into::into).chain(settings.scanners).collect();
        let scanners = Scanners::new(all, settings.spam, settings.verdict_cache, &metrics);
        let pool = |rules| Pool::new(launch, rules, inspect, metrics.inspect.clone());
        Self {
            policy: settings.policy,
            scanned_by: format!("Mailweir at {}", crate::text::printable(&settings.hostname)),
            scanners,
            attachments: settings.attachments.map(pool),
            metrics,
        }
    }

    /// The verdict on `mail`, by `deadline` at the latest. There is no error: what went wrong is a finding.
    pub async fn scan(&self, mail: &Mail, deadline: Deadline) -> Verdict {
        let start = Instant::now();
        let inspected = self.inspected(mail, deadline).shared();
        let (scanned, inspected) =
            tokio::join!(self.scanners.scan(mail, inspected.clone(), deadline), inspected,);
        let mut judged = self.judge_attachments(&inspected);
        judged.extend(scanned.found.into_iter().map(|found| self.judge_found(found)));
        let marks =
            if self.scanners.score() { scanned.spam.marks(self.scanners.levels()) } else { Vec::new() };
        let frame = Frame {
            envelope: &mail.envelope,
            tx: Some(mail.tx),
            scanned_by: scanned.is_complete.then(|| self.scanned_by.clone()),
            virus_scanners: self.scanners.virus_scanners(),
            marks,
        };
        let (verdict, disposition) = fold(judged, &frame);
        let score = scanned.spam.total();
        let verdict = verdict.with_spam(scanned.spam.into_results());
        let time = start.elapsed();
        self.metrics.verdict(&verdict, disposition);
        self.metrics.scanned(mail.class(), time);
        let told = Told { time, attachments: inspected.time, scanners: &scanned.told, score };
        log(mail, &verdict, disposition, &told);
        verdict
    }

    /// The verdict for a mail that killed its scanner: "unchecked: failed", without touching the content.
    pub fn poisoned(&self, envelope: &Envelope) -> Verdict {
        let finding = Finding {
            check: SCANNER.into(),
            category: Category::Unchecked(Unchecked::Failed),
            name: POISON.into(),
        };
        let virus_scanners = self.scanners.virus_scanners();
        let marks = self.marks(&Spam::default());
        let frame = Frame { envelope, tx: None, scanned_by: None, virus_scanners, marks };
        let (verdict, disposition) = fold(vec![self.judge(finding)], &frame);
        self.metrics.verdict(&verdict, disposition);
        verdict
    }

    /// One check of each host of every scanner, for readiness and the message at the start.
    pub async fn check(&self) -> Vec<HostState> {
        self.scanners.check().await
    }

    /// Has the hosts of scanners prove themselves again and again. It never ends.
    pub async fn watch(&self) {
        self.scanners.watch().await;
        // Without a scanner there is nobody to watch.
        std::future::pending().await
    }

    /// Whether anybody looks for viruses.
    pub fn looks_for_viruses(&self) -> bool {
        !self.scanners.virus_scanners().is_empty()
    }

    /// Starts a child and says what holds it, for the message at the start. None where no mail is parsed.
    ///
    /// # Errors
    /// Why none starts; mails try again.
    pub async fn start_inspecting(&self) -> Option<Result<InForce, Failure>> {
        match &self.attachments {
            Some(pool) => Some(pool.start().await),
            None => None,
        }
    }

    /// Starts the other children, so that no mail has to wait for one.
    pub async fn warm(&self) {
        if let Some(pool) = &self.attachments {
            pool.warm().await;
        }
    }

    /// What is in the mail.
    async fn inspected(&self, mail: &Mail, deadline: Deadline) -> Arc<Inspected> {
        let Some(pool) = &self.attachments else {
            return Arc::default();
        };
        let start = Instant::now();
        let mut inspected = pool.inspect(&mail.content, self.scanners.wanted(), deadline).await;
        // Waiting for a free process is part of it.
        inspected.time = start.elapsed();
        self.metrics.attachments_seconds.observe(inspected.time.as_secs_f64());
        Arc::new(inspected)
    }

    fn judge_attachments(&self, inspected: &Inspected) -> Vec<Judged> {
        let judged = inspected.findings.iter().map(|found| {
            let name = found.name.clone();
            self.judge(Finding { check: ATTACHMENTS.into(), category: found.category, name })
        });
        judged.collect()
    }

    /// Header fields about spam, where anybody looks for it.
    fn marks(&self, spam: &Spam) -> Vec<HeaderEdit> {
        if self.scanners.score() { spam.marks(self.scanners.levels()) } else { Vec::new() }
    }

    fn judge_found(&self, found: Found) -> Judged {
        if found.passes_unchecked {
            return Judged { finding: found.finding, disposition: Disposition::Tag };
        }
        self.judge(found.finding)
    }

    fn judge(&self, finding: Finding) -> Judged {
        Judged { disposition: self.policy.disposition(finding.category), finding }
    }
}

/// What the log says beside the verdict.
struct Told<'a> {
    time: Duration,
    attachments: Duration,
    /// Who said what, and how long that took.
    scanners: &'a str,
    /// Where there is a spam score.
    score: Option<Points>,
}

/// The one line per scan. Names are already printable.
fn log(mail: &Mail, verdict: &Verdict, disposition: Disposition, told: &Told<'_>) {
    let names: Vec<&str> = verdict.findings().iter().map(|f| f.name.as_str()).collect();
    tracing::info!(
        tx = %mail.tx,
        mk = %mail.key,
        ident = mail.envelope.origin().ident.as_deref().unwrap_or_default(),
        class = mail.class().letter(),
        bytes = mail.content.len(),
        category = verdict.category().name(),
        disposition = disposition.name(),
        names = names.join("; "),
        score = told.score.map(tracing::field::display),
        scanners = told.scanners,
        ms = ms(told.time),
        attachments_ms = ms(told.attachments),
        "scanned"
    );
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
