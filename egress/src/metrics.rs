//! What egress counts. Handles per target are resolved once, when the relay is built; a delivery costs atomics only.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use proto::ReplyClass;

use crate::settings::Target;

/// Upper bounds in seconds: from a next hop on loopback to a deadline.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 45.0, 240.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabel {
    target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

/// All metrics of egress; a clone counts into the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    positive: Counter,
    transient: Counter,
    permanent: Counter,
    pub(crate) in_doubt: Counter,
    pub(crate) fenced: Counter,
    pub(crate) xforward_refused: Counter,
    pub(crate) eight_bit_unannounced: Counter,
    pub(crate) delivery: Histogram,
    connections: Family<TargetLabel, Counter>,
    reused: Family<TargetLabel, Counter>,
    stale: Family<TargetLabel, Counter>,
    failures: Family<TargetLabel, Counter>,
    open: Family<TargetLabel, Gauge>,
    up: Family<TargetLabel, Gauge>,
    content: Family<TargetLabel, Counter>,
    dot: Family<TargetLabel, Histogram, fn() -> Histogram>,
}

/// The handles of one target.
#[derive(Clone, Debug)]
pub(crate) struct TargetMetrics {
    pub(crate) connections: Counter,
    pub(crate) reused: Counter,
    pub(crate) stale: Counter,
    pub(crate) failures: Counter,
    pub(crate) open: Gauge,
    pub(crate) up: Gauge,
    pub(crate) content: Counter,
    pub(crate) dot: Histogram,
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// Creates and registers all of them under `mailweir_egress_`.
    pub fn register(registry: &mut Registry) -> Self {
        let recipients = Family::<ClassLabel, Counter>::default();
        let class = |class| recipients.get_or_create_owned(&ClassLabel { class });
        let metrics = Self {
            positive: class("2xx"),
            transient: class("4xx"),
            permanent: class("5xx"),
            in_doubt: Counter::default(),
            fenced: Counter::default(),
            xforward_refused: Counter::default(),
            eight_bit_unannounced: Counter::default(),
            delivery: histogram(),
            connections: Family::default(),
            reused: Family::default(),
            stale: Family::default(),
            failures: Family::default(),
            open: Family::default(),
            up: Family::default(),
            content: Family::default(),
            dot: Family::new_with_constructor(histogram),
        };
        metrics.register_mails(registry, recipients);
        metrics.register_targets(registry);
        metrics
    }

    fn register_mails(&self, registry: &mut Registry, recipients: Family<ClassLabel, Counter>) {
        registry.register(
            "mailweir_egress_recipients",
            "Recipients answered, by the class of their reply",
            recipients,
        );
        registry.register(
            "mailweir_egress_in_doubt",
            "Transactions whose final dot was sent and whose reply never came: the next hop may have the mail",
            self.in_doubt.clone(),
        );
        registry.register(
            "mailweir_egress_fenced",
            "Transactions given up before the final dot because their claim was not granted",
            self.fenced.clone(),
        );
        registry.register(
            "mailweir_egress_xforward_refused",
            "XFORWARD commands that the next hop announced and then refused",
            self.xforward_refused.clone(),
        );
        registry.register(
            "mailweir_egress_eight_bit_unannounced",
            "Transactions with 8-bit content to a next hop that does not announce 8BITMIME",
            self.eight_bit_unannounced.clone(),
        );
        registry.register_with_unit(
            "mailweir_egress_delivery",
            "From being given a mail to its last recipient's reply",
            Unit::Seconds,
            self.delivery.clone(),
        );
    }

    fn register_targets(&self, registry: &mut Registry) {
        registry.register(
            "mailweir_egress_connections_opened",
            "Connections opened to a target",
            self.connections.clone(),
        );
        registry.register(
            "mailweir_egress_connections_reused",
            "Transactions that began on a connection kept from an earlier one",
            self.reused.clone(),
        );
        registry.register(
            "mailweir_egress_connections_stale",
            "Kept connections that the target had closed meanwhile",
            self.stale.clone(),
        );
        registry.register(
            "mailweir_egress_target_failures",
            "Connections to a target that failed before a final dot: refused, lost, timed out, out of protocol",
            self.failures.clone(),
        );
        registry.register(
            "mailweir_egress_connections_open",
            "Connections to a target that are in a transaction",
            self.open.clone(),
        );
        registry.register(
            "mailweir_egress_target_up",
            "1 while a target takes connections, 0 while it is only probed",
            self.up.clone(),
        );
        registry.register_with_unit(
            "mailweir_egress_content",
            "Content given to a target, before dot-stuffing",
            Unit::Bytes,
            self.content.clone(),
        );
        registry.register_with_unit(
            "mailweir_egress_dot",
            "From the final dot to the target's last reply",
            Unit::Seconds,
            self.dot.clone(),
        );
    }

    /// Counts one recipient's final reply.
    pub(crate) fn answered(&self, class: ReplyClass) {
        match class {
            ReplyClass::Positive => self.positive.inc(),
            ReplyClass::Transient => self.transient.inc(),
            ReplyClass::Permanent => self.permanent.inc(),
        };
    }

    pub(crate) fn target(&self, target: &Target) -> TargetMetrics {
        let label = TargetLabel { target: target.to_string() };
        TargetMetrics {
            connections: self.connections.get_or_create_owned(&label),
            reused: self.reused.get_or_create_owned(&label),
            stale: self.stale.get_or_create_owned(&label),
            failures: self.failures.get_or_create_owned(&label),
            open: self.open.get_or_create_owned(&label),
            up: self.up.get_or_create_owned(&label),
            content: self.content.get_or_create_owned(&label),
            dot: self.dot.get_or_create_owned(&label),
        }
    }
}
