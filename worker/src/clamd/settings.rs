//! What an operator can set of clamd.

use std::time::Duration;

use proto::Endpoint;

use crate::OnFailure;
use crate::pool;
use crate::scanners::settings::Feed;

/// How clamds are tried: whether they find the EICAR test file, and what they say to what they do not look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    /// How often; a host gets no mail before it was tried once. Zero believes every clamd. Default: 5 min.
    pub interval: Duration,
    /// Signatures older than this are warned of. Default: 3 days.
    pub database_age_max: Duration,
    /// Whether a clamd is left alone that says OK to what it does not look into (`AlertExceedsMax no`) or to encrypted
    /// archives (`AlertEncrypted no`). Default: no, it is warned of.
    pub alerts_required: bool,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5 * 60),
            database_age_max: Duration::from_secs(3 * 24 * 60 * 60),
            alerts_required: false,
        }
    }
}

impl Canary {
    /// Every clamd is believed.
    pub fn off() -> Self {
        Self { interval: Duration::ZERO, ..Self::default() }
    }
}

/// How it is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether contents are handed over as files in memory (FILDES) where it listens on a unix socket, rather than
    /// streamed (INSTREAM). Not where that socket leads to another machine. Default: yes.
    pub fildes: bool,
    /// How it is tried.
    pub canary: Canary,
}

impl Default for Options {
    fn default() -> Self {
        Self { fildes: true, canary: Canary::default() }
    }
}

impl Options {
    /// Every clamd is believed.
    pub fn without_canary() -> Self {
        Self { canary: Canary::off(), ..Self::default() }
    }
}

/// The clamd hosts and how they are used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clamd listens; the healthy one with the fewest scans under way is asked. Default:
    /// `unix:/run/clamav/clamd.ctl`.
    pub hosts: Vec<Endpoint>,
    /// Time for opening a connection, and for the answer to a probe. Default: 2 s.
    pub connect_timeout: Duration,
    /// Time for a whole scan, waiting for a free connection and a second host included; never beyond the mail's own
    /// deadline. Should be above clamd's MaxScanTime. Default: 60 s.
    pub total_timeout: Duration,
    /// Scans at the same time on one host. Default: 12, clamd's own MaxThreads on Debian.
    pub connections_max: usize,
    /// An idle connection is not used again after this time. Default: 20 s, below clamd's IdleTimeout of 30 s.
    pub idle_max: Duration,
    /// Content above this is not sent and is unchecked: over-limit. Must not be above clamd's StreamMaxLength,
    /// MaxFileSize and MaxScanSize: beyond the latter two clamd says OK without having looked. Default: 25 MiB, the
    /// values that Debian ships.
    pub stream_bytes_max: usize,
    /// What it gets of a mail. Default: the whole, and every part and member.
    pub feed: Feed,
    /// What a failed scan means. Default: tempfail.
    pub on_failure: OnFailure,
    /// Failures in a row after which a host is left alone. Default: 5.
    pub breaker_failures: u32,
    /// How long it is left alone before it is probed, up to a quarter more by chance. Default: 5 s.
    pub breaker_pause: Duration,
    /// How they are spoken with.
    pub options: Options,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hosts: vec![Endpoint::Unix("/run/clamav/clamd.ctl".into())],
            connect_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(60),
            connections_max: 12,
            idle_max: Duration::from_secs(20),
            stream_bytes_max: 25 * 1024 * 1024,
            feed: Feed::default(),
            on_failure: OnFailure::Tempfail,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(5),
            options: Options::default(),
        }
    }
}

impl Settings {
    /// How its hosts are used. clamd goes on with a scan that nobody waits for until its own MaxScanTime, 120 s.
    pub(crate) fn pool(self) -> pool::Settings {
        pool::Settings {
            hosts: self.hosts.into_iter().map(pool::settings::Host::new).collect(),
            connect_timeout: self.connect_timeout,
            total_timeout: self.total_timeout,
            connections_max: self.connections_max,
            idle_max: self.idle_max,
            scan_time_max: self.total_timeout * 2,
            breaker_failures: self.breaker_failures,
            breaker_pause: self.breaker_pause,
        }
    }
}
