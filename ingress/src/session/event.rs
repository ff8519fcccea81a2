//! What happens in a session and is worth counting or logging. Plain data: whoever drives the session has the counters.

use std::fmt;

use proto::Reply;

use crate::RefusalReason;
use crate::metrics::Label;

/// Something that happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A well-formed MAIL was refused.
    MailRefused(RefusalReason),
    /// Bare CR or LF in a content: how many.
    BareNewlines(u64),
    /// A content was refused and answered, without being handed on.
    ContentRefused {
        /// Why.
        reason: ContentRefusal,
        /// Its bytes as they came in, whether kept or not.
        bytes: u64,
        /// How many recipients it had.
        recipients: usize,
        /// XFORWARD IDENT.
        ident: Option<String>,
    },
    /// The mail that was submitted is answered: everything that the client is told about it is on its way.
    Answered(Tally),
    /// The session is over.
    Closing(Closing),
}

/// Why a content was not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRefusal {
    /// Above [`crate::Settings::size_bytes_max`]: 552 5.3.4.
    Size,
    /// Above SIZE= and what is left of [`crate::Settings::in_flight_bytes_max`]: 452 4.3.1.
    InFlightBytes,
    /// A bare CR or LF where they are rejected: 550 5.6.0.
    BareNewline,
    /// More than [`crate::Settings::hops_max`] `Received:` fields: 554 5.4.6.
    Hops,
}

impl ContentRefusal {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Size => Reply::enhanced(552, 3, 4, "message too big"),
            Self::InFlightBytes => Reply::enhanced(452, 3, 1, "larger than announced, no room for it now"),
            Self::BareNewline => Reply::enhanced(550, 6, 0, "bare CR or LF in the content"),
            Self::Hops => Reply::enhanced(554, 4, 6, "too many hops, this mail is looping"),
        }
    }
}

impl Label for ContentRefusal {
    const ALL: &'static [Self] = &[Self::Size, Self::InFlightBytes, Self::BareNewline, Self::Hops];

    fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::InFlightBytes => "in_flight_bytes",
            Self::BareNewline => "bare_newline",
            Self::Hops => "hops",
        }
    }
}

/// What ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// QUIT.
    Quit,
    /// The client closed the connection, or it broke.
    Lost,
    /// No command in time.
    Idle,
    /// Content stalled, came too slowly or took too long.
    DataTimeout,
    /// The client did not take our replies in time.
    WriteTimeout,
    /// The server is being shut down.
    Drain,
    /// Too many commands without a mail.
    TooManyCommands,
    /// Too many bad commands without a mail.
    TooManyErrors,
    /// Too many over-long command lines, or one without end.
    LongLines,
    /// Bytes behind DATA that did not wait for 354.
    Glued,
    /// The client speaks something else.
    NotSmtp,
}

impl Label for Closing {
    const ALL: &'static [Self] = &[
        Self::Quit,
        Self::Lost,
        Self::Idle,
        Self::DataTimeout,
        Self::WriteTimeout,
        Self::Drain,
        Self::TooManyCommands,
        Self::TooManyErrors,
        Self::LongLines,
        Self::Glued,
        Self::NotSmtp,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Lost => "lost",
            Self::Idle => "idle",
            Self::DataTimeout => "data_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Drain => "drain",
            Self::TooManyCommands => "too_many_commands",
            Self::TooManyErrors => "too_many_errors",
            Self::LongLines => "long_lines",
            Self::Glued => "glued",
            Self::NotSmtp => "not_smtp",
        }
    }
}

/// The codes of the replies that a mail got, and how often each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(Vec<(u16, usize)>);

impl Tally {
    pub(super) fn add(&mut self, reply: &Reply) {
        match self.0.iter_mut().find(|(code, _)| *code == reply.code()) {
            Some((_, count)) => *count += 1,
            None => self.0.push((reply.code(), 1)),
        }
    }

    /// Code and count, in the order of their first reply.
    pub fn iter(&self) -> impl Iterator<Item = (u16, usize)> {
        self.0.iter().copied()
    }
}

/// `250x3 451x1`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (code, count)) in self.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            write!(f, "{blank}{code}x{count}")?;
        }
        Ok(())
    }
}
