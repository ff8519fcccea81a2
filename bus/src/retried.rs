//! Whether a mail has been at the client's for a while, so that an earlier try of it may be in the ledger.
//!
//! The topmost Received field is the client's own, written when the mail came to it. A mail that is older than a
//! moment is looked up before it is queued, and one that was delivered is not scanned again; the others pay nothing.
//! A wrong clock or a field that cannot be read costs a look or a scan, never a mail.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use memchr::memmem;

/// A younger mail is taken for a first try; one that comes back sooner is known by its message id.
const FIRST_TRY_SECONDS: i64 = 60;
/// How much of the content is looked at.
const LOOKED_AT_BYTES: usize = 4_096;
const NAME: &[u8] = b"received:";

/// Whether the client may have tried before.
pub(crate) fn may_be_retried(content: &[u8], now: Timestamp) -> bool {
    received_at(content).is_some_and(|at| now.as_second().saturating_sub(at.as_second()) >= FIRST_TRY_SECONDS)
}

/// The date of a Received field with which the content begins (RFC 5321 section 4.4: behind the last semicolon).
fn received_at(content: &[u8]) -> Option<Timestamp> {
    let top = content.get(..content.len().min(LOOKED_AT_BYTES))?;
    let (name, rest) = top.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let end = field_end(rest)?;
    let value = std::str::from_utf8(rest.get(..end)?).ok()?;
    let (_, date) = value.rsplit_once(';')?;
    let date = date.replace("\r\n", "");
    DateTimeParser::new().parse_timestamp(date.trim()).ok()
}

/// Where the field ends: at a line end that no white space follows.
fn field_end(value: &[u8]) -> Option<usize> {
    let line_ends = memmem::find_iter(value, b"\r\n");
    line_ends.into_iter().find(|at| !matches!(value.get(at + 2), Some(b' ' | b'\t')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since `date`, as the field at the top says.
    fn retried(field: &str, seconds: i64) -> bool {
        let received = Timestamp::from_second(1_795_521_600).unwrap();
        let now = Timestamp::from_second(received.as_second() + seconds).unwrap();
        may_be_retried(format!("{field}\r\nSubject: x\r\n\r\nbody\r\n").as_bytes(), now)
    }

    const POSTFIX: &str = "Received: from client.example.org (client.example.org [192.0.2.1])\r\n\tby mx.example.net \
                           (Postfix) with ESMTPS id 4cFxyz1\r\n\tfor <a@example.net>; Tue, 24 Nov 2026 12:00:00 \
                           +0000 (UTC)";

    #[test]
    fn a_mail_is_as_old_as_its_topmost_received_field() {
        assert!(!retried(POSTFIX, 0));
        assert!(!retried(POSTFIX, 59));
        assert!(retried(POSTFIX, 60));
        assert!(retried("received: by x; Tue, 24 Nov 2026 13:00:00 +0100", 60));
        assert!(!retried(POSTFIX, -86_400), "a clock that is behind");
    }

    #[test]
    fn anything_else_is_a_first_try() {
        for field in [
            "",
            "Subject: x",
            "Received: by x",
            "Received: by x; yesterday",
            "Received: by x;",
            "X-Received: by x; Tue, 24 Nov 2026 12:00:00 +0000",
            "Received: by \u{fffd}; Tue, 99 Nov 2026 12:00:00 +0000",
        ] {
            assert!(!retried(field, 1_000_000), "{field}");
        }
        assert!(!may_be_retried(b"", Timestamp::MAX));
        assert!(!may_be_retried(b"Received:", Timestamp::MAX));
        let endless =
            [b"Received: ".as_slice(), &[b'x'; 10_000], b"; Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\n"];
        assert!(!may_be_retried(&endless.concat(), Timestamp::MAX));
    }
}
