//! What a name may turn into on the reader's machine: every view of it.
//!
//! Names are only compared, never used as paths. Everything here takes time in proportion to the name, however it is
//! made; the number of views is bounded.

use std::collections::HashSet;

use super::fold::fold;
use crate::attachments::decode;

/// Most pieces between colons that count as streams, from each end.
const STREAMS_MAX: usize = 32;

/// A name in one of its readings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    /// With its path and its case.
    pub(super) text: String,
    /// Which name of the node.
    pub(super) name: usize,
    /// As written, with encoded words (RFC 2047) that hardly any reader leaves so.
    pub(super) is_encoded: bool,
}

impl View {
    /// Without its path.
    pub(super) fn base(&self) -> &str {
        base(&self.text)
    }
}

/// Every view of every name: as it is, decoded, folded, cut and put together at a NUL, without line ends, without what
/// Windows drops at the end, and what stands between colons.
pub(super) fn views(names: &[Vec<u8>]) -> Vec<View> {
    let mut views = Vec::new();
    for (name, bytes) in names.iter().enumerate() {
        let mut known = HashSet::new();
        for (source, is_encoded) in sources(bytes) {
            let mut texts = vec![source.clone()];
            normalised(&source, &mut texts);
            for text in texts.into_iter().filter(|text| !text.is_empty()) {
                if known.insert((text.clone(), is_encoded)) {
                    views.push(View { text, name, is_encoded });
                }
            }
        }
    }
    views
}

/// The texts that the bytes may stand for, and whether that is one that is meant to be decoded.
fn sources(name: &[u8]) -> Vec<(String, bool)> {
    let decoded = decode::encoded_words(name);
    let is_encoded = decoded.is_some();
    let mut sources = Vec::new();
    match std::str::from_utf8(name) {
        Ok(text) => sources.push((text.to_owned(), is_encoded)),
        Err(_) => {
            sources.push((String::from_utf8_lossy(name).into_owned(), is_encoded));
            let latin: String = name.iter().copied().map(char::from).collect();
            sources.push((latin, is_encoded));
            sources.push((String::from_utf8_lossy(&shortest(name)).into_owned(), is_encoded));
        }
    }
    sources.extend(decoded.map(|text| (text, false)));
    for (text, is_encoded) in sources.clone() {
        let mut text = text;
        // Twice: a `%252e` is `%2e` to the first reader and a dot to the second.
        for _ in 0..2 {
            if !text.contains('%') {
                break;
            }
            text = String::from_utf8_lossy(&decode::percent(text.as_bytes())).into_owned();
            sources.push((text.clone(), is_encoded));
        }
    }
    sources
}

/// ASCII that was written in two bytes of UTF-8, which strict readers refuse.
fn shortest(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    loop {
        match rest {
            [high @ 0xc0..=0xc1, low @ 0x80..=0xbf, tail @ ..] => {
                out.push((high & 1) << 6 | (low & 0x3f));
                rest = tail;
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
            [] => return out,
        }
    }
}

fn normalised(source: &str, texts: &mut Vec<String>) {
    let folded = fold(source);
    let cut = folded.split('\0').next().unwrap_or_default();
    let removed = folded.replace('\0', "");
    for text in [cut, &removed] {
        let is_line_end = |c: char| matches!(c, '\t' | '\r' | '\n');
        for blank in [" ", ""] {
            let text = trim(&text.replace(is_line_end, blank));
            let base = base(&text);
            // Alternate streams: `evil.exe::$DATA`, `a.txt:evil.exe`. A blank behind the colon is a subject's.
            if base.contains(':') {
                let pieces = || base.split(':').filter(|piece| !piece.starts_with(' '));
                texts.extend(pieces().take(STREAMS_MAX).map(trim));
                texts.extend(pieces().rev().take(STREAMS_MAX).map(trim));
            }
            texts.push(text);
        }
    }
}

fn base(text: &str) -> &str {
    text.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Windows drops blanks and dots at the end of a name; quotes are left over from broken headers.
fn trim(name: &str) -> String {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}');
    let is_junk = |c: char| c.is_whitespace() || is_quote(c) || matches!(c, '.' | ';' | ',' | '<' | '>');
    name.trim_end_matches(is_junk)
        .trim_start_matches(|c: char| c.is_whitespace() || is_quote(c) || c == '<')
        .to_owned()
}

/// What is behind the last dot of a name without path, in lower case, without blanks around it.
pub(super) fn extension(base: &str) -> Option<String> {
    let (_, extension) = base.rsplit_once('.')?;
    Some(extension.trim().to_lowercase()).filter(|extension| !extension.is_empty())
}

/// The last extension, when another one with a letter in it stands before (amavis' rule for double extensions).
pub(super) fn double_extension(base: &str) -> Option<String> {
    let (before, _) = base.rsplit_once('.')?;
    let (_, inner) = before.rsplit_once('.')?;
    let has_letter = inner.bytes().any(|byte| byte.is_ascii_alphabetic());
    extension(base).filter(|_| has_letter)
}

/// Whether an extension is a class id in braces, by which Windows chooses a program.
pub(super) fn is_class_id(extension: &str) -> bool {
    let Some(rest) = extension.strip_prefix('{') else { return false };
    let groups: Vec<&str> = rest.trim_end_matches('}').split('-').collect();
    let is_hex = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|group| is_hex(group))
}

#[cfg(test)]
mod tests;
