//! The head of an ICAP answer: status line and header fields (RFC 3507 section 4.3), as strict as servers allow.

use thiserror::Error;

/// Longest head, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most header fields.
const FIELDS_MAX: usize = 100;

/// Status and header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) reason: String,
    /// The lines of a folded value are separated by a line feed.
    fields: Vec<(String, String)>,
}

/// The head is not in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum HeadError {
    #[error("the answer does not begin with ICAP/1.0 and a status")]
    Status,
    #[error("the head holds control characters")]
    Control,
    #[error("a line of the head is no header field")]
    Field,
    #[error("there are more than {FIELDS_MAX} header fields")]
    TooMany,
    #[error("{0} is given twice")]
    Twice(&'static str),
    #[error("{0} cannot be understood")]
    Value(&'static str),
}

impl Head {
    /// Reads a head, the empty line at its end left out.
    pub(super) fn parse(head: &[u8]) -> Result<Self, HeadError> {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let (status, reason) = status_line(lines.next().unwrap_or_default())?;
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(HeadError::Control);
            }
            if line.starts_with([' ', '\t']) {
                let (_, value) = fields.last_mut().ok_or(HeadError::Field)?;
                value.push('\n');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(HeadError::Field)?;
            if name.is_empty()
                || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            {
                return Err(HeadError::Field);
            }
            if fields.len() == FIELDS_MAX {
                return Err(HeadError::TooMany);
            }
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { status, reason, fields })
    }

    /// The first value of `name`, which is in lower case.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of `name`, which must not be there twice.
    pub(super) fn only(&self, name: &'static str) -> Result<Option<&str>, HeadError> {
        let mut values = self.fields.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(HeadError::Twice(name)),
            (value, None) => Ok(value.map(|(_, value)| value.as_str())),
        }
    }

    /// Whether one of the values of `name`, a list, is `word` in any case.
    pub(super) fn lists(&self, name: &str, word: &str) -> bool {
        let values = self.fields.iter().filter(|(known, _)| known == name);
        values.flat_map(|(_, value)| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(word))
    }
}

fn status_line(line: &str) -> Result<(u16, String), HeadError> {
    if line.chars().any(char::is_control) {
        return Err(HeadError::Control);
    }
    let rest = line.strip_prefix("ICAP/1.0 ").ok_or(HeadError::Status)?;
    let (digits, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HeadError::Status);
    }
    let status = digits.parse().ok().filter(|status| (100..600).contains(status)).ok_or(HeadError::Status)?;
    Ok((status, reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_apart() {
        let head = Head::parse(
            b"ICAP/1.0 200 OK\r\nISTag: \"a:b\"\r\nX-Violations-Found: 1\r\n\tname\r\n  Eicar \r\nAllow: 204, 206",
        )
        .unwrap();
        assert_eq!((head.status, head.reason.as_str()), (200, "OK"));
        assert_eq!(head.value("istag"), Some("\"a:b\""));
        assert_eq!(head.value("x-violations-found"), Some("1\nname\nEicar"));
        assert!(head.lists("allow", "204") && head.lists("allow", "206") && !head.lists("allow", "20"));
        assert_eq!(Head::parse(b"ICAP/1.0 204").unwrap().status, 204);
    }

    #[test]
    fn what_is_no_head() {
        let cases: [(&[u8], HeadError); 14] = [
            (b"", HeadError::Status),
            (b"HTTP/1.1 204 OK", HeadError::Status),
            (b"ICAP/1.1 204 OK", HeadError::Status),
            (b"ICAP/1.0  204 OK", HeadError::Status),
            (b"ICAP/1.0 20 OK", HeadError::Status),
            (b"ICAP/1.0 2040 OK", HeadError::Status),
            (b"ICAP/1.0 +20 OK", HeadError::Status),
            (b"ICAP/1.0 999 OK", HeadError::Status),
            (b"ICAP/1.0 204 OK\n", HeadError::Control),
            (b"ICAP/1.0 204 OK\r\nno field", HeadError::Field),
            (b"ICAP/1.0 204 OK\r\n: x", HeadError::Field),
            (b"ICAP/1.0 204 OK\r\n folded", HeadError::Field),
            (b"ICAP/1.0 204 OK\r\nx y: z", HeadError::Field),
            (b"ICAP/1.0 204 OK\r\nx: a\nb", HeadError::Control),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Head::parse(bytes), Err(expected), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_number_of_fields_at_both_sides_of_its_limit() {
        let head = |fields: usize| ["ICAP/1.0 200 OK".to_owned(), "\r\nx: y".repeat(fields)].concat();
        assert!(Head::parse(head(FIELDS_MAX).as_bytes()).is_ok());
        assert_eq!(Head::parse(head(FIELDS_MAX + 1).as_bytes()), Err(HeadError::TooMany));
    }

    #[test]
    fn a_field_that_decides_must_not_be_there_twice() {
        let head = Head::parse(b"ICAP/1.0 200 OK\r\na: 1\r\nb: 2\r\nA: 3").unwrap();
        assert_eq!(head.only("a"), Err(HeadError::Twice("a")));
        assert_eq!(head.only("b"), Ok(Some("2")));
        assert_eq!(head.only("c"), Ok(None));
    }
}
