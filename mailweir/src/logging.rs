//! The log: one subscriber for the process, to standard error, as text or JSON.
//!
//! Installed by `main` alone, since it is the process's and not a node's. Field names are the same in every process
//! (`tx`, `mk`, `ident`, `queue_id`, `peer`, `class`); whoever logs sees to that.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Crates whose debug lines tell of our work; of all others we want warnings.
const OURS: [&str; 6] = ["mailweir", "ingress", "worker", "egress", "bus", "proto"];

/// Starts to log. A second call changes nothing.
pub(crate) fn install(settings: Log) {
    let level = LevelFilter::from_level(settings.level);
    let others = level.min(LevelFilter::WARN);
    let filter = OURS
        .iter()
        .fold(Targets::new().with_default(others), |filter, name| filter.with_target(*name, level));
    let registry = tracing_subscriber::registry();
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let installed = match settings.format {
        LogFormat::Text => {
            registry.with(lines.with_ansi(io::stderr().is_terminal()).with_filter(filter)).try_init()
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_filter(filter)).try_init(),
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "log is installed already");
    }
    tell_panics();
}

/// Logs where a panic happened, and not what it says: that may quote a mail (a string cut within a character does).
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}
