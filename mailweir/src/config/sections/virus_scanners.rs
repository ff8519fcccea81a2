//! What is special to a kind of virus scanner, in `[clamd]` and `[scanners.NAME]`: how it proves itself, what an ICAP
//! service wants, and which program is run by what.

use std::path::PathBuf;
use std::time::Duration;

use inspect::Confinement;
use worker::clamd::{Canary, Options};
use worker::command::{self, Pattern};
use worker::icap;
use worker::inspect::Program;

use crate::config::reader::Section;
use crate::config::words::{Word, quoted};
use crate::{confine, inspect as inspecting};

const MIB: usize = 1024 * 1024;
/// A probe more often would be a load of its own.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

impl Word for Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        Self::new(text)
            .map_err(|_| "expected a regular expression without look-around and back-references".into())
    }

    fn to_toml(&self) -> String {
        quoted(self.as_str())
    }
}

/// How clamds are spoken with.
pub(super) fn read_clamd(keys: &mut Section<'_>) -> Options {
    let default = Options::default();
    Options { fildes: keys.get("fildes", default.fildes), canary: read_canary(keys) }
}

fn read_canary(keys: &mut Section<'_>) -> Canary {
    let default = Canary::default();
    Canary {
        interval: read_interval(keys, default.interval),
        database_age_max: keys.get("database_age_max", default.database_age_max),
        alerts_required: keys.get("alerts_required", default.alerts_required),
    }
}

fn read_interval(keys: &mut Section<'_>, default: Duration) -> Duration {
    let interval: Duration = keys.get("canary_interval", default);
    let fits = interval.is_zero() || interval >= INTERVAL_MIN;
    keys.check(fits, "canary_interval", "must be 0, for never, or at least 1 s");
    interval
}

/// An ICAP service.
pub(super) fn read_icap(keys: &mut Section<'_>) -> icap::Settings {
    let default = icap::Settings::default();
    let service: String = keys.get("service", default.service);
    let is_path = service.bytes().all(|byte| byte.is_ascii_graphic());
    keys.check(is_path, "service", "must be a path without spaces");
    icap::Settings {
        service,
        preview: keys.get("preview", default.preview),
        canary_interval: read_interval(keys, default.canary_interval),
    }
}

/// A program, and what holds it.
pub(super) fn read_command(keys: &mut Section<'_>) -> command::Settings {
    let program: PathBuf = keys.get("program", PathBuf::from("/"));
    keys.check(
        are_absolute([&program]) && program.file_name().is_some(),
        "program",
        "must be a path from the root",
    );
    let default = command::Settings::new(program);
    let settings = command::Settings {
        launcher: Some(Program {
            path: inspecting::OURSELVES.into(),
            arguments: confine::arguments(&read_confinement(keys)),
        }),
        arguments: keys.list("arguments", Vec::new()),
        clean: keys.list("clean_codes", default.clean),
        infected: keys.list("infected_codes", default.infected),
        name: keys.optional("name_pattern", None),
        canary_interval: read_interval(keys, default.canary_interval),
        program: default.program,
    };
    let differ = !settings.clean.iter().any(|code| settings.infected.contains(code));
    keys.check(differ, "infected_codes", "must not be among `clean_codes`");
    settings
}

fn read_confinement(keys: &mut Section<'_>) -> Confinement {
    let confinement = Confinement {
        memory_bytes_max: keys.size("memory_bytes_max", 1024 * MIB) as u64,
        cpu_seconds_max: keys.get("cpu_seconds_max", 30),
        file_bytes_max: keys.size("file_bytes_max", 256 * MIB) as u64,
        has_network: keys.get("network", false),
        readable: keys.list("readable", Vec::new()),
        writable: keys.list("writable", Vec::new()),
    };
    keys.check(
        confinement.memory_bytes_max >= 16 * MIB as u64,
        "memory_bytes_max",
        "must be at least 16 MiB",
    );
    keys.check(confinement.cpu_seconds_max > 0, "cpu_seconds_max", "must not be 0");
    for (paths, key) in [(&confinement.readable, "readable"), (&confinement.writable, "writable")] {
        keys.check(are_absolute(paths), key, "must be paths from the root");
    }
    confinement
}

fn are_absolute<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> bool {
    paths.into_iter().all(|path| path.is_absolute())
}
