//! `[ingress]`: where mail is taken and every limit of the server.

use ::ingress::{BareNewlines, ClientLoss, Settings, overload};
use ipnet::IpNet;
use proto::Endpoint;
use std::time::Duration;

use crate::config::reader::{Reader, Section};
use crate::config::words::{Size, Word, choose, quoted};

/// The server's settings and where it listens.
#[derive(Clone, Debug)]
pub(crate) struct Ingress {
    /// Default 127.0.0.1:20024.
    pub(crate) listen: Vec<Endpoint>,
    /// `hostname` is the node's and set later.
    pub(crate) server: Settings,
    /// From when on MAIL is answered 451. Default 60 s and 85 %.
    pub(crate) overload: overload::Limits,
}

impl Word for BareNewlines {
    fn parse(text: &str) -> Result<Self, String> {
        choose(text, &[("normalise", Self::Normalise), ("reject", Self::Reject)])
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Normalise => "normalise",
            Self::Reject => "reject",
        })
    }
}

impl Word for ClientLoss {
    fn parse(text: &str) -> Result<Self, String> {
        choose(text, &[("cancel", Self::Cancel), ("finish", Self::Finish)])
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Cancel => "cancel",
            Self::Finish => "finish",
        })
    }
}

impl Word for IpNet {
    fn parse(text: &str) -> Result<Self, String> {
        let single = || text.parse::<std::net::IpAddr>().map(Self::from);
        text.parse()
            .or_else(|_| single())
            .map_err(|_| "expected an address or a network such as 10.0.0.0/8".into())
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Ingress {
    /// Asks for its keys.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Endpoint::Tcp { host: "127.0.0.1".into(), port: 20024 };
        let mut keys = reader.section("ingress");
        let mut server = Settings::default();
        let listen = keys.list("listen", vec![default]);
        server.access = keys.list("access", server.access);
        read_limits(&mut keys, &mut server);
        read_times(&mut keys, &mut server);
        server.bare_newlines = keys.get("bare_newlines", server.bare_newlines);
        server.client_loss = keys.get("client_loss", server.client_loss);
        let percent: u8 = keys.get("overload_fill", 85);
        keys.check((20..=100).contains(&percent), "overload_fill", "must be 20 to 100");
        let overload = overload::Limits {
            wait: keys.get("overload_wait", Duration::from_secs(60)),
            fill: f64::from(percent) / 100.0,
        };
        keys.check(overload.wait >= Duration::from_secs(1), "overload_wait", "must be at least 1 s");
        check(&mut keys, &listen, &server);
        Self { listen, server, overload }
    }
}

fn read_limits(keys: &mut Section<'_>, to: &mut Settings) {
    to.size_bytes_max = size(keys, "size_bytes_max", to.size_bytes_max);
    to.recipients_max = keys.get("recipients_max", to.recipients_max);
    to.command_bytes_max = keys.size("command_bytes_max", to.command_bytes_max);
    to.commands_max = keys.get("commands_max", to.commands_max);
    to.errors_max = keys.get("errors_max", to.errors_max);
    to.long_lines_max = keys.get("long_lines_max", to.long_lines_max);
    to.hops_max = keys.get("hops_max", to.hops_max);
    to.in_flight_bytes_max = size(keys, "in_flight_bytes_max", to.in_flight_bytes_max);
    to.transactions_max = keys.get("transactions_max", to.transactions_max);
    to.sessions_max = keys.get("sessions_max", to.sessions_max);
    to.data_rate_min = keys.get("data_rate_min", to.data_rate_min);
}

fn read_times(keys: &mut Section<'_>, to: &mut Settings) {
    to.idle = keys.get("idle", to.idle);
    to.data_stall = keys.get("data_stall", to.data_stall);
    to.data_total = keys.get("data_total", to.data_total);
    to.data_rate_after = keys.get("data_rate_after", to.data_rate_after);
    to.reply_deadline = keys.get("reply_deadline", to.reply_deadline);
    to.reply_grace = keys.get("reply_grace", to.reply_grace);
}

fn size(keys: &mut Section<'_>, key: &str, default: u64) -> u64 {
    let Size(bytes) = keys.get(key, Size(default));
    bytes
}

fn check(keys: &mut Section<'_>, listen: &[Endpoint], server: &Settings) {
    let ceiling = Duration::from_secs(540);
    let deadline = server.reply_deadline;
    let rules = [
        (!listen.is_empty(), "listen", "must not be empty"),
        (server.size_bytes_max >= 1_024, "size_bytes_max", "must be at least 1 KiB"),
        (server.recipients_max >= 100, "recipients_max", "must be at least 100 (RFC 5321 section 4.5.3.1.8)"),
        (
            server.command_bytes_max >= 512,
            "command_bytes_max",
            "must be at least 512 (RFC 5321 section 4.5.3.1.4)",
        ),
        (server.commands_max > 0, "commands_max", "must not be 0"),
        (server.errors_max > 0, "errors_max", "must not be 0"),
        (server.long_lines_max > 0, "long_lines_max", "must not be 0"),
        (server.hops_max > 0, "hops_max", "must not be 0"),
        (server.transactions_max > 0, "transactions_max", "must not be 0"),
        (server.sessions_max > 0, "sessions_max", "must not be 0"),
        (!deadline.is_zero(), "reply_deadline", "must not be 0"),
        (
            deadline <= ceiling,
            "reply_deadline",
            "must not be above 540 s: Postfix waits 600 s, then takes us for dead",
        ),
        (
            deadline + server.reply_grace <= ceiling,
            "reply_grace",
            "must not be above 540 s together with `ingress.reply_deadline`",
        ),
        (!server.idle.is_zero(), "idle", "must not be 0"),
    ];
    for (holds, key, message) in rules {
        keys.check(holds, key, message);
    }
}
