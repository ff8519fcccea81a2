//! Header edits as byte ranges over the original: new fields in front, stripped fields left out, every other byte
//! where it was. Nothing is parsed into a message and written again, so signatures survive.
//!
//! The header section ends at the first empty line, as a DKIM verifier sees it; lines in it that are no field stay.
//! A content whose first line is no field has no header section at all: it gets an empty line between our fields and
//! its first byte, so that its text can neither become a field nor continue one of ours.

mod fold;
mod received;

pub(crate) use received::Received;

use std::ops::Range;

use bytes::Bytes;
use memchr::memchr;
use proto::HeaderEdit;

/// A content with edits: a prefix, and what is kept of the original.
#[derive(Debug)]
pub(crate) struct Spliced {
    prefix: Bytes,
    keep: Vec<Range<usize>>,
    content: Bytes,
}

impl Spliced {
    /// Applies `edits` to `content` and puts `received` on top. `utf8`: 8-bit characters may stand in the new fields.
    pub(crate) fn new(content: &Bytes, received: &Received<'_>, edits: &[HeaderEdit], utf8: bool) -> Self {
        let mut prefix = String::with_capacity(512);
        received.write(&mut prefix, utf8);
        for edit in edits {
            match edit {
                HeaderEdit::Prepend { name, value } => fold::field(&mut prefix, name, value, utf8),
                HeaderEdit::Strip { .. } => {}
            }
        }
        if needs_separator(content) {
            prefix.push_str("\r\n");
        }
        Self { prefix: prefix.into(), keep: kept(content, edits), content: content.clone() }
    }

    /// The pieces in order.
    pub(crate) fn slices(&self) -> Vec<&[u8]> {
        let kept = self.keep.iter().filter_map(|range| self.content.get(range.clone()));
        std::iter::once(&*self.prefix).chain(kept).collect()
    }
}

/// The length of the header section, without the empty line behind it.
pub(crate) fn header_bytes(content: &[u8]) -> usize {
    if needs_separator(content) {
        return 0;
    }
    Lines { content, at: 0 }.take_while(|line| !is_empty(content, line)).last().map_or(0, |line| line.end)
}

/// Whether the content begins with something that is neither a field nor the empty line behind no fields.
fn needs_separator(content: &[u8]) -> bool {
    let Some(first) = (Lines { content, at: 0 }).next() else {
        return false;
    };
    !is_empty(content, &first) && field_name(content.get(first).unwrap_or_default()).is_none()
}

/// Everything but the stripped fields.
fn kept(content: &[u8], edits: &[HeaderEdit]) -> Vec<Range<usize>> {
    let strips: Vec<&str> = edits
        .iter()
        .filter_map(|edit| match edit {
            HeaderEdit::Strip { name } => Some(name.as_str()),
            HeaderEdit::Prepend { .. } => None,
        })
        .collect();
    let mut keep = Vec::new();
    let mut from = 0;
    if !strips.is_empty() {
        let header = content.get(..header_bytes(content)).unwrap_or_default();
        let mut stripping = false;
        for line in (Lines { content: header, at: 0 }) {
            let text = header.get(line.clone()).unwrap_or_default();
            let continues = matches!(text.first(), Some(b' ' | b'\t'));
            if continues {
                if stripping {
                    from = line.end;
                }
                continue;
            }
            let name = field_name(text);
            stripping = name.is_some_and(|name| strips.iter().any(|strip| is_same(strip, name)));
            if stripping {
                if from < line.start {
                    keep.push(from..line.start);
                }
                from = line.end;
            }
        }
    }
    if from < content.len() {
        keep.push(from..content.len());
    }
    keep
}

fn is_same(strip: &str, name: &[u8]) -> bool {
    strip.as_bytes().eq_ignore_ascii_case(name)
}

/// The name in front of the colon; blanks between the two are obsolete but seen (RFC 5322 section 4.5).
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = line.get(..memchr(b':', line)?)?.trim_ascii_end();
    let well_formed = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    well_formed.then_some(name)
}

fn is_empty(content: &[u8], line: &Range<usize>) -> bool {
    matches!(content.get(line.clone()), Some(b"\r\n" | b"\n"))
}

/// Lines with their ends, as ranges.
struct Lines<'a> {
    content: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.content.get(start..).filter(|rest| !rest.is_empty())?;
        self.at = start + memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests;
