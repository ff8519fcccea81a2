//! Walks all parts of a mail, in nested messages too, and judges what each declares and what it is.
//!
//! mail-parser finds where parts begin and end. It is told not to decode anything: transfer encodings are undone here,
//! for the few bytes that tell a type, and for nested messages that are encoded, which then pass the guard like a mail
//! of their own. No recursion: messages that wait are a list.

use std::borrow::Cow;
use std::collections::BTreeSet;

use mail_parser::{HeaderName, MessageParser, MessagePart, PartType};

use proto::{Category, Unchecked};

use super::guard::{self, Budget, Exceeded, Shape};
use super::header::{self, Declared};
use super::lost::Seen;
use super::rules::Rules;
use super::signatures::{self, PREFIX_BYTES};
use super::{Found, decode};

/// Most lines that are taken for headers where readers may disagree.
const GUESSED_HEADERS_MAX: usize = 10_000;
/// Most findings that are kept of one mail.
const FINDINGS_MAX: usize = 16;
/// Most bytes of a part that are decoded to see what it is; encodings take up to three bytes for one.
const ENCODED_PREFIX_BYTES: usize = 3 * PREFIX_BYTES;

/// What is found in `content`.
pub(super) fn inspect(content: &[u8], rules: &Rules) -> Vec<Found> {
    let mut walk = Walk {
        rules,
        parser: parser(),
        budget: Budget::new(&rules.limits, content.len()),
        found: Vec::new(),
        waiting: Vec::new(),
    };
    if content.len() > rules.limits.content_bytes_max {
        walk.over_limit("content bytes");
        return walk.found;
    }
    walk.message(content, 0);
    while let Some((content, depth)) = walk.waiting.pop() {
        walk.message(&content, depth);
    }
    walk.found
}

/// Reads the headers that decide where parts are, and decodes nothing.
pub(super) fn parser() -> MessageParser {
    MessageParser::new().default_header_ignore().header_content_type(HeaderName::ContentType)
}

struct Walk<'r> {
    rules: &'r Rules,
    parser: MessageParser,
    budget: Budget,
    found: Vec<Found>,
    /// Decoded nested messages and their depth.
    waiting: Vec<(Vec<u8>, usize)>,
}

/// What the headers of one part say.
#[derive(Default)]
struct Headers {
    names: BTreeSet<String>,
    kinds: BTreeSet<String>,
    encodings: BTreeSet<String>,
    is_ambiguous: bool,
    is_over_limit: bool,
}

impl Walk<'_> {
    fn message(&mut self, content: &[u8], depth: usize) {
        let shape = match guard::check(content, &mut self.budget) {
            Ok(shape) => shape,
            Err(Exceeded(limit)) => return self.over_limit(limit),
        };
        let Some(message) = self.parser.parse(content) else {
            return;
        };
        let mut is_ambiguous = shape.is_ambiguous;
        let mut seen = Seen::default();
        let mut waiting = vec![(&message, depth)];
        while let Some((message, depth)) = waiting.pop() {
            let mut depths = vec![depth; message.parts.len()];
            for (index, part) in message.parts.iter().enumerate() {
                let depth = depths.get(index).copied().unwrap_or(depth);
                if depth > self.rules.limits.depth_max {
                    self.over_limit("depth");
                }
                is_ambiguous |= self.part(content, part, depth, &shape);
                seen.add(part);
                match &part.body {
                    PartType::Multipart(children) => {
                        for child in children {
                            if let Some(slot) = depths.get_mut(*child as usize) {
                                *slot = depth + 1;
                            }
                        }
                    }
                    PartType::Message(nested) => waiting.push((nested, depth + 1)),
                    PartType::Text(_)
                    | PartType::Html(_)
                    | PartType::Binary(_)
                    | PartType::InlineBinary(_) => {}
                }
            }
        }
        if is_ambiguous || seen.has_lost_parts(content) {
            self.ambiguous(content);
        }
    }

    /// Judges one part; tells whether another reader may see it otherwise.
    fn part(&mut self, content: &[u8], part: &MessagePart<'_>, depth: usize, shape: &Shape) -> bool {
        let headers = headers(content, part);
        if headers.is_over_limit {
            self.over_limit("header parameters");
        }
        for name in &headers.names {
            self.name(name);
        }
        let name = headers.names.iter().find(|name| !name.is_empty());
        let suffix = name.map(|name| format!(": {name}")).unwrap_or_default();
        for kind in &headers.kinds {
            if self.rules.bans_mime_type(kind) {
                self.banned(format!("{kind}{suffix}"));
            }
        }
        let range = part.offset_body as usize..(part.offset_end as usize).min(content.len());
        let body = content.get(range).unwrap_or_default();
        let is_multipart = headers.kinds.iter().any(|kind| kind.starts_with("multipart/"));
        match &part.body {
            PartType::Multipart(_) => return headers.is_ambiguous,
            PartType::Message(_) => {
                self.encoded_message(content, part.offset_body as usize, &headers, depth, shape);
                return headers.is_ambiguous;
            }
            PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_) => {}
        }
        if headers.kinds.iter().any(|kind| is_message(kind)) {
            self.encoded_message(content, part.offset_body as usize, &headers, depth, shape);
        }
        self.content(body, &headers, &suffix);
        // A multipart whose boundary never comes is read as text by some and guessed at by others.
        headers.is_ambiguous || (is_multipart && !body.trim_ascii().is_empty())
    }

    /// Judges the type of a part by its content, in every reading of its encoding.
    fn content(&mut self, body: &[u8], headers: &Headers, suffix: &str) {
        let start = body.get(..ENCODED_PREFIX_BYTES).unwrap_or(body);
        for view in views(start, headers, PREFIX_BYTES) {
            if let Some(types) = self.rules.types(&signatures::labels(&view)) {
                let readable = match suffix {
                    "" => format!(" ({})", signatures::readable(&view)),
                    _ => String::new(),
                };
                return self.banned(format!("{types}{readable}{suffix}"));
            }
        }
    }

    /// Decodes a nested message that is encoded, against RFC 2045 section 6.4, but clients show it.
    fn encoded_message(
        &mut self,
        content: &[u8],
        start: usize,
        headers: &Headers,
        depth: usize,
        shape: &Shape,
    ) {
        if !headers.encodings.iter().any(|encoding| is_encoded(encoding)) {
            return;
        }
        // mail-parser took it for a message in plain text, and may have run past its end.
        let rest = content.get(start..).unwrap_or_default();
        let ends = shape.boundaries.iter().filter_map(|boundary| {
            let delimiter = [b"\n--", boundary.as_slice()].concat();
            memchr::memmem::find(rest, &delimiter)
        });
        let body = rest.get(..ends.min().unwrap_or(rest.len())).unwrap_or(rest);
        for view in views(body, headers, self.budget.decoded_bytes.saturating_add(1)) {
            let Cow::Owned(decoded) = view else { continue };
            match self.budget.decoded_bytes.checked_sub(decoded.len()) {
                Some(left) => self.budget.decoded_bytes = left,
                None => return self.over_limit("decoded bytes"),
            }
            if depth >= self.rules.limits.depth_max {
                return self.over_limit("depth");
            }
            self.waiting.push((decoded, depth + 1));
        }
    }

    /// Where readers may disagree about the parts, every line that looks like a part's header counts.
    fn ambiguous(&mut self, content: &[u8]) {
        self.add(Found::new(
            Category::Unchecked(Unchecked::Ambiguous),
            "its parts can be read in more than one way",
        ));
        let mut headers = 0;
        for start in memchr::memchr_iter(b'\n', content).map(|at| at + 1) {
            let line = content.get(start..).unwrap_or_default();
            if !is_part_header(line) {
                continue;
            }
            headers += 1;
            if headers > GUESSED_HEADERS_MAX {
                return self.over_limit("header lines");
            }
            for name in header::declared(field(line)).names {
                self.name(&name);
            }
        }
    }

    fn name(&mut self, name: &str) {
        if let Some(extension) = self.rules.name(name) {
            self.banned(format!("{extension}: {name}"));
        }
    }

    fn banned(&mut self, name: String) {
        self.add(Found::new(Category::Banned, name));
    }

    fn over_limit(&mut self, limit: &str) {
        self.add(Found::new(
            Category::Unchecked(Unchecked::OverLimit),
            format!("beyond the limit of {limit}"),
        ));
    }

    fn add(&mut self, found: Found) {
        if !self.found.contains(&found) && self.found.len() < FINDINGS_MAX {
            self.found.push(found);
        }
    }
}

/// Reads every header of the part that declares something.
fn headers(content: &[u8], part: &MessagePart<'_>) -> Headers {
    let mut headers = Headers::default();
    let mut first_type = None;
    for field in &part.headers {
        let range = field.offset_start as usize..field.offset_end as usize;
        let raw = content.get(range).unwrap_or_default();
        match &field.name {
            HeaderName::ContentType => {
                let Declared { kind, names, is_ambiguous, is_over_limit } = header::declared(raw);
                headers.is_ambiguous |= is_ambiguous;
                headers.is_over_limit |= is_over_limit;
                headers.names.extend(names);
                headers.is_ambiguous |= first_type.is_some_and(|first: &[u8]| first != raw.trim_ascii());
                first_type.get_or_insert(raw.trim_ascii());
                headers.kinds.insert(kind);
                if let Some(parsed) = field.value.as_content_type() {
                    let names = ["name", "filename"].map(|key| parsed.attribute(key));
                    headers.names.extend(names.into_iter().flatten().map(str::to_owned));
                }
            }
            HeaderName::ContentDisposition => {
                let declared = header::declared(raw);
                headers.is_over_limit |= declared.is_over_limit;
                headers.names.extend(declared.names);
            }
            HeaderName::ContentTransferEncoding => {
                let encoding = header::declared(raw).kind;
                headers.is_ambiguous |=
                    !headers.encodings.is_empty() && !headers.encodings.contains(&encoding);
                headers.encodings.insert(encoding);
            }
            _ => {}
        }
    }
    headers
}

fn is_part_header(line: &[u8]) -> bool {
    [&b"content-type"[..], b"content-disposition"]
        .iter()
        .any(|name| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

/// A header field from its name to the end of its last fold, at most 16 KiB.
fn field(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.get(..16 * 1024).unwrap_or(bytes);
    let end = memchr::memchr_iter(b'\n', bytes)
        .find(|at| !matches!(bytes.get(at + 1), Some(b' ' | b'\t')))
        .unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

fn is_message(kind: &str) -> bool {
    kind == "message/rfc822" || kind == "message/global"
}

fn is_encoded(encoding: &str) -> bool {
    !matches!(encoding, "7bit" | "8bit" | "binary" | "")
}

/// `body` as it is, and as each declared encoding reads it; an unknown encoding may be any.
fn views<'b>(body: &'b [u8], headers: &Headers, bytes_max: usize) -> Vec<Cow<'b, [u8]>> {
    let mut views = vec![Cow::Borrowed(body)];
    for encoding in headers.encodings.iter().filter(|encoding| is_encoded(encoding)) {
        if encoding != "quoted-printable" {
            views.push(Cow::Owned(decode::base64(body, bytes_max)));
            let strict = decode::base64_to_padding(body, bytes_max);
            if views.last().is_some_and(|lenient| **lenient != *strict) {
                views.push(Cow::Owned(strict));
            }
        }
        if encoding != "base64" {
            views.push(Cow::Owned(decode::quoted_printable(body, bytes_max)));
        }
    }
    views
}
