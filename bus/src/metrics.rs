//! What the queue counts. Handles are resolved once; counting is one atomic.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Which stream a message went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Mail,
    Body,
    Verdict,
    Ledger,
}

/// Why a message was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// Written by a newer release.
    Newer,
    /// No message of ours.
    Alien,
    /// A chunk or job is not there.
    Missing,
    /// Length or digest differ.
    Corrupt,
}

/// How telling an ingress ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoticeEnd {
    /// It waited for it.
    Taken,
    /// Its client had been told something else.
    Late,
    /// It does not know the transaction.
    Unknown,
    /// Nobody answered.
    NoIngress,
}

/// How a claim ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimEnd {
    /// The dot may be sent.
    Granted,
    /// Somebody else's results were taken.
    Done,
    /// The ingress had given the mail up.
    Aborted,
    /// Not known or not now.
    Refused,
}

/// How a mail that the client had sent before was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// Answered from its record, at once.
    Answered,
    /// Answered when another transaction had its outcome.
    Attached,
    /// Published as the next attempt.
    Again,
}

/// One label, whose values are resolved when the metrics are made.
type Labels = [(&'static str, &'static str); 1];

fn resolved<const N: usize>(
    family: &Family<Labels, Counter>,
    label: &'static str,
    values: [&'static str; N],
) -> [Counter; N] {
    values.map(|value| family.get_or_create_owned(&[(label, value)]))
}

/// The metrics of one process's bus.
#[derive(Clone, Debug)]
pub struct Metrics {
    published: [Counter; 4],
    claims: [Counter; 4],
    aside: [Counter; 4],
    notices: [Counter; 4],
    joins: [Counter; 3],
    pub(crate) publish_retries: Counter,
    pub(crate) queue_full: Counter,
    pub(crate) redelivered: Counter,
    pub(crate) expired: Counter,
    pub(crate) poisoned: Counter,
    pub(crate) muted: Counter,
    pub(crate) handed_back: Counter,
    pub(crate) panicked: Counter,
    pub(crate) slow_consumers: Counter,
    pub(crate) connects: Counter,
    pub(crate) janitor_removed: Counter,
    pub(crate) leader_reads: Counter,
    pub(crate) orphans: Counter,
    pub(crate) ledger_ambiguous: Counter,
    pub(crate) ledger_unreadable: Counter,
    pub(crate) ledger_aborts: Counter,
    pub(crate) reachable: Gauge,
    pub(crate) fill: Gauge<f64, AtomicU64>,
    pub(crate) wait: Gauge<f64, AtomicU64>,
    pub(crate) waiting: Gauge,
    pub(crate) in_work: Gauge,
    age: Histogram,
    round_trip: Histogram,
}

impl Metrics {
    /// Creates the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let buckets = || exponential_buckets(0.000_5, 2.0, 20);
        let registry = registry.sub_registry_with_prefix("mailweir_bus");
        let (published, aside, notices) = (Family::default(), Family::default(), Family::default());
        let (claims, joins) = (Family::default(), Family::default());
        registry.register("published", "Messages stored by the server, by stream", published.clone());
        registry.register("put_aside", "Messages that could not be worked on, by reason", aside.clone());
        registry.register("notices", "Outcomes told to an ingress, by how that ended", notices.clone());
        registry.register("joins", "Mails that the client had sent before, by what they met", joins.clone());
        registry.register("ledger_claims", "Claims asked for, by how that ended", claims.clone());
        let metrics = Self {
            published: resolved(&published, "stream", ["mail", "body", "verdict", "ledger"]),
            claims: resolved(&claims, "result", ["granted", "done", "aborted", "refused"]),
            aside: resolved(&aside, "reason", ["newer", "alien", "missing", "corrupt"]),
            notices: resolved(&notices, "end", ["taken", "late", "unknown", "no-ingress"]),
            joins: resolved(&joins, "end", ["answered", "attached", "again"]),
            publish_retries: Counter::default(),
            queue_full: Counter::default(),
            redelivered: Counter::default(),
            expired: Counter::default(),
            poisoned: Counter::default(),
            muted: Counter::default(),
            handed_back: Counter::default(),
            panicked: Counter::default(),
            slow_consumers: Counter::default(),
            connects: Counter::default(),
            janitor_removed: Counter::default(),
            leader_reads: Counter::default(),
            orphans: Counter::default(),
            ledger_ambiguous: Counter::default(),
            ledger_unreadable: Counter::default(),
            ledger_aborts: Counter::default(),
            reachable: Gauge::default(),
            fill: Gauge::default(),
            wait: Gauge::default(),
            waiting: Gauge::default(),
            in_work: Gauge::default(),
            age: Histogram::new(buckets()),
            round_trip: Histogram::new(buckets()),
        };
        metrics.enter(registry);
        metrics
    }

    fn enter(&self, registry: &mut Registry) {
        let counters = [
            ("publish_retries", "Publishes tried again", &self.publish_retries),
            ("queue_full", "Publishes refused because a stream was full", &self.queue_full),
            ("redelivered", "Messages that came a second time or more", &self.redelivered),
            ("expired", "Mails dropped unworked because their deadline had passed", &self.expired),
            ("poisoned", "Mails given up after too many deliveries", &self.poisoned),
            ("muted", "Results dropped because the right to the mail had been lost", &self.muted),
            ("handed_back", "Messages handed back while draining", &self.handed_back),
            ("panicked", "Handlers that panicked", &self.panicked),
            ("slow_consumers", "Messages that the client library dropped", &self.slow_consumers),
            ("connects", "Connections made to a server", &self.connects),
            ("janitor_removed", "Messages that the janitor removed", &self.janitor_removed),
            ("orphans", "Jobs that nobody worked on any more and a retry found", &self.orphans),
            ("leader_reads", "Contents that a replica did not have yet", &self.leader_reads),
            (
                "ledger_ambiguous",
                "Claims without an outcome that were passed: second copies are possible",
                &self.ledger_ambiguous,
            ),
            ("ledger_unreadable", "Records of the ledger that could not be read", &self.ledger_unreadable),
            ("ledger_aborts", "Mails without IDENT whose delivery was forbidden", &self.ledger_aborts),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let gauges = [
            ("reachable", "1 while the queue can be used", &self.reachable),
            ("waiting", "Transactions that wait for their outcome", &self.waiting),
            ("in_work", "Messages in work", &self.in_work),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        registry.register("fill", "The fullest stream that holds mails, 0 to 1", self.fill.clone());
        registry.register(
            "estimated_wait_seconds",
            "How long a mail that comes now waits for a worker",
            self.wait.clone(),
        );
        registry.register("age_seconds", "Age of a message when it is delivered", self.age.clone());
        registry.register(
            "round_trip_seconds",
            "From publish to outcome, at the ingress",
            self.round_trip.clone(),
        );
    }

    pub(crate) fn published(&self, stream: To) {
        let [mail, body, verdict, ledger] = &self.published;
        match stream {
            To::Mail => mail,
            To::Body => body,
            To::Verdict => verdict,
            To::Ledger => ledger,
        }
        .inc();
    }

    pub(crate) fn put_aside(&self, reason: Aside) {
        let [newer, alien, missing, corrupt] = &self.aside;
        match reason {
            Aside::Newer => newer,
            Aside::Alien => alien,
            Aside::Missing => missing,
            Aside::Corrupt => corrupt,
        }
        .inc();
    }

    pub(crate) fn notice(&self, end: NoticeEnd) {
        let [taken, late, unknown, no_ingress] = &self.notices;
        match end {
            NoticeEnd::Taken => taken,
            NoticeEnd::Late => late,
            NoticeEnd::Unknown => unknown,
            NoticeEnd::NoIngress => no_ingress,
        }
        .inc();
    }

    pub(crate) fn joined(&self, end: Join) {
        let [answered, attached, again] = &self.joins;
        match end {
            Join::Answered => answered,
            Join::Attached => attached,
            Join::Again => again,
        }
        .inc();
    }

    pub(crate) fn claim(&self, end: ClaimEnd) {
        let [granted, done, aborted, refused] = &self.claims;
        match end {
            ClaimEnd::Granted => granted,
            ClaimEnd::Done => done,
            ClaimEnd::Aborted => aborted,
            ClaimEnd::Refused => refused,
        }
        .inc();
    }

    pub(crate) fn observe_age(&self, age: Duration) {
        self.age.observe(age.as_secs_f64());
    }

    pub(crate) fn observe_round_trip(&self, took: Duration) {
        self.round_trip.observe(took.as_secs_f64());
    }
}
