//! What an operator can set of a pool, whatever its scanner.

use std::time::Duration;

use proto::Endpoint;

/// A host and its share of the load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// A host of weight 2 is given twice as many scans as one of weight 1. At least 1.
    pub weight: u32,
}

impl Host {
    /// With the weight that all have when none is set.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, weight: 1 }
    }
}

/// The hosts of a scanner and how they are used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The healthy one with the fewest scans for its weight is asked.
    pub hosts: Vec<Host>,
    /// Time for opening a connection, and for the answer to a probe.
    pub connect_timeout: Duration,
    /// Time for a whole scan, waiting for a free slot and a second host included; never beyond the mail's own
    /// deadline.
    pub total_timeout: Duration,
    /// Scans at the same time on one host.
    pub connections_max: usize,
    /// An idle connection is not used again after this time, where connections are kept.
    pub idle_max: Duration,
    /// How long the scanner itself goes on with any scan at most. One that we gave up counts as one of
    /// `connections_max` for as long again as it had taken, and until this long after its start at most. Zero where
    /// giving up ends it.
    pub scan_time_max: Duration,
    /// Failures in a row after which a host is left alone.
    pub breaker_failures: u32,
    /// How long it is left alone before it is probed, up to a quarter more by chance.
    pub breaker_pause: Duration,
}
