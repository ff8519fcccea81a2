//! `[ledger]`: what is remembered of each mail, so that no retry makes a second copy.

use std::path::PathBuf;
use std::time::Duration;

use ::ledger::Sync;
use proto::failpoint::Failpoints;

use crate::config::reader::Reader;
use crate::config::words::{Word, choose, quoted};

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
    /// How long a mail with an IDENT goes on beyond the deadline of its client. Default 5 min.
    pub(crate) run_on: Duration,
    /// How long beyond its deadline a client waits for the outcome of a claim. Default 60 s.
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

    /// What standalone needs of it; nothing where it is switched off. What goes on beyond the deadline of its client
    /// may hold a quarter of what `in_flight_bytes_max` admits.
    pub(crate) fn standalone(
        &self,
        in_flight_bytes_max: u64,
        failpoints: &Failpoints,
    ) -> Option<::ledger::Settings> {
        self.enabled.then(|| ::ledger::Settings {
            directory: self.directory.clone(),
            sync: self.sync,
            max_age: self.max_age,
            records_max: self.records_max,
            run_on: self.run_on,
            settle: self.settle_timeout,
            run_on_bytes_max: in_flight_bytes_max / 4,
            failpoints: failpoints.clone(),
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
