//! Every limit and time-out of the queue, with its unit and its default.
//!
//! Plain data: whoever reads configuration fills it in. All processes of one installation must use the same values
//! where streams are described, since each compares them with what the server has.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use proto::failpoint::Failpoints;

/// How to reach NATS, what the streams look like, and how long to wait for what.
#[derive(Clone)]
pub struct Settings {
    /// All servers of the cluster, as `nats://host:port` or `tls://host:port`. Default: `nats://127.0.0.1:4222`.
    pub servers: Vec<String>,
    /// A `.creds` file with JWT and seed. Default: none.
    pub credentials: Option<PathBuf>,
    /// User name. Default: none.
    pub user: Option<String>,
    /// Password of `user`. Default: none.
    pub password: Option<String>,
    /// PEM file with the root certificates that the servers' certificates are checked against. Default: the system's.
    pub tls_ca: Option<PathBuf>,
    /// Refuse to talk without TLS. Default: false; a `tls://` address asks for it too.
    pub tls_required: bool,
    /// First token of every subject; streams are `MAIL`, `BODY`, `VERDICT` and `LEDGER` for the default `mail`, else
    /// `<PREFIX>_MAIL` and so on, so that two installations share a server. Lower-case letters, digits, `-`, `_`.
    pub prefix: String,
    /// Copies of each stream, 1 to 5. Default: 1.
    pub replicas: usize,
    /// Create streams and consumers that are missing; never changes those that are there. Default: true, which suits
    /// a single node.
    pub create_streams: bool,

    /// Mails in flight in the whole installation. Default: 5 000.
    pub queue_messages_max: u64,
    /// Chunks of large mails in flight. Default: 8 192, which is about 7 GB.
    pub body_messages_max: u64,
    /// When the server forgets a message that nobody removed. Default: 30 min.
    pub max_age: Duration,
    /// How long the server knows the id of a message, so that a repeated publish is not stored again. Default: 15 min.
    pub duplicate_window: Duration,

    /// Largest job with its content inside, in bytes. Default: 8 MiB; the server's `max_payload` less 16 KiB where
    /// that is smaller.
    pub inline_bytes_max: usize,
    /// Size of a chunk of a mail that is not sent inline, in bytes. Default: 900 000; less where the server's
    /// `max_payload` asks for it.
    pub chunk_bytes: usize,
    /// Largest content that is read back, in bytes. At least the ingress's message limit, and room for line ends
    /// that were repaired. Default: 64 MiB.
    pub content_bytes_max: usize,
    /// Content given to the connection and not yet acknowledged by the server, per process, in bytes. Default: 64 MiB.
    pub publish_bytes_max: usize,
    /// Content put together from chunks and in work, per process, in bytes. Default: 512 MiB.
    pub chunked_bytes_max: usize,

    /// How long a worker or egress may be silent before its mail is given to another. Default: 5 s.
    pub ack_wait: Duration,
    /// Deliveries to a worker after which the content is not touched any more; with a ledger those that a drain handed
    /// back do not count. Default: 3.
    pub poison_deliveries: u64,
    /// How long a pull request stands at the server; also what a drain waits for at most. Default: 2 s.
    pub pull_expires: Duration,
    /// Delay before a mail is given to somebody whose content could not be read. Default: 1 s.
    pub retry_delay: Duration,
    /// Delay before a message of a newer release is offered again. Default: 20 s.
    pub newer_delay: Duration,

    /// Wait for one answer of the server. Default: 5 s.
    pub request_timeout: Duration,
    /// Budget for getting a mail into the queue, inside the deadline. Default: 60 s.
    pub publish_timeout: Duration,
    /// Wait for the ingress to say that it got an outcome. Default: 1 s.
    pub notice_timeout: Duration,
    /// What is kept of a deadline for the way back to the ingress. Default: 2 s.
    pub notice_reserve: Duration,

    /// Between two rounds of the janitor. Default: 60 s.
    pub janitor_interval: Duration,
    /// Age at which the janitor removes what nobody removed; above every deadline. Default: 15 min.
    pub janitor_age: Duration,
    /// Between two looks of an ingress at how full the queue is. Default: 2 s.
    pub fill_interval: Duration,
    /// Between two looks at the streams' configuration when nothing is suspicious. Default: 60 s.
    pub topology_interval: Duration,
    /// Between two pings to the server; a peer is dead after two lost ones. Default: 5 s.
    pub ping_interval: Duration,
    /// Wait for a connection to be made. Default: 5 s.
    pub connect_timeout: Duration,

    /// Claims and outcomes, so that nobody delivers a mail twice. Default: none; a mail then is its egress's as long
    /// as the queue's message is.
    pub ledger: Option<LedgerSettings>,
    /// Where a test makes the process kill or stop itself. Default: nowhere.
    pub failpoints: Failpoints,
}

/// What the ledger keeps, and how long one waits for what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// How long a record is kept after it was last written; above the longest pause between two tries of a client.
    /// Default: 6 h.
    pub max_age: Duration,
    /// Records that are kept; the oldest go first. Default: 2 000 000.
    pub records_max: u64,
    /// How long a claim may stay the same before its owner is taken for dead; an owner that lives writes it again every
    /// third of this. Default: 10 s.
    pub claim_stale: Duration,
    /// How long a mail with an IDENT goes on after its ingress has answered that it took too long. Default: 5 min.
    pub run_on: Duration,
    /// How long after a deadline an outcome is still waited for or written down. Default: 60 s.
    pub settle_timeout: Duration,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(6 * 60 * 60),
            records_max: 2_000_000,
            claim_stale: Duration::from_secs(10),
            run_on: Duration::from_secs(5 * 60),
            settle_timeout: Duration::from_secs(60),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".into()],
            credentials: None,
            user: None,
            password: None,
            tls_ca: None,
            tls_required: false,
            prefix: "mail".into(),
            replicas: 1,
            create_streams: true,
            queue_messages_max: 5_000,
            body_messages_max: 8_192,
            max_age: Duration::from_secs(30 * 60),
            duplicate_window: Duration::from_secs(15 * 60),
            inline_bytes_max: 8 * 1024 * 1024,
            chunk_bytes: 900_000,
            content_bytes_max: 64 * 1024 * 1024,
            publish_bytes_max: 64 * 1024 * 1024,
            chunked_bytes_max: 512 * 1024 * 1024,
            ack_wait: Duration::from_secs(5),
            poison_deliveries: 3,
            pull_expires: Duration::from_secs(2),
            retry_delay: Duration::from_secs(1),
            newer_delay: Duration::from_secs(20),
            request_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(60),
            notice_timeout: Duration::from_secs(1),
            notice_reserve: Duration::from_secs(2),
            janitor_interval: Duration::from_secs(60),
            janitor_age: Duration::from_secs(15 * 60),
            fill_interval: Duration::from_secs(2),
            topology_interval: Duration::from_secs(60),
            ping_interval: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            ledger: None,
            failpoints: Failpoints::default(),
        }
    }
}

/// Where to connect and under which names; without password and without what a server address carries before `@`.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers.iter().map(|server| without_login(server)).collect();
        f.debug_struct("Settings")
            .field("servers", &servers)
            .field("credentials", &self.credentials)
            .field("user", &self.user)
            .field("prefix", &self.prefix)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

/// `server` without `user:password@`.
pub(crate) fn without_login(server: &str) -> String {
    let (scheme, rest) = server.split_once("://").unwrap_or(("nats", server));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let settings = Settings {
            servers: vec!["nats://u:geheim@h:4222".into(), "h2:4222".into()],
            password: Some("geheim".into()),
            ..Settings::default()
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(shown.contains("nats://h:4222") && shown.contains("nats://h2:4222"), "{shown}");
    }
}
