//! Mails around what the other files make: parts, encodings of them, and text that is no part of MIME (uuencode, yEnc).

use std::fmt::Write as _;

use harness::mails::{TestMail, base64_lines};

use super::{Expected, Row};

/// A part of text, to stand before others.
pub(super) const TEXT: &str = "Content-Type: text/plain\r\n\r\nThe letter.\r\n";

impl Row {
    /// A mail of these fields and this body.
    pub(super) fn of(name: &str, fields: &str, body: &[u8]) -> Self {
        let token = TestMail::new().token;
        let head = format!(
            "From: <sender@example.org>\r\nTo: <rcpt@example.net>\r\nSubject: A letter\r\nX-Token: {token}.\r\n\
             MIME-Version: 1.0\r\n{fields}\r\n"
        );
        let content = [head.as_bytes(), body].concat();
        Self {
            name: name.to_owned(),
            content,
            token: format!("X-Token: {token}.\r\n"),
            expected: Expected::Infected,
        }
    }

    /// A multipart of these parts.
    pub(super) fn multipart(name: &str, parts: &[Vec<u8>]) -> Self {
        let (field, body) = multipart("=b=", parts);
        Self::of(name, &field, &body)
    }

    /// A multipart with text and one more part.
    pub(super) fn part(name: &str, part: Vec<u8>) -> Self {
        Self::multipart(name, &[TEXT.into(), part])
    }

    /// A multipart with this as an attachment in base64.
    pub(super) fn attached(name: &str, bytes: &[u8]) -> Self {
        Self::part(name, attachment(bytes))
    }

    /// With this expected of it instead.
    pub(super) fn unchecked(self, category: &'static str) -> Self {
        Self { expected: Expected::Unchecked(category), ..self }
    }
}

/// The field of a multipart, and its body.
pub(super) fn multipart(boundary: &str, parts: &[Vec<u8>]) -> (String, Vec<u8>) {
    let delimiter = format!("--{boundary}\r\n");
    let mut body: Vec<u8> = parts.iter().flat_map(|part| [delimiter.as_bytes(), part].concat()).collect();
    body.extend(format!("--{boundary}--\r\n").bytes());
    (format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n"), body)
}

/// An attachment in base64.
pub(super) fn attachment(bytes: &[u8]) -> Vec<u8> {
    encoded("base64", base64_lines(bytes).as_bytes())
}

/// An attachment whose body is already in that encoding.
pub(super) fn encoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let fields = format!(
        "Content-Type: application/octet-stream; name=a.dat\r\nContent-Disposition: attachment; filename=a.dat\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n"
    );
    [fields.as_bytes(), body].concat()
}

/// Every byte as `=XX`, with a soft line break behind each twelve.
pub(super) fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for line in bytes.chunks(12) {
        line.iter().for_each(|byte| write!(text, "={byte:02X}").unwrap());
        text.push_str("=\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A block of uuencode.
pub(super) fn uuencode(bytes: &[u8]) -> Vec<u8> {
    let digit = |bits: u32| (if bits & 63 == 0 { b'`' } else { (bits & 63) as u8 + 32 }) as char;
    let mut text = "begin 644 a.dat\r\n".to_owned();
    for line in bytes.chunks(45) {
        text.push(digit(line.len() as u32));
        for group in line.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            text.extend([18, 12, 6, 0].map(|shift| digit(bits >> shift)));
        }
        text.push_str("\r\n");
    }
    text.push_str("`\r\nend\r\n");
    text.into_bytes()
}

/// A block of yEnc.
pub(super) fn yenc(bytes: &[u8]) -> Vec<u8> {
    let mut block = format!("=ybegin line=128 size={} name=a.dat\r\n", bytes.len()).into_bytes();
    for byte in bytes.iter().map(|byte| byte.wrapping_add(42)) {
        match byte {
            0 | b'\n' | b'\r' | b'=' => block.extend([b'=', byte.wrapping_add(64)]),
            _ => block.push(byte),
        }
    }
    block.extend(format!("\r\n=yend size={}\r\n", bytes.len()).bytes());
    block
}
