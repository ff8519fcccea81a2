//! Bounds what mail-parser can be made to do, before it is called: linear, iterative, on the stack of one function.
//!
//! mail-parser 0.11 keeps nested messages in nested values, so that tens of thousands of them overflow the stack when
//! they are dropped, which no one can catch; and it keeps every part and header of a mail. What it takes for a
//! multipart or a message is decided by words that must stand literally in the mail (`multipart`, `message` `/`
//! `rfc822` or `global`), and where a part begins by boundaries that its own header parser reads. Counting all of
//! these, wherever they stand, bounds nesting, parts and headers from above. A line of prose may be counted too; the
//! limits are far above what honest mails have.
//!
//! Transfer encodings are not decoded by mail-parser as we use it, so nothing is hidden from this count.

use mail_parser::parsers::MessageStream;
use memchr::{memchr2_iter, memmem};

use proto::inspection::Limits;

/// Longest Content-Type, in bytes: mail-parser compares each parameter with each.
const CONTENT_TYPE_BYTES_MAX: usize = 8 * 1024;
/// How far behind `message` its subtype is looked for; with more between them it counts as a nested message.
const SUBTYPE_DISTANCE_MAX: usize = 256;
/// How much of a line is looked at to see whether it is a delimiter and nothing else.
const LINE_BYTES_MAX: usize = 2 * 1024;
/// What all passes of the parser over a mail may cost together: this much, and so much for each of its bytes. A unit
/// is about a nanosecond.
const COST_MAX: usize = 16 * 1024 * 1024;
const COST_PER_BYTE_MAX: usize = 64;
/// Searching for a literal is that much cheaper than the parser's steps.
const SEARCH_BYTES_PER_COST: usize = 16;

/// What is left of the limits for a whole mail, its nested messages included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) parts: usize,
    pub(crate) header_bytes: usize,
    pub(crate) header_lines: usize,
    pub(crate) decoded_bytes: usize,
    cost: usize,
}

impl Budget {
    /// For a mail of `content_bytes`.
    pub(crate) fn new(limits: &Limits, content_bytes: usize) -> Self {
        Self {
            parts: limits.parts_max,
            header_bytes: limits.header_bytes_max,
            header_lines: limits.header_lines_max,
            decoded_bytes: limits.decoded_bytes_max,
            cost: COST_MAX.saturating_add(COST_PER_BYTE_MAX.saturating_mul(content_bytes)),
        }
    }

    /// Takes the cost of `times` searches through `bytes` and one closer look.
    pub(crate) fn search(&mut self, bytes: usize, times: usize) -> Result<(), Exceeded> {
        let amount = bytes.saturating_mul(times) / SEARCH_BYTES_PER_COST + bytes / 2;
        spend(&mut self.cost, amount, "work")
    }

    /// There is another mail of `content_bytes` in it, whose bytes were paid for elsewhere.
    pub(crate) fn grow(&mut self, content_bytes: usize) {
        self.cost = self.cost.saturating_add(COST_PER_BYTE_MAX.saturating_mul(content_bytes));
    }
}

/// Which limit a mail is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded(pub(crate) &'static str);

/// What the guard learned on its way.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Every boundary that mail-parser may use.
    pub(crate) boundaries: Vec<Vec<u8>>,
    /// Another reader may see other parts than mail-parser does.
    pub(crate) is_ambiguous: bool,
    /// A boundary begins with another one: mail-parser confuses them, others do not.
    pub(crate) is_crossed: bool,
}

/// The words that start containers.
#[derive(Default)]
struct Containers {
    /// Offset behind the word, boundary.
    multiparts: Vec<(usize, Vec<u8>)>,
    /// Offset of each nested message's type.
    messages: Vec<usize>,
    has_digest: bool,
}

struct Multipart {
    boundary: Option<Vec<u8>>,
    is_digest: bool,
}

/// Takes what `content` may cost out of `budget`.
pub(crate) fn check(content: &[u8], budget: &mut Budget) -> Result<Shape, Exceeded> {
    spend(&mut budget.cost, content.len(), "work")?;
    let containers = containers(content, budget)?;
    spend(&mut budget.parts, 1 + containers.messages.len(), "parts")?;

    let mut boundaries: Vec<Vec<u8>> = containers.multiparts.iter().map(|(_, b)| b.clone()).collect();
    boundaries.sort();
    boundaries.dedup();
    let mut shape = Shape { is_ambiguous: false, is_crossed: false, boundaries };
    // In a digest a part that does not say what it is is a message, with a first part of its own.
    let parts_per_delimiter = if containers.has_digest { 2 } else { 1 };
    let mut sections = vec![0];
    for boundary in &shape.boundaries {
        // mail-parser takes `--boundary` for a delimiter anywhere in a line.
        spend(&mut budget.cost, content.len() / SEARCH_BYTES_PER_COST, "work")?;
        let delimiter = [b"--", boundary.as_slice()].concat();
        let mut last = None;
        let mut is_closed = false;
        for at in memmem::find_iter(content, &delimiter) {
            spend(&mut budget.parts, parts_per_delimiter, "parts")?;
            let end = at + delimiter.len();
            shape.is_ambiguous |= is_closed;
            match line(content, at, end) {
                Line::Delimiter => {}
                Line::Other(name) if shape.boundaries.iter().any(|b| b == name) => shape.is_crossed = true,
                Line::Other(_) | Line::None => shape.is_ambiguous = true,
            }
            is_closed = content.get(end..).is_some_and(|rest| rest.starts_with(b"--"));
            // Closed before it was opened.
            shape.is_ambiguous |= is_closed && last.is_none();
            last = Some(at);
            sections.push(end);
        }
        for (start, of) in &containers.multiparts {
            // Looked for to the end and not found.
            if of == boundary && last.is_none_or(|last| last < *start) {
                spend(&mut budget.cost, content.len(), "work")?;
            }
        }
    }
    headers(content, &sections, &containers, budget)?;
    Ok(shape)
}

/// What a place where a boundary was found is to a reader of lines.
enum Line<'c> {
    Delimiter,
    /// Of a longer boundary.
    Other(&'c [u8]),
    None,
}

/// Looks at the line around the delimiter from `at` to `end`.
fn line(content: &[u8], at: usize, end: usize) -> Line<'_> {
    if at > 0 && content.get(at - 1) != Some(&b'\n') {
        return Line::None;
    }
    let line = |from: usize| {
        let rest = content.get(from..).unwrap_or_default();
        let rest = rest.get(..LINE_BYTES_MAX).unwrap_or(rest);
        rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default().trim_ascii_end()
    };
    match line(end) {
        b"" | b"--" => Line::Delimiter,
        _ => {
            let name = line(at + 2);
            Line::Other(name.strip_suffix(b"--").unwrap_or(name))
        }
    }
}

fn spend(left: &mut usize, amount: usize, what: &'static str) -> Result<(), Exceeded> {
    *left = left.checked_sub(amount).ok_or(Exceeded(what))?;
    Ok(())
}

/// Finds every place at which a multipart or a nested message may begin.
fn containers(content: &[u8], budget: &mut Budget) -> Result<Containers, Exceeded> {
    let mut found = Containers::default();
    let mut candidates = 0;
    for at in memchr2_iter(b'm', b'M', content) {
        let rest = content.get(at..).unwrap_or_default();
        if let Some(behind) = strip_word(rest, b"multipart") {
            if !matches!(
                behind.first(),
                None | Some(b'/' | b';' | b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'"' | b'(')
            ) {
                continue;
            }
            candidates += 1;
            if candidates > budget.parts {
                return Err(Exceeded("multiparts"));
            }
            if let Some(multipart) = multipart(rest, budget)? {
                found.has_digest |= multipart.is_digest;
                let boundary = multipart.boundary;
                found.multiparts.extend(boundary.map(|boundary| (at + b"multipart".len(), boundary)));
            }
        } else if let Some(behind) = strip_word(rest, b"message")
            && may_be_message(behind)
        {
            found.messages.push(at);
            if found.messages.len() > budget.parts {
                return Err(Exceeded("nested messages"));
            }
        }
    }
    Ok(found)
}

/// What is behind `word` at the start of `bytes`, compared without case.
fn strip_word<'a>(bytes: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// What mail-parser reads from a header's value whose type begins here; `None` when that is no multipart.
fn multipart(value: &[u8], budget: &mut Budget) -> Result<Option<Multipart>, Exceeded> {
    let window = value.get(..CONTENT_TYPE_BYTES_MAX).unwrap_or(value);
    let mut stream = MessageStream::new(window);
    let header = stream.parse_content_type();
    // Its parameters are compared with each other.
    let length = stream.offset();
    spend(&mut budget.cost, length * length / 16, "work")?;
    if length == window.len() && window.len() < value.len() {
        return Err(Exceeded("length of a content type"));
    }
    let Some(content_type) = header.as_content_type().filter(|t| t.ctype() == "multipart") else {
        return Ok(None);
    };
    let boundary = content_type.attribute("boundary").filter(|b| !b.is_empty());
    Ok(Some(Multipart {
        boundary: boundary.map(|boundary| boundary.as_bytes().to_vec()),
        is_digest: content_type.subtype() == Some("digest"),
    }))
}

/// Whether `/rfc822` or `/global` follows, with blanks, folds, comments and stray quoting in between.
fn may_be_message(behind: &[u8]) -> bool {
    let window = behind.get(..SUBTYPE_DISTANCE_MAX).unwrap_or(behind);
    let is_cut = window.len() < behind.len();
    let Some(rest) = skip_filler(window) else {
        return is_cut;
    };
    let Some(subtype) = rest.strip_prefix(b"/") else {
        return rest.is_empty() && is_cut;
    };
    let Some(rest) = skip_filler(subtype) else {
        return is_cut;
    };
    strip_word(rest, b"rfc822").is_some()
        || strip_word(rest, b"global").is_some()
        || (is_cut && rest.len() < b"rfc822".len())
}

/// Skips what mail-parser skips before and behind a type; `None` inside a comment without end.
fn skip_filler(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        match bytes {
            [b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'"', rest @ ..] => bytes = rest,
            [b'(', rest @ ..] => {
                let end = rest.iter().position(|byte| *byte == b')')?;
                bytes = rest.get(end + 1..).unwrap_or_default();
            }
            _ => return Some(bytes),
        }
    }
}

/// Bounds all header sections together: at the start, behind every delimiter, and of every nested message.
fn headers(
    content: &[u8],
    sections: &[usize],
    containers: &Containers,
    budget: &mut Budget,
) -> Result<(), Exceeded> {
    let mut take = |start: usize| {
        let end = section_end(content, start, budget.header_bytes)?;
        let section = content.get(start..end).unwrap_or_default();
        spend(&mut budget.header_bytes, section.len(), "header bytes")?;
        let lines = memchr::memchr_iter(b'\n', section).count();
        spend(&mut budget.header_lines, lines, "header lines")?;
        content_types(section, budget)?;
        Ok(end)
    };
    for start in sections {
        let end = take(*start)?;
        if containers.has_digest {
            // A digest's part may be a message without saying so.
            take(end)?;
        }
    }
    for at in &containers.messages {
        let end = take(*at)?;
        take(end)?;
    }
    Ok(())
}

/// Bounds every field of `section` that mail-parser takes for a Content-Type; it ignores blanks within the name.
fn content_types(section: &[u8], budget: &mut Budget) -> Result<(), Exceeded> {
    let starts = memchr::memchr_iter(b'\n', section).map(|at| at + 1);
    for start in std::iter::once(0).chain(starts) {
        let field = section.get(start..).unwrap_or_default();
        let mut name = field.iter().filter(|byte| !byte.is_ascii_whitespace() || **byte == b'\n');
        let is_content_type = b"content-type:"
            .iter()
            .all(|wanted| name.next().is_some_and(|byte| byte.to_ascii_lowercase() == *wanted));
        if !is_content_type {
            continue;
        }
        let window = field.get(..CONTENT_TYPE_BYTES_MAX).unwrap_or(field);
        let end = memchr::memchr_iter(b'\n', window)
            .find(|at| !matches!(field.get(at + 1), Some(b' ' | b'\t')))
            .unwrap_or(window.len());
        if end == CONTENT_TYPE_BYTES_MAX {
            return Err(Exceeded("length of a content type"));
        }
        spend(&mut budget.cost, end * end / 16, "work")?;
    }
    Ok(())
}

/// Behind the empty line that ends the header section at `start`, which may hold `left` bytes.
fn section_end(content: &[u8], start: usize, left: usize) -> Result<usize, Exceeded> {
    let rest = content.get(start..).unwrap_or_default();
    let window = rest.get(..left.saturating_add(4)).unwrap_or(rest);
    let empty = [&b"\n\r\n"[..], b"\n\n"]
        .iter()
        .filter_map(|line| Some(memmem::find(window, line)? + line.len()))
        .min();
    match empty {
        Some(end) => Ok(start + end),
        None if window.len() < rest.len() => Err(Exceeded("header bytes")),
        None => Ok(content.len()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
