//! What a next hop's reply means for our client: the one place where that is decided.
//!
//! 2xx and 5xx are passed on only where they are the next hop's word on this recipient or this content. A refusal of
//! the session (greeting, EHLO, MAIL, DATA) is a setting gone wrong somewhere, and one wrong setting must not bounce
//! all mail: 451.

use proto::{Enhanced, Reply};

use super::replies::{Class, NextHopReply};

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The connection itself.
    Greeting,
    /// EHLO or LHLO.
    Hello,
    /// Nothing: between two transactions.
    Idle,
    /// XFORWARD or MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// Nothing: while the content travels.
    Transfer,
    /// The final dot.
    Dot,
    /// RSET or QUIT.
    Reset,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 9] = [
        Self::Greeting,
        Self::Hello,
        Self::Idle,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Transfer,
        Self::Dot,
        Self::Reset,
    ];

    /// The name in logs and replies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Hello => "EHLO",
            Self::Idle => "idle",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Transfer => "content",
            Self::Dot => "end of data",
            Self::Reset => "RSET",
        }
    }
}

/// What follows from a refusal of the whole transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is about this mail: every recipient gets this.
    Final(Reply),
    /// It is about the next hop: another one may take it, else every recipient gets this.
    Elsewhere(Reply),
}

/// One recipient's reply, from the next hop's word on its RCPT or on the final dot.
pub fn for_recipient(target: &str, reply: &NextHopReply) -> Reply {
    match reply.class() {
        Class::Positive => quoted(target, reply.code(), reply),
        Class::Permanent if is_about_session(reply.code()) => misconfigured(target, reply),
        Class::Permanent | Class::Transient => quoted(target, reply.code(), reply),
        Class::Closing | Class::Intermediate => quoted(target, 451, reply),
    }
}

/// Everybody's reply, from a refusal of anything but RCPT and the final dot. `size_was_said`: MAIL carried SIZE=, so
/// that a 552 is about the size of this mail (RFC 1870 section 6.1).
pub fn for_everybody(target: &str, stage: Stage, size_was_said: bool, reply: &NextHopReply) -> Refusal {
    let too_big = stage == Stage::Mail && reply.code() == 552 && size_was_said;
    if too_big {
        return Refusal::Final(quoted(target, 552, reply));
    }
    Refusal::Elsewhere(match reply.class() {
        Class::Permanent => misconfigured(target, reply),
        Class::Positive | Class::Intermediate | Class::Closing | Class::Transient => {
            quoted(target, 451, reply)
        }
    })
}

/// Codes that say "not in this session" wherever they stand: unknown command, not implemented, bad sequence,
/// authentication required.
fn is_about_session(code: u16) -> bool {
    matches!(code, 500 | 502 | 503 | 530)
}

fn misconfigured(target: &str, reply: &NextHopReply) -> Reply {
    Reply::enhanced(451, 3, 5, text(target, reply))
}

fn quoted(target: &str, code: u16, reply: &NextHopReply) -> Reply {
    // An enhanced code belongs to the class of its reply; only within that class may it be passed on.
    let enhanced = reply.enhanced().filter(|_| code / 100 == reply.code() / 100);
    let other = Enhanced { subject: 0, detail: 0 };
    Reply::new(code, enhanced.unwrap_or(other), text(target, reply))
}

fn text(target: &str, reply: &NextHopReply) -> String {
    format!("from MTA({target}): {reply}")
}
