//! What the ledger counts. Handles are resolved once; counting is one atomic.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// How a claim ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimEnd {
    /// The dot may be sent.
    Granted,
    /// An earlier attempt's results were taken.
    Done,
    /// Not known or not now.
    Refused,
}

/// The metrics of one ledger.
#[derive(Clone, Debug)]
pub struct Metrics {
    claims: [Counter; 3],
    pub(crate) ambiguous: Counter,
    pub(crate) answered: Counter,
    pub(crate) joined: Counter,
    pub(crate) ran_on: Counter,
    pub(crate) cut_short: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) unrecorded: Counter,
    pub(crate) pruned: Counter,
    pub(crate) records: Gauge,
    pub(crate) in_work: Gauge,
    pub(crate) writable: Gauge,
    write: Histogram,
    update: Histogram,
}

impl Metrics {
    /// Creates the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("mailweir_ledger");
        let claims = Family::<[(&str, &str); 1], Counter>::default();
        registry.register("claims", "Claims asked for, by how that ended", claims.clone());
        let metrics = Self {
            claims: ["granted", "done", "refused"]
                .map(|result| claims.get_or_create_owned(&[("result", result)])),
            ambiguous: Counter::default(),
            answered: Counter::default(),
            joined: Counter::default(),
            ran_on: Counter::default(),
            cut_short: Counter::default(),
            unreadable: Counter::default(),
            unrecorded: Counter::default(),
            pruned: Counter::default(),
            records: Gauge::default(),
            in_work: Gauge::default(),
            writable: Gauge::default(),
            write: Histogram::new(exponential_buckets(0.000_01, 2.0, 20)),
            update: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
        };
        let counters = [
            (
                "ambiguous",
                "Claims without an outcome that were passed: second copies are possible",
                &metrics.ambiguous,
            ),
            ("answered", "Mails answered from the record, without a scan", &metrics.answered),
            ("joined", "Mails that waited for the same mail under way", &metrics.joined),
            ("ran_on", "Mails that went on beyond the deadline of their client", &metrics.ran_on),
            (
                "cut_short",
                "Mails given up at the deadline of their client for want of memory",
                &metrics.cut_short,
            ),
            ("unreadable", "Records that could not be read", &metrics.unreadable),
            ("unrecorded", "Outcomes that could not be written", &metrics.unrecorded),
            ("pruned", "Records removed for their age or number", &metrics.pruned),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register("records", "Records in the file", metrics.records.clone());
        registry.register("in_work", "Mails with an IDENT in work", metrics.in_work.clone());
        registry.register("writable", "1 while the ledger can be written", metrics.writable.clone());
        registry.register("write_seconds", "Time of one write, of all that waited", metrics.write.clone());
        registry.register(
            "update_seconds",
            "Time of bringing the database up to date",
            metrics.update.clone(),
        );
        metrics
    }

    pub(crate) fn claim(&self, end: ClaimEnd) {
        let [granted, done, refused] = &self.claims;
        match end {
            ClaimEnd::Granted => granted.inc(),
            ClaimEnd::Done => done.inc(),
            ClaimEnd::Refused => refused.inc(),
        };
    }

    pub(crate) fn written(&self, took: Duration) {
        self.write.observe(took.as_secs_f64());
    }

    pub(crate) fn updated(&self, took: Duration) {
        self.update.observe(took.as_secs_f64());
    }
}
