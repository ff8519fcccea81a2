//! The scanner: runs every check on a mail at the same time, judges what they found, and says so once in the log.
//!
//! It holds connections and counters and no other state, so any number of scans may run at once.

use std::time::Duration;

use tokio::time::Instant;

use proto::inspection::InForce;
use proto::{Category, Deadline, Disposition, Envelope, Finding, Mail, Unchecked, Verdict};

use crate::clamd::{Client, HostState, OnFailure, Outcome};
use crate::fold::{Frame, Judged, fold};
use crate::inspect::{Failure, Launch, Pool, Program};
use crate::{Metrics, Settings, policy};

/// The name of the virus check in findings.
pub(crate) const CLAMD: &str = "clamd";
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
    clamd: Option<Client>,
    attachments: Option<Pool>,
    metrics: Metrics,
}

/// What the virus check adds to a verdict.
#[derive(Default)]
struct Viruses {
    judged: Option<Judged>,
    /// All of the mail was looked at.
    is_complete: bool,
    time: Duration,
}

impl Scanner {
    /// Sets up pools and rules; opens no connection and starts no child yet. `program` is what parses.
    pub fn new(settings: Settings, program: Program, metrics: Metrics) -> Self {
        Self::with(settings, Box::new(program), metrics)
    }

    fn with(settings: Settings, launch: Box<dyn Launch>, metrics: Metrics) -> Self {
        let inspect = settings.inspect;
        let pool = |rules| Pool::new(launch, rules, inspect, metrics.inspect.clone());
        Self {
            policy: settings.policy,
            scanned_by: format!("Mailweir at {}", crate::text::printable(&settings.hostname)),
            clamd: settings.clamd.map(|clamd| Client::new(clamd, &metrics)),
            attachments: settings.attachments.map(pool),
            metrics,
        }
    }

    /// The verdict on `mail`, by `deadline` at the latest. There is no error: what went wrong is a finding.
    pub async fn scan(&self, mail: &Mail, deadline: Deadline) -> Verdict {
        let start = Instant::now();
        let (viruses, (mut judged, attachments_time)) =
            tokio::join!(self.viruses(mail, deadline), self.attachments(mail, deadline));
        judged.extend(viruses.judged);
        let frame = Frame {
            envelope: &mail.envelope,
            tx: Some(mail.tx),
            scanned_by: viruses.is_complete.then(|| self.scanned_by.clone()),
        };
        let (verdict, disposition) = fold(judged, &frame);
        let time = start.elapsed();
        self.metrics.verdict(&verdict, disposition);
        self.metrics.scanned(mail.class(), time);
        log(mail, &verdict, disposition, time, viruses.time, attachments_time);
        verdict
    }

    /// The verdict for a mail that killed its scanner: "unchecked: failed", without touching the content.
    pub fn poisoned(&self, envelope: &Envelope) -> Verdict {
        let finding = Finding {
            check: SCANNER.into(),
            category: Category::Unchecked(Unchecked::Failed),
            name: POISON.into(),
        };
        let frame = Frame { envelope, tx: None, scanned_by: None };
        let (verdict, disposition) = fold(vec![self.judge(finding)], &frame);
        self.metrics.verdict(&verdict, disposition);
        verdict
    }

    /// One check of each clamd host, for readiness and the message at the start. Empty without clamd.
    pub async fn check(&self) -> Vec<HostState> {
        match &self.clamd {
            Some(clamd) => clamd.check().await,
            None => Vec::new(),
        }
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

    async fn viruses(&self, mail: &Mail, deadline: Deadline) -> Viruses {
        let Some(clamd) = &self.clamd else {
            return Viruses::default();
        };
        let start = Instant::now();
        let outcome = clamd.scan(&mail.content, deadline).await;
        let time = start.elapsed();
        self.metrics.clamd_seconds.observe(time.as_secs_f64());
        let finding = |category, name| Finding { check: CLAMD.into(), category, name };
        let is_complete = matches!(outcome, Outcome::Clean | Outcome::Infected(_));
        let judged = match outcome {
            Outcome::Clean => None,
            Outcome::Infected(name) => Some(self.judge(finding(Category::Virus, name))),
            Outcome::OverLimit(name) => {
                Some(self.judge(finding(Category::Unchecked(Unchecked::OverLimit), name)))
            }
            Outcome::Encrypted(name) => {
                Some(self.judge(finding(Category::Unchecked(Unchecked::Encrypted), name)))
            }
            Outcome::Failed(reason) => {
                tracing::debug!(tx = %mail.tx, reason, "virus scan failed");
                let finding = finding(Category::Unchecked(Unchecked::Failed), reason);
                Some(match clamd.on_failure() {
                    OnFailure::Tempfail => self.judge(finding),
                    OnFailure::PassUnchecked => Judged { finding, disposition: Disposition::Tag },
                })
            }
        };
        Viruses { judged, is_complete, time }
    }

    async fn attachments(&self, mail: &Mail, deadline: Deadline) -> (Vec<Judged>, Duration) {
        let Some(pool) = &self.attachments else {
            return (Vec::new(), Duration::ZERO);
        };
        let start = Instant::now();
        let findings = pool.inspect(&mail.content, deadline).await;
        let time = start.elapsed();
        self.metrics.attachments_seconds.observe(time.as_secs_f64());
        let judged = findings.into_iter().map(|found| {
            self.judge(Finding { check: ATTACHMENTS.into(), category: found.category, name: found.name })
        });
        (judged.collect(), time)
    }

    fn judge(&self, finding: Finding) -> Judged {
        Judged { disposition: self.policy.disposition(finding.category), finding }
    }
}

/// The one line per scan. Names are already printable.
fn log(
    mail: &Mail,
    verdict: &Verdict,
    disposition: Disposition,
    time: Duration,
    clamd: Duration,
    attachments: Duration,
) {
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
        ms = ms(time),
        clamd_ms = ms(clamd),
        attachments_ms = ms(attachments),
        "scanned"
    );
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
