//! Every limit of the server: its name with its unit, and its default.
//!
//! Plain data; reading it from a file and refusing nonsense is the configuration's work.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const MIB: u64 = 1024 * 1024;

/// Longest [`Settings::reply_deadline`] and [`Settings::reply_grace`] together: Postfix waits 600 s for the reply to
/// the final dot, and takes a filter that lets it time out for dead.
const REPLY_CEILING: Duration = Duration::from_secs(540);

/// What happens to a CR or LF in the content that is not half of a CRLF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewlines {
    /// It becomes CRLF, is counted, and so is scanned and delivered.
    #[default]
    Normalise,
    /// The mail is refused with 550 5.6.0 after the final dot.
    Reject,
}

/// What happens to a mail whose client vanished between the final dot and our replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientLoss {
    /// [`crate::Pipeline::submit`] is dropped: the client still has the mail and sends it again, so what was not
    /// delivered yet should not be. Right where nothing remembers outcomes, and always done with a mail without an
    /// IDENT, whose retry nobody could know.
    Cancel,
    /// It runs on. Right where the outcome is recorded and answers the client's retry.
    #[default]
    Finish,
}

/// The limits and choices of one server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name that we greet with. Default `localhost`.
    pub hostname: String,
    /// Largest content in bytes, CRLF counted, dot-stuffing not (RFC 1870). Default 50 MiB.
    pub size_bytes_max: u64,
    /// Recipients of one transaction; further ones get 452 4.5.3. Default 1 000.
    pub recipients_max: usize,
    /// Longest command line in bytes, CRLF included. Default 2 048.
    pub command_bytes_max: usize,
    /// Commands other than RCPT since the last mail; one more is 421. Default 100.
    pub commands_max: u32,
    /// Bad commands since the last mail; one more is 421. Default 20.
    pub errors_max: u32,
    /// The over-long command line that ends the session. Default the 3rd.
    pub long_lines_max: u32,
    /// `Received:` fields of a mail; more is a loop, 554 5.4.6. Default 50.
    pub hops_max: usize,
    /// How long a command may take to arrive, however slowly it trickles in. Default 300 s: longer than any client
    /// keeps a session for the next mail.
    pub idle: Duration,
    /// Longest silence within the content. Default 180 s.
    pub data_stall: Duration,
    /// How long the whole content may take. Default 600 s.
    pub data_total: Duration,
    /// Slowest content, in bytes per second since 354, once [`Self::data_rate_after`] has passed. Default 500.
    pub data_rate_min: u64,
    /// When the slowest rate begins to count. Default 60 s.
    pub data_rate_after: Duration,
    /// When every recipient must be answered, counted from the final dot. Default 240 s.
    pub reply_deadline: Duration,
    /// What the pipeline gets beyond its deadline to say so itself, and what a mail that is at the final dot gets to
    /// be answered. Default 65 s.
    pub reply_grace: Duration,
    /// Content in memory, counted at MAIL by SIZE=; without one as 1 MiB, and once it outgrows that
    /// as [`Self::size_bytes_max`]. Never taken for less than one largest mail. Default 1 GiB.
    pub in_flight_bytes_max: u64,
    /// Transactions between MAIL and their last reply. Default 1 000.
    pub transactions_max: usize,
    /// Sessions that may send mail; later ones are greeted all the same, and get 451 at MAIL. Default 1 000.
    pub sessions_max: usize,
    /// Who may connect by TCP. Default loopback. Unix sockets are guarded by their directory.
    pub access: Vec<IpNet>,
    /// What happens to bare CR and LF. Default normalise.
    pub bare_newlines: BareNewlines,
    /// What happens to a mail with an IDENT whose client vanished. Default finish.
    pub client_loss: ClientLoss,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            size_bytes_max: 50 * MIB,
            recipients_max: 1_000,
            command_bytes_max: 2_048,
            commands_max: 100,
            errors_max: 20,
            long_lines_max: 3,
            hops_max: 50,
            idle: Duration::from_secs(300),
            data_stall: Duration::from_secs(180),
            data_total: Duration::from_secs(600),
            data_rate_min: 500,
            data_rate_after: Duration::from_secs(60),
            reply_deadline: Duration::from_secs(240),
            reply_grace: Duration::from_secs(65),
            in_flight_bytes_max: 1024 * MIB,
            transactions_max: 1_000,
            sessions_max: 1_000,
            access: loopback(),
            bare_newlines: BareNewlines::default(),
            client_loss: ClientLoss::default(),
        }
    }
}

impl Settings {
    /// The default of [`Self::in_flight_bytes_max`] on a machine with that much memory: 1 GiB or a quarter of it.
    pub fn in_flight_bytes_for(memory_bytes: u64) -> u64 {
        (memory_bytes / 4).min(1024 * MIB)
    }

    /// The reply deadline and its grace, within what a client waits.
    pub(crate) fn reply_times(&self) -> (Duration, Duration) {
        let deadline = self.reply_deadline.min(REPLY_CEILING);
        (deadline, self.reply_grace.min(REPLY_CEILING - deadline))
    }
}

fn loopback() -> Vec<IpNet> {
    vec![
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_deadline_outlasts_the_client() {
        let seconds = |deadline, grace| {
            let settings = Settings {
                reply_deadline: Duration::from_secs(deadline),
                reply_grace: Duration::from_secs(grace),
                ..Settings::default()
            };
            let (deadline, grace) = settings.reply_times();
            (deadline.as_secs(), grace.as_secs())
        };
        assert_eq!(seconds(240, 5), (240, 5));
        assert_eq!(seconds(540, 5), (540, 0));
        assert_eq!(seconds(541, 5), (540, 0));
        assert_eq!(seconds(500, 41), (500, 40));
    }

    #[test]
    fn a_small_machine_holds_less_in_flight() {
        assert_eq!(Settings::in_flight_bytes_for(8 * 1024 * MIB), 1024 * MIB);
        assert_eq!(Settings::in_flight_bytes_for(2 * 1024 * MIB), 512 * MIB);
    }
}
