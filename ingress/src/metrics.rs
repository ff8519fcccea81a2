//! What the server counts.
//!
//! Label handles are resolved once, when the metrics are made, so that counting is one atomic. Names get their
//! `_total` from the encoder. The registry is the caller's: two servers in one process register in two.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use proto::{Class, Reply, ReplyClass};

use crate::RefusalReason;
use crate::session::{Closing, ContentRefusal};

/// A label with a fixed set of values.
pub(crate) trait Label: Copy + PartialEq + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The value as it is exposed.
    fn name(self) -> &'static str;
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

/// One counter per value of a label.
#[derive(Clone)]
pub(crate) struct Counters<L: 'static> {
    family: Family<Reason, Counter>,
    resolved: Vec<(L, Counter)>,
}

impl<L: Label> Default for Counters<L> {
    fn default() -> Self {
        let family = Family::<Reason, Counter>::default();
        let resolve = |label: &L| {
            let reason = label.name();
            (*label, family.get_or_create_owned(&Reason { reason }))
        };
        Self { resolved: L::ALL.iter().map(resolve).collect(), family }
    }
}

impl<L: Label> Counters<L> {
    /// Counts one.
    pub(crate) fn inc(&self, label: L) {
        self.inc_by(label, 1);
    }

    /// Counts so many.
    pub(crate) fn inc_by(&self, label: L, count: u64) {
        if let Some((_, counter)) = self.resolved.iter().find(|(known, _)| *known == label) {
            counter.inc_by(count);
        }
    }
}

/// Why a transaction ended without the pipeline's answer for every recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The pipeline did not answer by the deadline.
    Deadline,
    /// It panicked.
    Panic,
    /// The client was gone before the replies.
    ClientLost,
    /// The server had to stop.
    Stopped,
}

impl Label for Unanswered {
    const ALL: &'static [Self] = &[Self::Deadline, Self::Panic, Self::ClientLost, Self::Stopped];

    fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Panic => "panic",
            Self::ClientLost => "client_lost",
            Self::Stopped => "stopped",
        }
    }
}

/// The class of a reply to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyLabel(ReplyClass);

impl ReplyLabel {
    /// The class of a reply with this code.
    pub(crate) fn of(code: u16) -> Self {
        Self(Reply::new(code, None, "").class())
    }
}

impl Label for ReplyLabel {
    const ALL: &'static [Self] =
        &[Self(ReplyClass::Positive), Self(ReplyClass::Transient), Self(ReplyClass::Permanent)];

    fn name(self) -> &'static str {
        match self.0 {
            ReplyClass::Positive => "2xx",
            ReplyClass::Transient => "4xx",
            ReplyClass::Permanent => "5xx",
        }
    }
}

/// The metrics of one server.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) sessions: Gauge,
    pub(crate) sessions_opened: Counter,
    pub(crate) sessions_closed: Counters<Closing>,
    pub(crate) access_refused: Counter,
    pub(crate) accept_errors: Counter,
    pub(crate) transactions_in_flight: Gauge,
    pub(crate) in_flight_bytes: Gauge,
    pub(crate) mail_refused: Counters<RefusalReason>,
    pub(crate) content_refused: Counters<ContentRefusal>,
    pub(crate) content_bytes: Counter,
    pub(crate) bare_newlines: Counter,
    pub(crate) bare_newline_mails: Counter,
    pub(crate) replies: Counters<ReplyLabel>,
    pub(crate) unanswered: Counters<Unanswered>,
    seconds_family: Family<ClassLabel, Histogram, fn() -> Histogram>,
    seconds: [Histogram; 3],
}

/// Not registered anywhere: for tests and for those who do not want to know.
impl Default for Metrics {
    fn default() -> Self {
        let family = Family::new_with_constructor(seconds_histogram as fn() -> Histogram);
        let seconds =
            Class::ALL.map(|class| family.get_or_create_owned(&ClassLabel { class: class.letter() }));
        Self {
            sessions: Gauge::default(),
            sessions_opened: Counter::default(),
            sessions_closed: Counters::default(),
            access_refused: Counter::default(),
            accept_errors: Counter::default(),
            transactions_in_flight: Gauge::default(),
            in_flight_bytes: Gauge::default(),
            mail_refused: Counters::default(),
            content_refused: Counters::default(),
            content_bytes: Counter::default(),
            bare_newlines: Counter::default(),
            bare_newline_mails: Counter::default(),
            replies: Counters::default(),
            unanswered: Counters::default(),
            seconds_family: family,
            seconds,
        }
    }
}

/// 1 ms to 524 s: from a mail that is only looked at to one that waits until the ceiling.
fn seconds_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 20))
}

impl Metrics {
    /// Registers everything under `mailweir_ingress_`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        metrics.register_sessions(registry);
        metrics.register_mails(registry);
        metrics
    }

    fn register_sessions(&self, registry: &mut Registry) {
        registry.register("mailweir_ingress_sessions", "Sessions that are open now", self.sessions.clone());
        registry.register(
            "mailweir_ingress_sessions_opened",
            "Sessions that were greeted",
            self.sessions_opened.clone(),
        );
        registry.register(
            "mailweir_ingress_sessions_closed",
            "Sessions that ended, by what ended them",
            self.sessions_closed.family.clone(),
        );
        registry.register(
            "mailweir_ingress_access_refused",
            "Connections from addresses outside the access list",
            self.access_refused.clone(),
        );
        registry.register(
            "mailweir_ingress_accept_errors",
            "Connections that could not be accepted, mostly for want of file descriptors",
            self.accept_errors.clone(),
        );
    }

    fn register_mails(&self, registry: &mut Registry) {
        registry.register(
            "mailweir_ingress_transactions_in_flight",
            "Transactions between MAIL and their last reply",
            self.transactions_in_flight.clone(),
        );
        registry.register(
            "mailweir_ingress_in_flight_bytes",
            "Content bytes held or reserved by these transactions",
            self.in_flight_bytes.clone(),
        );
        registry.register(
            "mailweir_ingress_mail_refused",
            "MAIL commands refused, by the limit that stood against them",
            self.mail_refused.family.clone(),
        );
        registry.register(
            "mailweir_ingress_content_refused",
            "Mails refused after their content, without being handed on, by reason",
            self.content_refused.family.clone(),
        );
        registry.register(
            "mailweir_ingress_content_bytes",
            "Content bytes of the mails handed on",
            self.content_bytes.clone(),
        );
        registry.register(
            "mailweir_ingress_bare_newlines",
            "Bare CR and LF found in content",
            self.bare_newlines.clone(),
        );
        registry.register(
            "mailweir_ingress_bare_newline_mails",
            "Mails with a bare CR or LF in their content",
            self.bare_newline_mails.clone(),
        );
        registry.register(
            "mailweir_ingress_replies",
            "Replies to the mails handed on: one per recipient by LMTP, one per mail by SMTP",
            self.replies.family.clone(),
        );
        registry.register(
            "mailweir_ingress_unanswered",
            "Mails handed on whose answer did not come or could not be given, by reason",
            self.unanswered.family.clone(),
        );
        registry.register(
            "mailweir_ingress_transaction_seconds",
            "Time from the final dot to the last reply, by size class",
            self.seconds_family.clone(),
        );
    }

    /// The time histogram of one size class.
    pub(crate) fn seconds(&self, class: Class) -> &Histogram {
        let [small, medium, large] = &self.seconds;
        match class {
            Class::Small => small,
            Class::Medium => medium,
            Class::Large => large,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_exposed_with_its_values_from_the_start() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.mail_refused.inc(RefusalReason::InFlightBytes);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "mailweir_ingress_sessions 0",
            "mailweir_ingress_mail_refused_total{reason=\"in_flight_bytes\"} 1",
            "mailweir_ingress_mail_refused_total{reason=\"gate\"} 0",
            "mailweir_ingress_content_refused_total{reason=\"hops\"} 0",
            "mailweir_ingress_sessions_closed_total{reason=\"quit\"} 0",
            "mailweir_ingress_replies_total{reason=\"4xx\"} 0",
            "mailweir_ingress_unanswered_total{reason=\"deadline\"} 0",
            "mailweir_ingress_transaction_seconds_count{class=\"l\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
