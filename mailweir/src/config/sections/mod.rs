//! One file per table: which keys it has, what each default is, and what must fit together.
//!
//! The roles' own settings are plain data in their crates; here they only get their keys.

mod banned;
mod bus;
mod egress;
mod ingress;
mod inspect;
mod ledger;
mod load;
mod process;
mod scanners;
mod sink;
mod verdict_cache;
mod virus_scanners;
mod worker;

pub(crate) use ingress::Ingress;
pub(crate) use ledger::Ledger;
pub(crate) use load::{Load, in_brackets};
pub(crate) use process::{Admin, Demo, Log, LogFormat, Node};
pub(crate) use sink::Sink;
pub(crate) use worker::Worker;

use std::time::Duration;

use proto::failpoint::Failpoints;

use super::reader::Reader;

/// How long a late reply may take from the relay to the ingress.
const WAY_BACK: Duration = Duration::from_secs(2);
/// What a process that parses takes for itself.
const ITSELF_BYTES: usize = 64 * 1024 * 1024;

/// All tables.
#[derive(Debug)]
pub(crate) struct Sections {
    pub(crate) node: Node,
    pub(crate) log: Log,
    pub(crate) admin: Admin,
    pub(crate) ingress: Ingress,
    pub(crate) worker: Worker,
    pub(crate) scanner: ::worker::Settings,
    pub(crate) relay: ::egress::Settings,
    /// Deliveries at once, in a process that is an egress alone.
    pub(crate) relay_slots: usize,
    pub(crate) bus: ::bus::Settings,
    pub(crate) ledger: Ledger,
    /// Of tests; none unless the environment names some.
    pub(crate) failpoints: Failpoints,
    /// Of tests too.
    pub(crate) has_inspect_faults: bool,
    pub(crate) load: Load,
    pub(crate) sink: Sink,
    pub(crate) demo: Demo,
}

impl Sections {
    /// Asks for every key there is.
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let node = Node::read(reader);
        let ingress = Ingress::read(reader);
        let worker = Worker::read(reader);
        let scanner = worker::read(reader, &worker);
        let (relay, relay_slots) = egress::read(reader);
        let mut sections = Self {
            log: Log::read(reader),
            admin: Admin::read(reader),
            bus: bus::read(reader),
            ledger: Ledger::read(reader),
            failpoints: Failpoints::default(),
            has_inspect_faults: false,
            load: Load::read(reader),
            sink: Sink::read(reader),
            demo: Demo::read(reader),
            node,
            ingress,
            worker,
            scanner,
            relay,
            relay_slots,
        };
        sections.connect_ledger();
        sections.check(reader);
        if let Some(hostname) = sections.node.hostname.clone() {
            sections.set_hostname(&hostname);
        }
        sections
    }

    /// Tells the queue of the ledger, and the relay to know a late reply before the ingress gives it up.
    fn connect_ledger(&mut self) {
        self.bus.ledger = self.ledger.distributed();
        if self.ledger.enabled {
            self.relay.settle = self.ledger.settle_timeout.saturating_sub(WAY_BACK);
        }
    }

    /// What must fit together across tables.
    fn check(&self, reader: &mut Reader) {
        let server = &self.ingress.server;
        let fits = self.bus.content_bytes_max as u64 >= server.size_bytes_max;
        let mut keys = reader.section("bus");
        keys.check(fits, "content_bytes_max", "must not be below `ingress.size_bytes_max`");
        let outlasts = self.bus.janitor_age > server.reply_deadline + server.reply_grace;
        keys.check(outlasts, "janitor_age", "must be above `ingress.reply_deadline` and its grace");
        if self.ledger.enabled {
            let runs_on = self.bus.janitor_age > server.reply_deadline + self.ledger.run_on;
            keys.check(runs_on, "janitor_age", "must be above `ingress.reply_deadline` and `ledger.run_on`");
        }
        self.check_memory(reader);
        let slack = Duration::from_secs(5);
        let settles = self.ledger.settle_timeout + slack <= server.reply_grace || !self.ledger.enabled;
        let mut keys = reader.section("ledger");
        keys.check(settles, "settle_timeout", "must be 5 s below `ingress.reply_grace`");
    }

    /// A process that parses holds a content and each reading of it, what waits, a member that grows, and itself.
    fn check_memory(&self, reader: &mut Reader) {
        let Some(rules) = &self.scanner.attachments else { return };
        let limits = rules.limits;
        let parts = [
            limits.content_bytes_max.saturating_mul(5),
            limits.held_bytes_max,
            limits.member_bytes_max.saturating_mul(2),
            limits.dictionary_bytes_max,
            ITSELF_BYTES,
        ];
        let needed = parts.into_iter().fold(0, usize::saturating_add) as u64;
        let mut keys = reader.section("inspect");
        let what = "must be the sum of 5 times `content_bytes_max`, `held_bytes_max`, twice `member_bytes_max`, \
                    `dictionary_bytes_max` (of `[attachments.limits]`) and 64 MiB";
        keys.check(self.scanner.inspect.memory_bytes_max >= needed, "memory_bytes_max", what);
    }

    /// Tells every role the node's name.
    pub(crate) fn set_hostname(&mut self, hostname: &str) {
        for name in [&mut self.ingress.server.hostname, &mut self.scanner.hostname, &mut self.relay.hostname]
        {
            hostname.clone_into(name);
        }
    }
}
