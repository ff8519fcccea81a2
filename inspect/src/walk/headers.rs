//! What the headers of one part say, in every reading.
//!
//! The header block is read line by line here, not taken from mail-parser, so that a block that mail-parser does not
//! see as one can be read in the same way.

use std::collections::BTreeSet;

use mail_parser::{HeaderName, MessagePart};

use crate::attachments::decode;
use crate::attachments::header::{self, Declared};

/// Longest field that is read, in bytes.
const FIELD_BYTES_MAX: usize = 1024 * 1024;

/// What is declared of a part.
#[derive(Debug, Default)]
pub(super) struct Headers {
    pub(super) names: BTreeSet<String>,
    pub(super) kinds: BTreeSet<String>,
    pub(super) encodings: BTreeSet<String>,
    /// Every reading of every boundary.
    pub(super) boundaries: BTreeSet<String>,
    /// Each Content-Type as it is written.
    pub(super) raw_kinds: BTreeSet<Vec<u8>>,
    pub(super) charset: Option<String>,
    dispositions: BTreeSet<Vec<u8>>,
    pub(super) is_ambiguous: bool,
    pub(super) is_over_limit: bool,
    /// Whether an encoding is more than its word on the line of the field, or a field ends with a semicolon. Some readers
    /// then take the next field for the rest of this one, or none of it.
    has_odd_field: bool,
}

impl Headers {
    /// Of a part as mail-parser sees it.
    pub(super) fn of(content: &[u8], part: &MessagePart<'_>) -> Self {
        let mut headers = Self::read(block(content, part));
        for field in &part.headers {
            if field.name != HeaderName::ContentType {
                continue;
            }
            if let Some(parsed) = field.value.as_content_type() {
                let names = ["name", "filename"].map(|key| parsed.attribute(key));
                headers.names.extend(names.into_iter().flatten().map(str::to_owned));
                headers.charset = parsed.attribute("charset").map(str::to_owned);
                // Of a type that is cut by a fold or a comment it may take another piece.
                let kind = parsed.subtype().map(|subtype| format!("{}/{subtype}", parsed.ctype()));
                let is_word = |kind: &String| kind.bytes().all(|byte| byte.is_ascii_graphic());
                headers.kinds.extend(kind.filter(is_word));
            }
            // mail-parser takes blanks within a field's name, others do not see such a field at all.
            let raw = content.get(field.offset_start as usize..field.offset_end as usize).unwrap_or_default();
            headers.content_type(raw);
        }
        headers
    }

    /// Of a header block.
    pub(super) fn read(block: &[u8]) -> Self {
        let mut headers = Self::default();
        headers.fields(block);
        // Some end a line at a bare CR.
        if memchr::memchr_iter(b'\r', block).any(|at| block.get(at + 1).is_some_and(|next| *next != b'\n')) {
            let before = (headers.names.len(), headers.kinds.clone(), headers.encodings.clone());
            let lines: Vec<u8> =
                block.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect();
            headers.fields(&lines);
            headers.is_ambiguous |=
                before != (headers.names.len(), headers.kinds.clone(), headers.encodings.clone());
        }
        headers
    }

    fn fields(&mut self, block: &[u8]) {
        for line in line_starts(block) {
            let Some((name, value)) = part_field(block.get(line..).unwrap_or_default()) else {
                continue;
            };
            self.has_odd_field |= value.trim_ascii_end().ends_with(b";");
            self.is_ambiguous |= memchr::memchr(0, value).is_some() && name == Field::Type;
            match name {
                Field::Type => self.content_type(value),
                Field::Disposition => {
                    let declared = header::declared(value);
                    self.is_over_limit |= declared.is_over_limit;
                    self.names.extend(declared.names);
                    self.dispositions.insert(value.trim_ascii().to_vec());
                    self.is_ambiguous |= self.dispositions.len() > 1;
                }
                Field::Encoding => {
                    let words = header::declared(value).kinds;
                    self.has_odd_field |= !words.iter().any(|word| is_bare(value, word));
                    self.encodings.extend(words);
                    self.is_ambiguous |= self.encodings.len() > 1;
                }
            }
        }
    }

    fn content_type(&mut self, raw: &[u8]) {
        if !self.raw_kinds.insert(raw.trim_ascii().to_vec()) {
            return;
        }
        let Declared { kinds, names, boundaries, is_ambiguous, is_over_limit } = header::declared(raw);
        self.is_ambiguous |= is_ambiguous || self.raw_kinds.len() > 1;
        self.is_over_limit |= is_over_limit;
        self.names.extend(names);
        self.boundaries.extend(boundaries);
        self.kinds.extend(kinds);
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.kinds.iter().any(|kind| kind.starts_with("multipart/"))
    }

    /// One in which every reader looks for parts. clamd does not in signed ones, which are everyday mail.
    pub(super) fn is_usual_multipart(&self) -> bool {
        let is_usual = |kind: &str| {
            matches!(
                kind,
                "multipart/mixed" | "multipart/alternative" | "multipart/related" | "multipart/report"
            )
        };
        !self.has_odd_field && self.kinds.iter().all(|kind| is_usual(kind))
    }

    /// A message that is read as one wherever it stands.
    pub(super) fn is_usual_message(&self) -> bool {
        !self.has_odd_field && self.kinds.iter().all(|kind| kind == "message/rfc822")
    }

    /// Text, also where nothing is declared (RFC 2045 section 5.2).
    pub(super) fn is_text(&self) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.starts_with("text/"))
    }

    /// A message of its own. Reports about messages are lines of fields and nothing else.
    pub(super) fn is_message(&self) -> bool {
        self.kinds.iter().filter_map(|kind| kind.strip_prefix("message/")).any(|subtype| {
            !matches!(subtype, "delivery-status" | "disposition-notification" | "feedback-report")
        })
    }

    /// Whether every reader decodes `body` alike.
    pub(super) fn has_usual_encoding(&self, body: &[u8]) -> bool {
        !self.has_odd_field
            && self.encodings.iter().all(|encoding| match encoding.as_str() {
                "base64" => true,
                "quoted-printable" => decode::is_plain_quoted_printable(body),
                other => !is_encoded(other),
            })
    }

    pub(super) fn is_encoded(&self) -> bool {
        self.encodings.iter().any(|encoding| is_encoded(encoding))
    }
}

/// Whether this transfer encoding is more than a promise about line lengths.
pub(super) fn is_encoded(encoding: &str) -> bool {
    !matches!(encoding, "7bit" | "8bit" | "binary" | "")
}

/// Whether the value of a field is this word, on its first line.
fn is_bare(value: &[u8], word: &str) -> bool {
    let line = value.trim_ascii_end();
    memchr::memchr(b'\n', line).is_none() && line.trim_ascii().eq_ignore_ascii_case(word.as_bytes())
}

/// The header block of a part, its empty line included.
pub(super) fn block<'c>(content: &'c [u8], part: &MessagePart<'_>) -> &'c [u8] {
    content.get(part.offset_header as usize..part.offset_body as usize).unwrap_or_default()
}

/// The fields that tell what a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Type,
    Disposition,
    Encoding,
}

/// The field at the start of `line`, with its value up to the end of its last fold.
pub(super) fn part_field(line: &[u8]) -> Option<(Field, &[u8])> {
    // Cheap for the many other lines.
    let first = line.iter().find(|byte| !matches!(byte, b'\0' | b' ' | b'\t'))?;
    if !first.eq_ignore_ascii_case(&b'c') || line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return None;
    }
    let window = line.get(..FIELD_BYTES_MAX).unwrap_or(line);
    let colon = window.get(..64).unwrap_or(window).iter().position(|byte| matches!(byte, b':' | b'\n'))?;
    let (name, value) = window.split_at_checked(colon)?;
    let name: Vec<u8> =
        name.iter().filter(|b| !b.is_ascii_whitespace() && **b != 0).map(u8::to_ascii_lowercase).collect();
    let field = match name.as_slice() {
        b"content-type" => Field::Type,
        b"content-disposition" => Field::Disposition,
        b"content-transfer-encoding" => Field::Encoding,
        _ => return None,
    };
    let value = value.strip_prefix(b":")?;
    let end = memchr::memchr_iter(b'\n', value)
        .find(|at| !matches!(value.get(at + 1), Some(b' ' | b'\t')))
        .unwrap_or(value.len());
    Some((field, value.get(..end).unwrap_or_default()))
}

/// Where lines begin.
pub(super) fn line_starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1))
}
