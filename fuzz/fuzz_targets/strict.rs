//! A reader of mails that knows the RFCs to the letter and nothing else: what it sees, the walk has to see as well.
//!
//! Written for being read beside RFC 5322, 2045, 2046 and 2231, not for speed. Where a grammar is broken it does as the
//! RFC says or gives that part up; it never guesses. Deliberately absent: encoded words, whatever is obsolete, limits
//! (its inputs are small).

use super::strict_field::{Field, field};

const DEPTH_MAX: usize = 10;

/// A part that is no multipart.
#[derive(Debug, Default)]
pub struct Part {
    pub names: Vec<String>,
    /// The declared media type, in lower case.
    pub kind: Option<String>,
    /// Decoded.
    pub body: Vec<u8>,
}

/// Every part of `content`, those of nested messages included.
pub fn parts(content: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut waiting = vec![(content, "text/plain", 0)];
    while let Some((entity, default, depth)) = waiting.pop() {
        let Some((fields, body)) = head(entity) else { continue };
        let declared = fields.iter().find(|(name, _)| name == "content-type");
        let kind = match declared {
            Some((_, value)) => field(value, true),
            None => None,
        };
        let disposition = fields.iter().find(|(name, _)| name == "content-disposition");
        let disposition = disposition.and_then(|(_, value)| field(value, false));
        let encoding = fields.iter().find(|(name, _)| name == "content-transfer-encoding");
        let encoding = encoding.map(|(_, value)| value.trim_ascii().to_ascii_lowercase()).unwrap_or_default();
        // RFC 2045 section 5.2: what has no type, or one that is none, is plain text; in a digest a message.
        let is_default = declared.is_none();
        let word = match &kind {
            Some(kind) => kind.word.as_str(),
            None if is_default => default,
            None => "text/plain",
        };
        let is_plain = matches!(&*encoding, b"" | b"7bit" | b"8bit" | b"binary");
        if depth < DEPTH_MAX && is_plain && word == "message/rfc822" {
            waiting.push((body, "text/plain", depth + 1));
        }
        if let Some(boundary) = kind.as_ref().and_then(multipart).filter(|_| depth < DEPTH_MAX && is_plain) {
            let inner = if word == "multipart/digest" { "message/rfc822" } else { "text/plain" };
            waiting.extend(split(body, boundary).into_iter().map(|part| (part, inner, depth + 1)));
        }
        parts.push(Part {
            names: names(disposition.as_ref(), kind.as_ref()),
            kind: kind.as_ref().map(|kind| kind.word.clone()),
            body: if word.starts_with("multipart/") || word.starts_with("message/") {
                Vec::new()
            } else {
                decoded(body, &encoding)
            },
        });
    }
    parts
}

fn names(disposition: Option<&Field>, kind: Option<&Field>) -> Vec<String> {
    let filename = disposition.and_then(|field| field.parameter("filename"));
    let name = kind.and_then(|field| field.parameter("name"));
    filename.into_iter().chain(name).collect()
}

/// The boundary of a multipart (RFC 2046 section 5.1.1).
fn multipart(kind: &Field) -> Option<&str> {
    if !kind.word.starts_with("multipart/") {
        return None;
    }
    let boundary = kind.plain("boundary")?;
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    let is_boundary = (1..=70).contains(&boundary.len()) && boundary.bytes().all(is_allowed);
    (is_boundary && !boundary.ends_with(' ')).then_some(boundary)
}

/// The fields in their order, unfolded, their names in lower case, and what is behind the empty line; nothing where a
/// line is no field.
type Head<'c> = (Vec<(String, Vec<u8>)>, &'c [u8]);

fn head(entity: &[u8]) -> Option<Head<'_>> {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    let mut rest = entity;
    while !rest.is_empty() {
        let (line, behind) = take_line(rest);
        rest = behind;
        if line.is_empty() {
            break;
        }
        if line.contains(&b'\r') || line.contains(&0) {
            return None;
        }
        if line[0] == b' ' || line[0] == b'\t' {
            // RFC 5322 section 2.2.3: unfolding takes the line end out and nothing else.
            if line.trim_ascii().is_empty() {
                return None;
            }
            fields.last_mut()?.1.extend(line);
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = line[..colon].to_ascii_lowercase();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        fields.push((String::from_utf8(name).ok()?, line[colon + 1..].to_vec()));
    }
    Some((fields, rest))
}

/// A line without its end, and what is behind that.
fn take_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]), &bytes[at + 1..]),
        None => (bytes, b""),
    }
}

/// The parts of a multipart. The line end before a delimiter is the delimiter's.
fn split<'c>(body: &'c [u8], boundary: &str) -> Vec<&'c [u8]> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at < body.len() {
        let (line, rest) = take_line(&body[at..]);
        let behind = line.strip_prefix(delimiter.as_bytes());
        let is_close = behind.is_some_and(|behind| is_blank(behind.strip_prefix(b"--").unwrap_or(b"x")));
        if is_close || behind.is_some_and(is_blank) {
            if let Some(start) = start {
                let part = &body[start..at.max(start)];
                let part = part.strip_suffix(b"\n").unwrap_or(part);
                parts.push(part.strip_suffix(b"\r").unwrap_or(part));
            }
            start = (!is_close).then_some(body.len() - rest.len());
        }
        if is_close {
            return parts;
        }
        at = body.len() - rest.len();
    }
    // Cut off, as section 5.1.2 says of missing ends.
    parts.extend(start.map(|start| &body[start..]));
    parts
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

fn decoded(body: &[u8], encoding: &[u8]) -> Vec<u8> {
    match encoding {
        b"base64" => base64(body),
        b"quoted-printable" => quoted_printable(body),
        _ => body.to_vec(),
    }
}

/// RFC 2045 section 6.8: what is not of the alphabet is ignored, and padding is the end.
fn base64(body: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in body.iter().take_while(|byte| **byte != b'=') {
        let Some(value) = ALPHABET.iter().position(|known| known == byte) else { continue };
        bits = (bits << 6 | value as u32) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// RFC 2045 section 6.7: escapes, soft line breaks, and no blanks at the end of a line. What is no escape stays.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (line, behind) = take_line(rest);
        let end = &rest[line.len()..rest.len() - behind.len()];
        rest = behind;
        let line = line.trim_ascii_end();
        let (line, end) = match line.strip_suffix(b"=") {
            Some(line) => (line, &b""[..]),
            None => (line, end),
        };
        let mut at = 0;
        while at < line.len() {
            let escape = line.get(at..at + 3).filter(|escape| escape[0] == b'=');
            let escape = escape.and_then(|escape| std::str::from_utf8(&escape[1..]).ok());
            let byte = escape.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
            match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(line[at]);
                    at += 1;
                }
            }
        }
        out.extend(end);
    }
    out
}
