//! The worker's metrics, each with its name, unit and a sentence of help.
//!
//! Handles for labels that are known beforehand are resolved once; a scan then costs a few atomics.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use proto::{Category, Class, Disposition, Verdict};

use crate::pool::client::Outcome;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdicts {
    category: &'static str,
    disposition: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabel {
    check: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScannerLabel {
    scanner: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HostLabel {
    scanner: String,
    host: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HostResult {
    scanner: String,
    host: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScannerResult {
    scanner: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

fn seconds() -> Histogram {
    // 1 ms to about 65 s.
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

/// Everything that the worker counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    verdicts: Family<Verdicts, Counter>,
    passed_unchecked: Counter,
    by_class: [Histogram; 3],
    checks: Histograms<CheckLabel>,
    fed: Family<ScannerLabel, Counter>,
    pub(crate) attachments_seconds: Histogram,
    requests: Family<HostResult, Counter>,
    connects: Family<HostLabel, Counter>,
    busy: Family<HostLabel, Gauge>,
    abandoned: Family<HostLabel, Gauge>,
    breaker_open: Family<HostLabel, Gauge>,
    canary_failing: Family<HostLabel, Gauge>,
    database: Family<HostLabel, Gauge>,
    verdict_cache: Family<ScannerResult, Counter>,
    pub(crate) inspect: InspectMetrics,
}

/// The handles of the children that inspect.
#[derive(Clone, Debug)]
pub(crate) struct InspectMetrics {
    pub(crate) children: Gauge,
    pub(crate) seconds: Histogram,
    pub(crate) parsing_seconds: Histogram,
    pub(crate) opened: Counter,
    ended: Family<ReasonLabel, Counter>,
}

impl InspectMetrics {
    fn register(registry: &mut Registry) -> Self {
        // 0.1 ms to about 26 s.
        let seconds = || Histogram::new(exponential_buckets(0.0001, 2.0, 19));
        let metrics = Self {
            children: Gauge::default(),
            seconds: seconds(),
            parsing_seconds: seconds(),
            opened: Counter::default(),
            ended: Family::default(),
        };
        registry.register(
            "mailweir_worker_inspect_children",
            "Processes that inspect mails, idle ones included",
            metrics.children.clone(),
        );
        registry.register(
            "mailweir_worker_inspect_ended",
            "Inspecting processes that ended or gave no report, by reason",
            metrics.ended.clone(),
        );
        registry.register(
            "mailweir_worker_inspect_seconds",
            "Time of one mail in an inspecting process, the way there and back included",
            metrics.seconds.clone(),
        );
        registry.register(
            "mailweir_worker_inspect_parsing_seconds",
            "Time that the parsing of one mail took, as the inspecting process says",
            metrics.parsing_seconds.clone(),
        );
        registry.register(
            "mailweir_worker_inspect_opened",
            "Encrypted members of archives that a password from the mail's text or the list opened",
            metrics.opened.clone(),
        );
        metrics
    }

    /// Counts a child that ended, or a mail that had none.
    pub(crate) fn ended(&self, reason: &'static str) {
        self.ended.get_or_create_owned(&ReasonLabel { reason }).inc();
    }
}

/// The handle of one check.
#[derive(Clone, Debug)]
pub(crate) struct CheckMetrics {
    seconds: Histogram,
    fed: Counter,
}

impl CheckMetrics {
    /// Counts the time of one.
    pub(crate) fn observe(&self, time: Duration) {
        self.seconds.observe(time.as_secs_f64());
    }

    /// Counts parts that it gets.
    pub(crate) fn fed(&self, parts: usize) {
        self.fed.inc_by(parts as u64);
    }
}

/// The handles of one host of a scanner.
#[derive(Clone, Debug)]
pub(crate) struct HostMetrics {
    clean: Counter,
    infected: Counter,
    over_limit: Counter,
    encrypted: Counter,
    scored: Counter,
    pub(crate) failed: Counter,
    pub(crate) connects: Counter,
    pub(crate) busy: Gauge,
    pub(crate) abandoned: Gauge,
    pub(crate) breaker_open: Gauge,
    pub(crate) canary_failing: Gauge,
}

/// The handles of the verdicts that are kept of one scanner.
#[derive(Clone, Debug)]
pub(crate) struct CacheMetrics {
    pub(crate) hit: Counter,
    pub(crate) miss: Counter,
    pub(crate) joined: Counter,
}

/// The handle of what clamds tell of themselves.
#[derive(Clone, Debug)]
pub(crate) struct ClamdMetrics(Family<HostLabel, Gauge>, String);

impl ClamdMetrics {
    /// When the signatures of `host` were made.
    pub(crate) fn database_made(&self, host: &str, unix_seconds: i64) {
        let label = HostLabel { scanner: self.1.clone(), host: host.to_owned() };
        self.0.get_or_create_owned(&label).set(unix_seconds);
    }
}

impl HostMetrics {
    /// Counts one answer.
    pub(crate) fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Clean => &self.clean,
            Outcome::Infected(_) => &self.infected,
            Outcome::OverLimit(_) => &self.over_limit,
            Outcome::Encrypted(_) => &self.encrypted,
            Outcome::Score(_) => &self.scored,
        }
        .inc();
    }
}

impl Metrics {
    /// Registers all of them.
    pub fn register(registry: &mut Registry) -> Self {
        let scans: Histograms<ClassLabel> = Family::new_with_constructor(seconds);
        let checks: Histograms<CheckLabel> = Family::new_with_constructor(seconds);
        let metrics = Self {
            verdicts: Family::default(),
            passed_unchecked: Counter::default(),
            by_class: Class::ALL.map(|class| {
                let class = class.letter();
                scans.get_or_create_owned(&ClassLabel { class })
            }),
            attachments_seconds: checks.get_or_create_owned(&CheckLabel { check: "attachments".into() }),
            checks: checks.clone(),
            fed: Family::default(),
            requests: Family::default(),
            connects: Family::default(),
            busy: Family::default(),
            abandoned: Family::default(),
            breaker_open: Family::default(),
            canary_failing: Family::default(),
            database: Family::default(),
            verdict_cache: Family::default(),
            inspect: InspectMetrics::register(registry),
        };
        registry.register(
            "mailweir_worker_mails",
            "Mails by verdict: the worst that was found, and what is done with the mail",
            metrics.verdicts.clone(),
        );
        registry.register(
            "mailweir_worker_passed_unchecked",
            "Mails let through, marked, although something in them was not looked into",
            metrics.passed_unchecked.clone(),
        );
        registry.register(
            "mailweir_worker_scan_seconds",
            "Time from a mail to its verdict, by class of size",
            scans,
        );
        registry.register("mailweir_worker_check_seconds", "Time that one check took", checks);
        registry.register(
            "mailweir_worker_fed_parts",
            "Parts of mails and members of archives that a virus scanner got one by one",
            metrics.fed.clone(),
        );
        metrics.register_hosts(registry);
        metrics
    }

    fn register_hosts(&self, registry: &mut Registry) {
        registry.register(
            "mailweir_worker_scanner_requests",
            "Scans by host of a scanner and result",
            self.requests.clone(),
        );
        registry.register(
            "mailweir_worker_scanner_connects",
            "Connections opened for scanning, by host of a scanner",
            self.connects.clone(),
        );
        registry.register(
            "mailweir_worker_scanner_busy",
            "Scans under way, by host of a scanner",
            self.busy.clone(),
        );
        registry.register(
            "mailweir_worker_scanner_abandoned",
            "Scans given up that the host of a scanner may still be running",
            self.abandoned.clone(),
        );
        registry.register(
            "mailweir_worker_scanner_breaker_open",
            "1 while a host of a scanner is left alone after failures in a row",
            self.breaker_open.clone(),
        );
        registry.register(
            "mailweir_worker_scanner_canary_failing",
            "1 while a host of a scanner is left alone because its answers cannot be believed",
            self.canary_failing.clone(),
        );
        registry.register(
            "mailweir_worker_clamd_database_time_seconds",
            "When the signatures of a clamd were made, in seconds since 1970",
            self.database.clone(),
        );
        registry.register(
            "mailweir_worker_verdict_cache",
            "Contents for a scanner by what the cache had: a verdict, none, or a scan under way that was waited for",
            self.verdict_cache.clone(),
        );
    }

    /// Counts one verdict.
    pub(crate) fn verdict(&self, verdict: &Verdict, disposition: Disposition) {
        let labels = Verdicts { category: verdict.category().name(), disposition: disposition.name() };
        self.verdicts.get_or_create_owned(&labels).inc();
        let is_unchecked =
            verdict.findings().iter().any(|finding| matches!(finding.category, Category::Unchecked(_)));
        if is_unchecked && disposition.delivers() {
            self.passed_unchecked.inc();
        }
    }

    /// Counts the time of one scan.
    pub(crate) fn scanned(&self, class: Class, time: Duration) {
        let [small, medium, large] = &self.by_class;
        let histogram = match class {
            Class::Small => small,
            Class::Medium => medium,
            Class::Large => large,
        };
        histogram.observe(time.as_secs_f64());
    }

    /// The handle of a check.
    pub(crate) fn check(&self, check: &str) -> CheckMetrics {
        let label = CheckLabel { check: check.to_owned() };
        CheckMetrics {
            seconds: self.checks.get_or_create_owned(&label),
            fed: self.fed.get_or_create_owned(&ScannerLabel { scanner: label.check }),
        }
    }

    /// The handles of the cache of a scanner.
    pub(crate) fn cache(&self, scanner: &str) -> CacheMetrics {
        let counter = |result| {
            self.verdict_cache.get_or_create_owned(&ScannerResult { scanner: scanner.to_owned(), result })
        };
        CacheMetrics { hit: counter("hit"), miss: counter("miss"), joined: counter("joined") }
    }

    /// The handle of what the hosts of a clamd tell.
    pub(crate) fn clamd(&self, scanner: &str) -> ClamdMetrics {
        ClamdMetrics(self.database.clone(), scanner.to_owned())
    }

    /// The handles of `host` of `scanner`.
    pub(crate) fn host(&self, scanner: &str, host: &str) -> HostMetrics {
        let requests = |result| {
            let (scanner, host) = (scanner.to_owned(), host.to_owned());
            self.requests.get_or_create_owned(&HostResult { scanner, host, result })
        };
        let label = HostLabel { scanner: scanner.to_owned(), host: host.to_owned() };
        HostMetrics {
            clean: requests("clean"),
            infected: requests("infected"),
            over_limit: requests("over_limit"),
            encrypted: requests("encrypted"),
            scored: requests("scored"),
            failed: requests("failed"),
            connects: self.connects.get_or_create_owned(&label),
            busy: self.busy.get_or_create_owned(&label),
            abandoned: self.abandoned.get_or_create_owned(&label),
            breaker_open: self.breaker_open.get_or_create_owned(&label),
            canary_failing: self.canary_failing.get_or_create_owned(&label),
        }
    }
}
