//! `[ledger]`: what is remembered of each mail, so that no retry makes a second copy.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::reader::Reader;
use crate::config::words::{Word, choose, quoted};

/// When a standalone's ledger is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Within about a second: what was written survives the process, not a power cut.
    Lazy,
    /// Before anything is answered.
    Always,
}

impl Word for Sync {
    fn parse(text: &str) -> Result<Self, String> {
        choose(text, &[("lazy", Self::Lazy), ("always", Self::Always)])
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Lazy => "lazy",
            Self::Always => "always",
        })
    }
}

/// The settings of both ledgers; where a key is for one of them only, it says so.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "read by the roles once they have a ledger")]
pub(crate) struct Ledger {
    /// Default true.
    pub(crate) enabled: bool,
    /// Standalone. Default lazy.
    pub(crate) sync: Sync,
    /// Standalone: where the file is. Default: systemd's state directory, or /var/lib/mailweir.
    pub(crate) directory: PathBuf,
    /// How long a mail is remembered. Default 6 h.
    pub(crate) max_age: Duration,
    /// How many records are kept; the oldest go first. Default 2 000 000.
    pub(crate) records_max: u64,
    /// Distributed: when a claim whose owner is silent is taken for lost. Default 10 s.
    pub(crate) claim_stale: Duration,
    /// Distributed: how long a mail with an IDENT goes on beyond the ingress's deadline. Default 5 min.
    pub(crate) run_on: Duration,
    /// Distributed: how long beyond its deadline an ingress waits for the outcome of a claim. Default 60 s.
    pub(crate) settle_timeout: Duration,
}

impl Ledger {
    /// What the queue needs of it; nothing where it is switched off.
    pub(super) fn distributed(&self) -> Option<::bus::LedgerSettings> {
        self.enabled.then_some(::bus::LedgerSettings {
            max_age: self.max_age,
            records_max: self.records_max,
            claim_stale: self.claim_stale,
            run_on: self.run_on,
            settle_timeout: self.settle_timeout,
        })
    }

    /// Asks for its keys.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut keys = reader.section("ledger");
        let ledger = Self {
            enabled: keys.get("enabled", true),
            sync: keys.get("sync", Sync::Lazy),
            directory: keys.get("directory", PathBuf::from("/var/lib/mailweir")),
            max_age: keys.get("max_age", Duration::from_secs(6 * 3_600)),
            records_max: keys.get("records_max", 2_000_000),
            claim_stale: keys.get("claim_stale", Duration::from_secs(10)),
            run_on: keys.get("run_on", Duration::from_secs(300)),
            settle_timeout: keys.get("settle_timeout", Duration::from_secs(60)),
        };
        let second = Duration::from_secs(1);
        keys.check(ledger.max_age >= 60 * second, "max_age", "must be at least 60 s");
        keys.check(ledger.records_max >= 1_000, "records_max", "must be at least 1000");
        keys.check(ledger.claim_stale >= second, "claim_stale", "must be at least 1 s");
        ledger
    }
}
