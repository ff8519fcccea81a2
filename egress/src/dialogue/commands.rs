//! The commands of one transaction, XFORWARD to DATA, in one buffer.
//!
//! Every value was decoded on its way in and is encoded anew here, for this next hop and what it announced, so that
//! nothing a client wrote reaches it as a line of its own. One buffer per mail instead of one string per line.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;
use proto::{Body, Envelope, OriginAttribute, Position, xtext_encode};

use super::answer::Stage;
use super::capabilities::Capabilities;

/// Longest XFORWARD command in bytes, line end included (XFORWARD_README).
const XFORWARD_BYTES_MAX: usize = 512;
/// Commands in one write with PIPELINING. Their replies have to fit the next hop's send buffer while we still write;
/// behind that both sides would wait for each other (RFC 2920 section 3.1).
pub const WINDOW_COMMANDS_MAX: usize = 100;

/// What a command asks; `Rcpt` counts the recipients of the transaction from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Xforward,
    Mail,
    Rcpt(usize),
    Data,
}

impl Command {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Xforward | Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data => Stage::Data,
        }
    }
}

/// Command lines, one behind the other.
#[derive(Debug)]
pub(super) struct Commands {
    bytes: Bytes,
    /// Where each ends in `bytes`.
    ends: Vec<usize>,
    xforwards: usize,
}

impl Commands {
    /// Writes them for a content of `size` bytes. `smtputf8`: the transaction needs it and may have it.
    pub(super) fn new(
        envelope: &Envelope,
        recipients: &[Position],
        size: u64,
        smtputf8: bool,
        announced: &Capabilities,
    ) -> Self {
        let mut out = String::with_capacity(256 + 64 * recipients.len());
        let mut ends = Vec::with_capacity(recipients.len() + 4);
        xforward(&mut out, &mut ends, envelope, &announced.xforward);
        let xforwards = ends.len();
        mail(&mut out, envelope, size, smtputf8, announced);
        ends.push(out.len());
        for recipient in recipients.iter().filter_map(|at| envelope.recipient(*at)) {
            out.push_str("RCPT TO:<");
            out.push_str(recipient.path.as_str());
            out.push('>');
            if announced.dsn {
                push_addresses(&mut out, &recipient.params.dsn_encoded(), smtputf8);
            }
            out.push_str("\r\n");
            ends.push(out.len());
        }
        out.push_str("DATA\r\n");
        ends.push(out.len());
        Self { bytes: out.into(), ends, xforwards }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The command at `index`.
    pub(super) fn at(&self, index: usize) -> Command {
        if index < self.xforwards {
            return Command::Xforward;
        }
        match index - self.xforwards {
            0 => Command::Mail,
            _ if index + 1 >= self.ends.len() => Command::Data,
            behind_mail => Command::Rcpt(behind_mail - 1),
        }
    }

    /// The lines of the commands in `range`.
    pub(super) fn lines(&self, range: Range<usize>) -> Bytes {
        let end_of = |count: usize| match count.checked_sub(1) {
            None => 0,
            Some(index) => self.ends.get(index).copied().unwrap_or(self.bytes.len()),
        };
        let start = end_of(range.start);
        self.bytes.slice(start..end_of(range.end).max(start))
    }
}

/// Everything that the next hop takes, or nothing when nothing is known: attributes that we do not know are said to
/// be unavailable, so that none of an earlier transaction can stand.
fn xforward(out: &mut String, ends: &mut Vec<usize>, envelope: &Envelope, takes: &[OriginAttribute]) {
    let origin = envelope.origin();
    if origin.is_empty() {
        return;
    }
    let mut start = None;
    for attribute in takes {
        let mut encoded = origin.encoded(*attribute);
        if "XFORWARD \r\n".len() + encoded.len() > XFORWARD_BYTES_MAX {
            encoded = format!("{}=[UNAVAILABLE]", attribute.keyword());
        }
        match start {
            Some(at) if out.len() - at + " \r\n".len() + encoded.len() <= XFORWARD_BYTES_MAX => {}
            previous => {
                if previous.is_some() {
                    out.push_str("\r\n");
                    ends.push(out.len());
                }
                start = Some(out.len());
                out.push_str("XFORWARD");
            }
        }
        out.push(' ');
        out.push_str(&encoded);
    }
    if start.is_some() {
        out.push_str("\r\n");
        ends.push(out.len());
    }
}

fn mail(out: &mut String, envelope: &Envelope, size: u64, smtputf8: bool, announced: &Capabilities) {
    let params = envelope.params();
    out.push_str("MAIL FROM:<");
    out.push_str(envelope.sender().as_str());
    out.push('>');
    if announced.size {
        push_number(out, " SIZE=", size);
    }
    match params.body {
        Some(Body::EightBitMime) if announced.eight_bit_mime => out.push_str(" BODY=8BITMIME"),
        Some(Body::SevenBit) if announced.eight_bit_mime => out.push_str(" BODY=7BIT"),
        Some(Body::EightBitMime | Body::SevenBit) | None => {}
    }
    if smtputf8 {
        out.push_str(" SMTPUTF8");
    }
    if announced.dsn {
        out.push_str(&params.dsn_encoded());
    }
    if let Some(auth) = params.auth.as_deref().filter(|_| announced.auth) {
        out.push_str(" AUTH=");
        out.push_str(&xtext_encode(auth));
    }
    out.push_str("\r\n");
}

fn push_number(out: &mut String, before: &str, number: u64) {
    out.push_str(before);
    // Writing to a string does not fail.
    let _written = write!(out, "{number}");
}

/// An ORCPT of type utf-8 as ASCII where the next hop takes nothing else (RFC 6533 section 3, utf-8-addr-xtext).
fn push_addresses(out: &mut String, parameters: &str, smtputf8: bool) {
    if smtputf8 || parameters.is_ascii() {
        out.push_str(parameters);
        return;
    }
    for c in parameters.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let _written = write!(out, "\\x{{{:X}}}", u32::from(c));
        }
    }
}
