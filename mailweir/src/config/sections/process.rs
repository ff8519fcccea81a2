//! What every process has: a name, a log, an admin port. And the switches of the demonstration.

use std::path::PathBuf;
use std::time::Duration;

use proto::Endpoint;
use tracing::Level;

use crate::config::reader::Reader;
use crate::config::words::{Word, choose, quoted};

/// `[node]`.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Our name in greetings and header fields. Default: that of the machine.
    pub(crate) hostname: Option<String>,
    /// Where the bound endpoints are written. Default: nowhere.
    pub(crate) ports_file: Option<PathBuf>,
    /// How long a drain may take before what is left is cut. Default 310 s: the reply deadline, its grace and some.
    pub(crate) drain: Duration,
    /// Threads that run tasks; 0 is one per core. Default 0.
    pub(crate) threads: usize,
}

impl Node {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keys = reader.section("node");
        let node = Self {
            hostname: keys.optional("hostname", None),
            ports_file: keys.optional("ports_file", None),
            drain: keys.get("drain", Duration::from_secs(310)),
            threads: keys.get("threads", 0),
        };
        let is_name =
            |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
        keys.check(
            node.hostname.as_ref().is_none_or(is_name),
            "hostname",
            "may have letters, digits, `-`, `.` and `_`",
        );
        keys.check(node.threads <= 1_024, "threads", "must not be above 1024");
        node
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object per line.
    Json,
}

impl Word for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        choose(text, &[("text", Self::Text), ("json", Self::Json)])
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl Word for Level {
    fn parse(text: &str) -> Result<Self, String> {
        choose(
            text,
            &[
                ("error", Self::ERROR),
                ("warn", Self::WARN),
                ("info", Self::INFO),
                ("debug", Self::DEBUG),
                ("trace", Self::TRACE),
            ],
        )
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string().to_ascii_lowercase())
    }
}

/// `[log]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    /// The least important that is written. Default info.
    pub(crate) level: Level,
    /// How it looks. Default text.
    pub(crate) format: LogFormat,
}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keys = reader.section("log");
        Self { level: keys.get("level", Level::INFO), format: keys.get("format", LogFormat::Text) }
    }
}

/// `[admin]`.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    /// Where /metrics, /livez and /readyz are served. Default: nowhere.
    pub(crate) listen: Option<Endpoint>,
    /// Connections at a time. Default 32.
    pub(crate) connections_max: usize,
    /// How long a request may take to arrive. Default 10 s.
    pub(crate) request_timeout: Duration,
}

impl Admin {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keys = reader.section("admin");
        let admin = Self {
            listen: keys.optional("listen", None),
            connections_max: keys.get("connections_max", 32),
            request_timeout: keys.get("request_timeout", Duration::from_secs(10)),
        };
        keys.check((1..=1_024).contains(&admin.connections_max), "connections_max", "must be 1 to 1024");
        admin
    }
}

/// `[demo]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demo {
    /// Free ports instead of 20024 and 20025. Default false.
    pub(crate) any_port: bool,
    /// The distributed mode. Default false.
    pub(crate) nats: bool,
}

impl Demo {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keys = reader.section("demo");
        Self { any_port: keys.get("any_port", false), nats: keys.get("nats", false) }
    }
}
