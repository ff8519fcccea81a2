//! Loops: a mail that passed too many servers goes round in circles (RFC 5321 section 6.3).
//!
//! Counts `Received:` fields and parses nothing: over the header section only, and no further than a bound, so that a
//! hostile header section costs no more than a large one.

use memchr::memchr;

/// How far the header section is read, in bytes.
const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// Whether `content`, in canonical form, has more than `max` `Received:` fields.
pub(super) fn are_more_than(max: usize, content: &[u8]) -> bool {
    let mut rest = content.get(..HEADER_BYTES_MAX).unwrap_or(content);
    let mut hops = 0;
    while let Some(end) = memchr(b'\n', rest) {
        let Some((line, behind)) = rest.split_at_checked(end + 1) else {
            break;
        };
        if line == b"\r\n" {
            break;
        }
        hops += usize::from(is_received(line));
        if max < hops {
            return true;
        }
        rest = behind;
    }
    false
}

fn is_received(line: &[u8]) -> bool {
    const NAME: &[u8] = b"received";
    let Some((name, behind)) = line.split_at_checked(NAME.len()) else {
        return false;
    };
    name.eq_ignore_ascii_case(NAME) && behind.trim_ascii_start().starts_with(b":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, hops: usize) {
        assert!(!are_more_than(hops, content.as_bytes()), "{content:?} has more");
        assert!(hops == 0 || are_more_than(hops - 1, content.as_bytes()), "{content:?} has less");
    }

    #[test]
    fn received_fields_are_counted_in_the_header_section_only() {
        check("", 0);
        check("Received: a\r\n", 1);
        check("Received: a\r\nRECEIVED : b\r\nX-Received: c\r\nReceivedX: d\r\n received: e\r\n", 2);
        check("Subject: x\r\n\r\nReceived: in the body\r\n", 0);
        check("Received", 0);
    }

    #[test]
    fn a_header_section_without_end_is_read_no_further_than_the_bound() {
        let field = format!("X: {}\r\n", "x".repeat(1_019));
        let filler = field.repeat(HEADER_BYTES_MAX / 1_024);
        check(&format!("Received: a\r\n{filler}Received: b\r\n"), 1);
    }
}
