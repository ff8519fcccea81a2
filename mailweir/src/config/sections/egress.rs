//! `[egress]` and `[egress.timeouts]`: where mail goes and how patient we are there.

use ::egress::{Protocol, Settings, Target, Timeouts};
use proto::Endpoint;

use crate::config::reader::Reader;
use crate::config::words::{Word, choose, quoted};

impl Word for Protocol {
    fn parse(text: &str) -> Result<Self, String> {
        choose(text, &[("smtp", Self::Smtp), ("lmtp", Self::Lmtp)])
    }

    fn to_toml(&self) -> String {
        quoted(self.name())
    }
}

/// `HOST:PORT` or `unix:PATH`, spoken to by SMTP; with `lmtp:` in front by LMTP.
impl Word for Target {
    fn parse(text: &str) -> Result<Self, String> {
        let (protocol, address) = match text.split_once(':') {
            Some(("smtp", address)) => (Protocol::Smtp, address),
            Some(("lmtp", address)) => (Protocol::Lmtp, address),
            _ => (Protocol::Smtp, text),
        };
        let endpoint = address.parse::<Endpoint>();
        let endpoint =
            endpoint.map_err(|_| "expected HOST:PORT or unix:/PATH, with lmtp: in front for LMTP")?;
        Ok(Self { endpoint, protocol })
    }

    fn to_toml(&self) -> String {
        quoted(&match self.protocol {
            Protocol::Smtp => self.endpoint.to_string(),
            Protocol::Lmtp => format!("lmtp:{}", self.endpoint),
        })
    }
}

/// Asks for its keys: the relay's settings, and how many deliveries a process that is an egress alone takes at once.
/// `hostname` is the node's and set later.
pub(super) fn read(reader: &mut Reader) -> (Settings, usize) {
    let Settings {
        targets,
        hostname,
        timeouts,
        connections_per_target_max,
        idle_keep,
        mails_per_connection_max,
        retry_pause,
        breaker_failures,
        probe_pause_max,
        losses_max,
        groups_parallel_max,
        reply_slack,
        dot_wait_min,
        settle,
    } = Settings::default();
    let mut keys = reader.section("egress");
    let mut settings = Settings {
        targets: keys.list("next_hop", targets),
        hostname,
        timeouts: Timeouts::default(),
        connections_per_target_max: keys.get("connections_per_target_max", connections_per_target_max),
        idle_keep: keys.get("idle_keep", idle_keep),
        mails_per_connection_max: keys.get("mails_per_connection_max", mails_per_connection_max),
        retry_pause: keys.get("retry_pause", retry_pause),
        breaker_failures: keys.get("breaker_failures", breaker_failures),
        probe_pause_max: keys.get("probe_pause_max", probe_pause_max),
        losses_max: keys.get("losses_max", losses_max),
        groups_parallel_max: keys.get("groups_parallel_max", groups_parallel_max),
        reply_slack: keys.get("reply_slack", reply_slack),
        dot_wait_min: keys.get("dot_wait_min", dot_wait_min),
        // Goes with `ledger.settle_timeout`.
        settle,
    };
    let slots = keys.get("slots", 40);
    keys.check((1..=4_096).contains(&slots), "slots", "must be 1 to 4096");
    keys.check(!settings.targets.is_empty(), "next_hop", "must not be empty");
    keys.check(settings.connections_per_target_max > 0, "connections_per_target_max", "must not be 0");
    keys.check(settings.mails_per_connection_max > 0, "mails_per_connection_max", "must not be 0");
    keys.check(settings.groups_parallel_max > 0, "groups_parallel_max", "must not be 0");
    keys.check(settings.breaker_failures > 0, "breaker_failures", "must not be 0");
    settings.timeouts = read_timeouts(reader, &timeouts);
    (settings, slots)
}

fn read_timeouts(reader: &mut Reader, default: &Timeouts) -> Timeouts {
    let mut keys = reader.section("egress.timeouts");
    Timeouts {
        connect: keys.get("connect", default.connect),
        greeting: keys.get("greeting", default.greeting),
        ehlo: keys.get("ehlo", default.ehlo),
        mail: keys.get("mail", default.mail),
        rcpt: keys.get("rcpt", default.rcpt),
        data: keys.get("data", default.data),
        transfer: keys.get("transfer", default.transfer),
        dot: keys.get("dot", default.dot),
        quit: keys.get("quit", default.quit),
    }
}
