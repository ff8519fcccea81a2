//! Where mail goes, how long each phase may take and how much of everything there may be.
//!
//! Plain data with defaults; reading it from a file belongs to the binary. The deadline of a delivery is above all
//! time-outs here.

use std::fmt;
use std::time::Duration;

use proto::Endpoint;

/// How a next hop is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// EHLO; one reply after the final dot for all recipients (RFC 5321).
    Smtp,
    /// LHLO; one reply after the final dot for each recipient (RFC 2033).
    Lmtp,
}

impl Protocol {
    /// The name in configuration, replies and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
        }
    }
}

/// One next hop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub protocol: Protocol,
}

/// As amavis writes it and operators look for it: `smtp:[127.0.0.1]:20025`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.name();
        match &self.endpoint {
            Endpoint::Tcp { host, port } => write!(f, "{protocol}:[{host}]:{port}"),
            Endpoint::Unix(path) => write!(f, "{protocol}:{}", path.display()),
        }
    }
}

/// How long each phase of a connection may take. Each command's reply has the whole of its time-out.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Opening the socket, name resolution included. Default 5 s.
    pub connect: Duration,
    /// The 220. Default 20 s.
    pub greeting: Duration,
    /// The reply to EHLO or LHLO. Default 20 s.
    pub ehlo: Duration,
    /// The replies to XFORWARD, MAIL and RSET. Default 20 s.
    pub mail: Duration,
    /// The reply to each RCPT. Default 20 s.
    pub rcpt: Duration,
    /// The 354. Default 20 s.
    pub data: Duration,
    /// A stall while writing, during which the next hop takes nothing. Default 30 s.
    pub transfer: Duration,
    /// Each reply after the final dot. Default 600 s (RFC 5321 section 4.5.3.2.6), which leaves it to the deadline.
    pub dot: Duration,
    /// The reply to QUIT. Default 2 s.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            greeting: Duration::from_secs(20),
            ehlo: Duration::from_secs(20),
            mail: Duration::from_secs(20),
            rcpt: Duration::from_secs(20),
            data: Duration::from_secs(20),
            transfer: Duration::from_secs(30),
            dot: Duration::from_secs(600),
            quit: Duration::from_secs(2),
        }
    }
}

/// Everything that a [`crate::Relay`] can be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Next hops, the preferred one first. Default `smtp:[127.0.0.1]:20025`.
    pub targets: Vec<Target>,
    /// The name in EHLO and in `Received: by`. Default `localhost`.
    pub hostname: String,
    /// Time-outs of one connection.
    pub timeouts: Timeouts,
    /// Connections to one target at a time. Not above the next hop's own limit. Default 20.
    pub connections_per_target_max: usize,
    /// How long an idle connection is kept; less than the next hop keeps it (Postfix 300 s). Default 60 s.
    pub idle_keep: Duration,
    /// Mails on one connection before it is closed. Default 1 000.
    pub mails_per_connection_max: u32,
    /// Pause between two rounds over all targets when none can be reached. Default 5 s.
    pub retry_pause: Duration,
    /// Failures in a row after which a target is only probed. Default 5.
    pub breaker_failures: u32,
    /// Longest pause between two probes of a target; the first is [`Self::retry_pause`]. Default 20 s.
    pub probe_pause_max: Duration,
    /// How often one transaction is begun again after a connection was lost before its final dot. Default 3.
    pub losses_max: u32,
    /// Outgoing transactions of one mail at a time. Default 4.
    pub groups_parallel_max: usize,
    /// What is kept of the deadline for recording and passing on the replies. Default 500 ms.
    pub reply_slack: Duration,
    /// Without this much time left for its reply, no final dot is sent. Default 500 ms.
    pub dot_wait_min: Duration,
    /// How long beyond the deadline a reply to the final dot is still waited for and kept: what is known late answers
    /// a retry, what never was known brings a second copy. Default 0.
    pub settle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: vec![Target {
                endpoint: Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: 20025 },
                protocol: Protocol::Smtp,
            }],
            hostname: "localhost".to_owned(),
            timeouts: Timeouts::default(),
            connections_per_target_max: 20,
            idle_keep: Duration::from_secs(60),
            mails_per_connection_max: 1_000,
            retry_pause: Duration::from_secs(5),
            breaker_failures: 5,
            probe_pause_max: Duration::from_secs(20),
            losses_max: 3,
            groups_parallel_max: 4,
            reply_slack: Duration::from_millis(500),
            dot_wait_min: Duration::from_millis(500),
            settle: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_as_amavis_writes_it() {
        let target = |endpoint: &str, protocol| Target { endpoint: endpoint.parse().unwrap(), protocol };
        assert_eq!(target("127.0.0.1:20025", Protocol::Smtp).to_string(), "smtp:[127.0.0.1]:20025");
        assert_eq!(target("[::1]:24", Protocol::Lmtp).to_string(), "lmtp:[::1]:24");
        assert_eq!(target("unix:/run/lmtp", Protocol::Lmtp).to_string(), "lmtp:/run/lmtp");
    }
}
