//! Test mails: each with a token in a header and in the body, so that every copy can be told, wherever it turns up.

use std::sync::atomic::{AtomicU64, Ordering};

/// The EICAR test file, which every virus scanner knows; put together here so that this file is none.
pub fn eicar() -> Vec<u8> {
    let (first, second) = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
    [first.as_bytes(), second.as_bytes()].concat()
}

/// The line that every spam scanner knows; put together here so that this file is none.
pub fn gtube() -> Vec<u8> {
    let (first, second) = ("XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD", "-ANTI-UBE-TEST-EMAIL*C.34X\r\n");
    [first.as_bytes(), second.as_bytes()].concat()
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// An envelope and the content, before dot-stuffing.
#[derive(Clone, Debug)]
pub struct TestMail {
    /// Unique in this run.
    pub token: String,
    /// Behind `MAIL FROM:`, with parameters.
    pub from: String,
    /// Behind `RCPT TO:`, with parameters.
    pub to: Vec<String>,
    /// With CRLF line ends.
    pub content: Vec<u8>,
}

impl TestMail {
    /// A small mail to one recipient.
    pub fn new() -> Self {
        let token = format!("token-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let content = format!(
            "From: Sender <sender@example.org>\r\nTo: Recipient <rcpt@example.net>\r\nSubject: A test\r\n\
             Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{token}@example.org>\r\nX-Token: {token}\r\n\
             \r\nThe body of {token}.\r\n"
        );
        Self {
            from: "<sender@example.org>".into(),
            to: vec!["<rcpt@example.net>".into()],
            content: content.into_bytes(),
            token,
        }
    }

    /// With this behind `MAIL FROM:`.
    pub fn from(mut self, path_and_parameters: &str) -> Self {
        self.from = path_and_parameters.into();
        self
    }

    /// With these behind `RCPT TO:`.
    pub fn to(mut self, paths_and_parameters: &[&str]) -> Self {
        self.to = paths_and_parameters.iter().map(|&to| to.to_owned()).collect();
        self
    }

    /// With this content instead of its own (no token then, unless it is in there).
    pub fn content(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.content = content.into();
        self
    }

    /// With more lines behind its own.
    pub fn body(mut self, more: &[u8]) -> Self {
        self.content.extend_from_slice(more);
        self
    }

    /// With `size_bytes` more bytes behind its own, in lines of 78 characters.
    pub fn padded(self, size_bytes: usize) -> Self {
        let line = b"The quick brown fox jumps over the lazy dog 0123456789, again and again and ..\r\n";
        let padding: Vec<u8> = line.iter().copied().cycle().take(size_bytes / 80 * 80).collect();
        self.body(&padding)
    }

    /// As a multipart with one attachment.
    pub fn attachment(mut self, name: &str, bytes: &[u8]) -> Self {
        let token = &self.token;
        let body = base64_lines(bytes);
        let content = format!(
            "From: <sender@example.org>\r\nSubject: With an attachment\r\nX-Token: {token}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=\"{token}=\"\r\n\r\n--{token}=\r\nContent-Type: text/plain\r\n\r\n\
             The body of {token}.\r\n--{token}=\r\nContent-Type: application/octet-stream\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             {body}--{token}=--\r\n"
        );
        self.content = content.into_bytes();
        self
    }

    /// The MAIL command.
    pub fn mail_command(&self) -> String {
        format!("MAIL FROM:{}", self.from)
    }

    /// The RCPT commands.
    pub fn rcpt_commands(&self) -> Vec<String> {
        self.to.iter().map(|to| format!("RCPT TO:{to}")).collect()
    }
}

impl Default for TestMail {
    fn default() -> Self {
        Self::new()
    }
}

/// Base64 in lines of 76 characters, each with CRLF.
pub fn base64_lines(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + bytes.len() / 28 + 8);
    for line in bytes.chunks(57) {
        for group in line.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                let value = (bits >> (18 - 6 * digit)) as usize & 63;
                text.push(if digit <= group.len() { ALPHABET[value] as char } else { '=' });
            }
        }
        text.push_str("\r\n");
    }
    text
}

/// The header fields that stand before what was sent; fails when the rest is not byte for byte what was sent.
///
/// Where the content begins with its body, without the empty line that ends a header section, that line may be added
/// too: else the body's first lines would become part of the header.
pub fn added_fields(sent: &[u8], got: &[u8]) -> Vec<String> {
    try_added_fields(sent, got).unwrap_or_else(|why| panic!("{why}"))
}

/// As [`added_fields`].
///
/// # Errors
/// With the difference, when something else was changed.
pub fn try_added_fields(sent: &[u8], got: &[u8]) -> Result<Vec<String>, String> {
    let Some(split) = got.len().checked_sub(sent.len()).filter(|_| got.ends_with(sent)) else {
        return Err(first_difference(sent, got));
    };
    let added = String::from_utf8_lossy(&got[..split]).into_owned();
    if !added.is_empty() && !added.ends_with("\r\n") {
        return Err(format!("added fields do not end with CRLF:\n{added}"));
    }
    let added = match added.strip_suffix("\r\n\r\n") {
        Some(fields) if begins_with_body(sent) => format!("{fields}\r\n"),
        _ => added,
    };
    let mut fields: Vec<String> = Vec::new();
    for line in added.split_terminator("\r\n") {
        let is_continuation = line.starts_with([' ', '\t']);
        match fields.last_mut().filter(|_| is_continuation) {
            Some(field) => field.push_str(line),
            None => fields.push(line.to_owned()),
        }
        let name = line.split(':').next().unwrap_or_default();
        let is_field = line.contains(':') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        if !is_continuation && !is_field {
            return Err(format!("not a header field: {line:?}"));
        }
    }
    Ok(fields)
}

/// Whether the first line is neither a header field nor the empty line.
fn begins_with_body(content: &[u8]) -> bool {
    let first = content.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let name = first.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_field = name.len() < first.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    !content.is_empty() && !first.is_empty() && !is_field
}

/// Where the two differ, counted from the end: added fields stand at the beginning.
fn first_difference(sent: &[u8], got: &[u8]) -> String {
    let same = sent.iter().rev().zip(got.iter().rev()).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let at = bytes.len() - same;
        bytes[at.saturating_sub(80)..(at + 40).min(bytes.len())].escape_ascii().to_string()
    };
    format!(
        "content was changed: sent {} bytes, got {}, the last {same} are the same; before that\nsent …{}\n got …{}",
        sent.len(),
        got.len(),
        around(sent),
        around(got)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, encoded) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64_lines(plain.as_bytes()), format!("{encoded}\r\n"));
        }
        assert_eq!(base64_lines(&[0; 58]).lines().next().map(str::len), Some(76));
    }

    #[test]
    fn added_fields_are_told() {
        let fields =
            added_fields(b"Subject: x\r\n\r\ny\r\n", b"A: 1\r\n\t2\r\nB: 3\r\nSubject: x\r\n\r\ny\r\n");
        assert_eq!(fields, ["A: 1\t2", "B: 3"]);
        assert!(added_fields(b"", b"").is_empty());
        assert_eq!(added_fields(b"only a body\r\n", b"A: 1\r\n\r\nonly a body\r\n"), ["A: 1"]);
    }

    #[test]
    #[should_panic(expected = "content was changed")]
    fn a_changed_byte_is_seen() {
        added_fields(b"Subject: x\r\n\r\ny\r\n", b"Subject: x\r\n\r\nz\r\n");
    }

    #[test]
    #[should_panic(expected = "not a header field")]
    fn what_is_added_must_be_a_field() {
        added_fields(b"x\r\n", b"\r\nx\r\n");
    }
}
