//! Command lines: what ends at LF, no longer than the limit, never kept beyond it.
//!
//! A line is cut at LF and judged by its reader: only CRLF is a line end, so a line with any other CR or LF is an error
//! as a whole and nothing of it is executed.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

/// How much of one line is thrown away before its sender is given up, in bytes.
const SKIP_BYTES_MAX: usize = 1024 * 1024;

/// What stands at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// No line end yet.
    Incomplete,
    /// A line without its CRLF; with its LF where that is bare. `glued`: more bytes were there already.
    Complete { line: Bytes, glued: bool },
    /// A line passed the limit. Its rest will be thrown away.
    TooLong,
    /// The rest of a line that is too long does not end.
    Endless,
}

/// Cuts lines from the input.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Within a line that is too long: how much of it was thrown away.
    skipped: Option<usize>,
}

impl Lines {
    /// Whether the next byte is the first of a line and no command starts with it: a TLS handshake, a proxy header in
    /// binary, anything but a letter, a blank or an empty line.
    pub(super) fn is_not_smtp(&self, input: &BytesMut) -> bool {
        let is_strange = |byte: &u8| !byte.is_ascii_alphabetic() && !matches!(byte, b'\r' | b'\n' | b' ');
        self.skipped.is_none() && input.first().is_some_and(is_strange)
    }

    pub(super) fn next(&mut self, input: &mut BytesMut, bytes_max: usize) -> Line {
        if let Some(skipped) = self.skipped {
            let end = memchr(b'\n', input);
            let rest = end.map_or(input.len(), |at| at + 1);
            input.advance(rest);
            self.skipped = end.is_none().then_some(skipped + rest);
            if skipped + rest > SKIP_BYTES_MAX {
                return Line::Endless;
            }
            if end.is_none() {
                return Line::Incomplete;
            }
        }
        let window = input.get(..bytes_max).unwrap_or(input);
        let Some(at) = memchr(b'\n', window) else {
            if input.len() < bytes_max {
                return Line::Incomplete;
            }
            input.advance(bytes_max);
            self.skipped = Some(bytes_max);
            return Line::TooLong;
        };
        let mut line = input.split_to(at + 1).freeze();
        if line.ends_with(b"\r\n") {
            line.truncate(at - 1);
        }
        Line::Complete { line, glued: !input.is_empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(reads: &[&[u8]], bytes_max: usize) -> Vec<Line> {
        let mut lines = Lines::default();
        let mut input = BytesMut::new();
        let mut found = Vec::new();
        for read in reads {
            input.extend_from_slice(read);
            loop {
                match lines.next(&mut input, bytes_max) {
                    Line::Incomplete => break,
                    Line::Complete { line, .. } => found.push(Line::Complete { line, glued: false }),
                    line => found.push(line),
                }
            }
        }
        found
    }

    fn complete(line: &'static str) -> Line {
        let line = Bytes::from_static(line.as_bytes());
        Line::Complete { line, glued: false }
    }

    fn check(wire: &str, bytes_max: usize, expected: &[Line]) {
        let wire = wire.as_bytes();
        for at in 0..=wire.len() {
            assert_eq!(lines(&[&wire[..at], &wire[at..]], bytes_max), expected, "split at {at}");
        }
    }

    #[test]
    fn a_line_ends_at_crlf() {
        check("a\r\nb\r\n\r\nc", 10, &[complete("a"), complete("b"), complete("")]);
    }

    #[test]
    fn a_bare_newline_stays_in_its_line() {
        check("a\nb\rc\r\n", 10, &[complete("a\n"), complete("b\rc")]);
        check("a\r\r\n\n", 10, &[complete("a\r"), complete("\n")]);
    }

    #[test]
    fn a_line_at_the_limit_is_taken_and_one_above_is_not() {
        check("12345678\r\nx\r\n", 10, &[complete("12345678"), complete("x")]);
        check("123456789\r\nx\r\n", 10, &[Line::TooLong, complete("x")]);
        check("123456789012345678901234\nx\r\n", 10, &[Line::TooLong, complete("x")]);
    }

    #[test]
    fn a_line_without_end_is_given_up_and_never_kept() {
        let mut lines = Lines::default();
        let mut input = BytesMut::from(&[b'x'; 10][..]);
        assert_eq!(lines.next(&mut input, 10), Line::TooLong);
        let rest = SKIP_BYTES_MAX - 10;
        for (more, expected) in [(rest, Line::Incomplete), (1, Line::Endless)] {
            input.extend_from_slice(&vec![b'x'; more]);
            assert_eq!(lines.next(&mut input, 10), expected);
            assert!(input.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_a_command_is_seen_at_its_first_byte() {
        for (input, not_smtp) in [
            (&b"LHLO"[..], false),
            (b"get", false),
            (b"\r\n", false),
            (b"", false),
            (b"\x16\x03\x01", true),
            (b"\0", true),
            (b"{", true),
        ] {
            assert_eq!(Lines::default().is_not_smtp(&BytesMut::from(input)), not_smtp, "{input:?}");
        }
    }
}
