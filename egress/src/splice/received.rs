//! Our `Received:` field (RFC 5321 section 4.4, RFC 3848).
//!
//! `from` names the client that first handed the mail in, as XFORWARD told it, else the one that handed it to us.
//! Its HELO is the stranger's own word, so everything that has a meaning in this field is taken out of it.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use proto::{Envelope, Position, With};

use super::fold::clean;

/// What is kept of a name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What the field says.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) envelope: &'a Envelope,
    /// Named only when there is exactly one, so that no recipient learns of another.
    pub(crate) recipients: &'a [Position],
    /// Our name.
    pub(crate) hostname: &'a str,
    /// The transaction's id.
    pub(crate) id: &'a str,
    pub(crate) at: Timestamp,
}

impl Received<'_> {
    /// Appends the field with its line end.
    pub(super) fn write(&self, out: &mut String, utf8: bool) {
        let (helo, client) = self.client();
        let with = self.envelope.peer().map_or(With::Lmtp, |peer| peer.with);
        let keyword = with.keyword(self.envelope.params().smtputf8);
        let hostname = name(self.hostname, utf8);
        let helo = name(helo, utf8);
        out.push_str("Received: from ");
        out.push_str(&helo);
        out.push_str(" (");
        client.write(out, utf8);
        out.push(')');
        // Writing to a string does not fail.
        let _written =
            write!(out, "\r\n\tby {hostname} (Mailweir) with {keyword} id {}", name(self.id, false));
        if let [only] = self.recipients
            && let Some(recipient) = self.envelope.recipient(*only)
            && (utf8 || recipient.path.is_ascii())
        {
            let _written = write!(out, "\r\n\tfor <{}>", recipient.path.as_str());
        }
        out.push_str(";\r\n\t");
        out.push_str(&date(self.at));
        out.push_str("\r\n");
    }

    fn client(&self) -> (&str, Client<'_>) {
        let origin = self.envelope.origin();
        let told = origin.name.is_some() || origin.addr.is_some();
        match self.envelope.peer() {
            Some(peer) if !told => (&peer.helo, Client { name: None, address: Some(&peer.address) }),
            _ => {
                let helo = origin.helo.as_deref().or(origin.name.as_deref());
                (
                    helo.unwrap_or("unknown"),
                    Client { name: origin.name.as_deref(), address: origin.addr.as_deref() },
                )
            }
        }
    }
}

/// The comment behind `from`: `name [address]`.
struct Client<'a> {
    name: Option<&'a str>,
    address: Option<&'a str>,
}

impl Client<'_> {
    fn write(&self, out: &mut String, utf8: bool) {
        out.push_str(&name(self.name.unwrap_or("unknown"), utf8));
        if let Some(address) = self.address {
            out.push_str(" [");
            out.push_str(&name(address, utf8));
            out.push(']');
        }
    }
}

/// A name as one harmless word.
fn name(text: &str, utf8: bool) -> String {
    let mut out = String::with_capacity(text.len().min(NAME_BYTES_MAX));
    for c in text.chars() {
        let c = match clean(c, utf8) {
            ' ' | '(' | ')' | '<' | '>' | ';' | '\\' | '"' | ',' => '?',
            c => c,
        };
        if out.len() + c.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        out.push(c);
    }
    if out.is_empty() {
        out.push_str("unknown");
    }
    out
}

/// RFC 5322 date and time, in UTC.
fn date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::to_string(&at.to_zoned_datetime(TimeZone::UTC)).unwrap_or_else(|_| at.to_string())
}
