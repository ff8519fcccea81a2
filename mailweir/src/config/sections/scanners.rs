//! `[scanners.NAME]`, as many as there are, and `[spam]`: further scanners, and what their scores mean.
//!
//! A kind has the keys that mean something to it; others are unknown.

use std::time::Duration;

use proto::{Endpoint, Points};
use worker::OnFailure;
use worker::pool::settings::{Host, Settings as Pool};
use worker::scanners::settings::{Feed, Group, Kind, Settings};
use worker::scanners::spam::Levels;
use worker::scanners::virus_scores::{VirusScore, VirusScores};
use worker::spamd;

use super::virus_scanners;
use crate::config::reader::{Reader, Section};
use crate::config::words::{Word, choose, quoted};

const MIB: usize = 1024 * 1024;
/// Names that findings have for other checks.
const TAKEN: [&str; 3] = ["attachments", "scanner", "spam"];
/// Longest name.
const NAME_BYTES_MAX: usize = 32;

impl Word for Points {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected a number such as 6.9, of a million at most".into())
    }

    fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl Word for VirusScore {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected NAME=POINTS, such as Phishing.*=8.5".into())
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Word for Group {
    fn parse(text: &str) -> Result<Self, String> {
        choose(text, &[("primary", Self::Primary), ("backup", Self::Backup)])
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        })
    }
}

/// What `kind` says.
#[derive(Clone, Copy)]
enum Protocol {
    Clamd,
    Spamd,
    Rspamd,
    Icap,
    Command,
}

impl Word for Protocol {
    fn parse(text: &str) -> Result<Self, String> {
        let choices = [
            ("clamd", Self::Clamd),
            ("spamd", Self::Spamd),
            ("rspamd", Self::Rspamd),
            ("icap", Self::Icap),
            ("command", Self::Command),
        ];
        choose(text, &choices)
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Clamd => "clamd",
            Self::Spamd => "spamd",
            Self::Rspamd => "rspamd",
            Self::Icap => "icap",
            Self::Command => "command",
        })
    }
}

/// Where kinds differ.
struct Defaults {
    total_timeout: Duration,
    connections_max: usize,
    bytes_max: usize,
}

impl Protocol {
    fn feed(self) -> Feed {
        match self {
            Self::Clamd | Self::Icap => Feed::Both,
            // A program is started for each part.
            Self::Command | Self::Spamd | Self::Rspamd => Feed::Whole,
        }
    }

    fn defaults(self) -> Defaults {
        let seconds = Duration::from_secs;
        match self {
            Self::Clamd => Defaults { total_timeout: seconds(60), connections_max: 12, bytes_max: 25 * MIB },
            Self::Spamd => Defaults { total_timeout: seconds(30), connections_max: 5, bytes_max: 2 * MIB },
            Self::Rspamd => Defaults { total_timeout: seconds(30), connections_max: 20, bytes_max: 50 * MIB },
            Self::Icap => Defaults { total_timeout: seconds(60), connections_max: 10, bytes_max: 25 * MIB },
            Self::Command => Defaults { total_timeout: seconds(60), connections_max: 4, bytes_max: 50 * MIB },
        }
    }
}

/// Asks for the keys of every scanner that somebody named. `has_clamd`: the name `clamd` is taken.
pub(super) fn read(reader: &mut Reader, has_clamd: bool) -> Vec<Settings> {
    let names = reader.tables_in("scanners");
    names.iter().map(|name| read_one(reader, name, has_clamd)).collect()
}

fn read_one(reader: &mut Reader, name: &str, has_clamd: bool) -> Settings {
    let mut keys = reader.section(format!("scanners.{name}"));
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_word = name.len() <= NAME_BYTES_MAX && name.chars().all(is_name);
    keys.check(is_word, "kind", "must be of a scanner whose name is up to 32 small letters and digits");
    let is_taken = TAKEN.contains(&name) || (has_clamd && name == "clamd");
    keys.check(!is_taken, "kind", "must be of a scanner whose name no other check has");
    let is_given = keys.is_given("kind");
    keys.check(is_given, "kind", "must be set: clamd, spamd, rspamd, icap or command");
    let protocol = keys.get("kind", Protocol::Clamd);
    let defaults = protocol.defaults();
    let kind = match protocol {
        Protocol::Clamd => Kind::Clamd(virus_scanners::read_clamd(&mut keys)),
        Protocol::Icap => Kind::Icap(virus_scanners::read_icap(&mut keys)),
        Protocol::Command => Kind::Command(virus_scanners::read_command(&mut keys)),
        Protocol::Rspamd => Kind::Rspamd,
        Protocol::Spamd => Kind::Spamd(read_spamd(&mut keys)),
    };
    let is_virus_scanner = !kind.scores();
    let mut pool = read_pool(&mut keys, &defaults, protocol);
    if let Kind::Command(command) = &kind {
        // The program stands for the host that it runs on.
        pool.hosts = vec![Host::new(Endpoint::Unix(command.program.clone()))];
    }
    let settings = Settings {
        name: name.to_owned(),
        group: if is_virus_scanner { keys.get("group", Group::Primary) } else { Group::Primary },
        pool,
        feed: if is_virus_scanner { keys.get("feed", protocol.feed()) } else { Feed::Whole },
        bytes_max: keys.size("bytes_max", defaults.bytes_max),
        on_failure: keys.get("on_failure", OnFailure::Tempfail),
        score_factor: keys.get("score_factor", Points::ONE),
        virus_scores: VirusScores(if is_virus_scanner {
            keys.list("virus_scores", Vec::new())
        } else {
            Vec::new()
        }),
        kind,
    };
    keys.check(settings.bytes_max > 0, "bytes_max", "must not be 0");
    settings
}

fn read_spamd(keys: &mut Section<'_>) -> spamd::Options {
    let user: Option<String> = keys.optional("user", None);
    let is_word = user.as_ref().is_none_or(|user| user.bytes().all(|byte| byte.is_ascii_graphic()));
    keys.check(is_word, "user", "must be one word");
    spamd::Options { user, wants_report: keys.get("report", false) }
}

fn read_pool(keys: &mut Section<'_>, defaults: &Defaults, protocol: Protocol) -> Pool {
    let is_program = matches!(protocol, Protocol::Command);
    let hosts = if is_program { Vec::new() } else { read_hosts(keys) };
    let total_timeout: Duration = keys.get("total_timeout", defaults.total_timeout);
    let pool = Pool {
        hosts,
        // A program is probed by a scan.
        connect_timeout: if is_program {
            total_timeout
        } else {
            keys.get("connect_timeout", Duration::from_secs(2))
        },
        total_timeout,
        connections_max: keys.get("connections_max", defaults.connections_max),
        idle_max: match protocol {
            Protocol::Clamd | Protocol::Icap => keys.get("idle_max", Duration::from_secs(20)),
            // Their connections end with an answer.
            Protocol::Spamd | Protocol::Rspamd | Protocol::Command => Duration::ZERO,
        },
        // Giving a program up ends it.
        scan_time_max: if is_program { Duration::ZERO } else { keys.get("scan_time_max", total_timeout * 2) },
        breaker_failures: keys.get("breaker_failures", 5),
        breaker_pause: keys.get("breaker_pause", Duration::from_secs(5)),
    };
    keys.check(!pool.total_timeout.is_zero(), "total_timeout", "must not be 0");
    keys.check(!pool.connect_timeout.is_zero(), "connect_timeout", "must not be 0");
    keys.check((1..=4_096).contains(&pool.connections_max), "connections_max", "must be 1 to 4096");
    keys.check(pool.breaker_failures > 0, "breaker_failures", "must not be 0");
    pool
}

fn read_hosts(keys: &mut Section<'_>) -> Vec<Host> {
    let endpoints: Vec<Endpoint> = keys.list("hosts", Vec::new());
    let weights: Vec<u32> = keys.list("weights", Vec::new());
    keys.check(!endpoints.is_empty(), "hosts", "must not be empty");
    let fits = weights.is_empty() || weights.len() == endpoints.len();
    keys.check(fits, "weights", "must be as many as `hosts`");
    keys.check(weights.iter().all(|weight| (1..=1_000).contains(weight)), "weights", "must be 1 to 1000");
    let weights = weights.into_iter().chain(std::iter::repeat(1));
    endpoints.into_iter().zip(weights).map(|(endpoint, weight)| Host { endpoint, weight }).collect()
}

/// `[spam]`.
pub(super) fn read_levels(reader: &mut Reader) -> Levels {
    let default = Levels::default();
    let mut keys = reader.section("spam");
    let levels = Levels {
        tag: keys.get("tag_level", default.tag),
        tag2: keys.get("tag2_level", default.tag2),
        kill: keys.get("kill_level", default.kill),
    };
    keys.check(levels.tag <= levels.tag2, "tag2_level", "must not be below `spam.tag_level`");
    keys.check(levels.tag2 <= levels.kill, "kill_level", "must not be below `spam.tag2_level`");
    levels
}
