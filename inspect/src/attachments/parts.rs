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
use crate::banned::Node;

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
        places: vec![(Node::default(), 0)],
    };
    if content.len() > rules.limits.content_bytes_max {
        walk.over_limit("content bytes");
        return walk.found;
    }
    walk.message(content, 0, 0);
    while let Some((content, depth, place)) = walk.waiting.pop() {
        walk.message(&content, depth, place);
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
    /// Decoded nested messages, their depth and their place.
    waiting: Vec<(Vec<u8>, usize, usize)>,
    /// Everything that was judged and the index of what it is in; the first is the mail itself.
    places: Vec<(Node, usize)>,
}

/// A part among others.
struct Site {
    depth: usize,
    /// The index of the place that it is in.
    parent: usize,
    /// Counted from 1.
    position: usize,
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
    fn message(&mut self, content: &[u8], depth: usize, place: usize) {
        let shape = match guard::check(content, &mut self.budget) {
            Ok(shape) => shape,
            Err(Exceeded(limit)) => return self.over_limit(limit),
        };
        let Some(message) = self.parser.parse(content) else {
            return;
        };
        let mut is_ambiguous = shape.is_ambiguous;
        let mut seen = Seen::default();
        let mut waiting = vec![(&message, depth, place)];
        while let Some((message, depth, place)) = waiting.pop() {
            let mut sites: Vec<Option<Site>> = message.parts.iter().map(|_| None).collect();
            for (index, part) in message.parts.iter().enumerate() {
                let site = sites.get_mut(index).and_then(Option::take);
                let site = site.unwrap_or(Site { depth, parent: place, position: 1 });
                let depth = site.depth;
                if depth > self.rules.limits.depth_max {
                    self.over_limit("depth");
                }
                let place = self.places.len();
                is_ambiguous |= self.part(content, part, &site, &shape);
                seen.add(part);
                match &part.body {
                    PartType::Multipart(children) => {
                        for (child, position) in children.iter().zip(1..) {
                            if let Some(slot) = sites.get_mut(*child as usize) {
                                *slot = Some(Site { depth: depth + 1, parent: place, position });
                            }
                        }
                    }
                    PartType::Message(nested) => waiting.push((nested, depth + 1, place)),
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
    fn part(&mut self, content: &[u8], part: &MessagePart<'_>, site: &Site, shape: &Shape) -> bool {
        let headers = headers(content, part);
        if headers.is_over_limit {
            self.over_limit("header parameters");
        }
        let range = part.offset_body as usize..(part.offset_end as usize).min(content.len());
        let body = content.get(range).unwrap_or_default();
        let is_multipart = headers.kinds.iter().any(|kind| kind.starts_with("multipart/"));
        let is_container = matches!(part.body, PartType::Multipart(_) | PartType::Message(_));
        let start = if is_container { None } else { Some(body.get(..ENCODED_PREFIX_BYTES).unwrap_or(body)) };
        let views: Vec<Cow<'_, [u8]>> =
            start.map(|start| views(start, &headers, PREFIX_BYTES)).unwrap_or_default();
        let place = self.judge(&headers, &views, site);
        if matches!(part.body, PartType::Message(_)) || headers.kinds.iter().any(|kind| is_message(kind)) {
            self.encoded_message(content, part.offset_body as usize, &headers, (site.depth, place), shape);
        }
        // A multipart whose boundary never comes is read as text by some and guessed at by others.
        headers.is_ambiguous || (is_multipart && !is_container && !body.trim_ascii().is_empty())
    }

    /// Judges a part by its headers and the readings of its content. Gives the index of its place.
    fn judge(&mut self, headers: &Headers, views: &[Cow<'_, [u8]>], site: &Site) -> usize {
        let looks: Vec<Vec<&str>> = views.iter().map(|view| signatures::labels(view)).collect();
        let mut types: Vec<String> = Vec::new();
        for label in looks.iter().flatten() {
            if !types.iter().any(|known| known == label) {
                types.push((*label).to_owned());
            }
        }
        let level = self.places.get(site.parent).map_or(0, |(node, _)| node.level) + 1;
        let node = Node {
            level,
            position: site.position,
            number: self.places.len(),
            mime_types: headers.kinds.iter().filter(|kind| !kind.is_empty()).cloned().collect(),
            types,
            names: headers.names.iter().map(|name| name.as_bytes().to_vec()).collect(),
            ..Node::default()
        };
        self.places.push((node, site.parent));
        let place = self.places.len() - 1;
        if let Some(hit) = self.rules.banned.judge(None, &self.path(place))
            && hit.level == level
        {
            let typed = looks.iter().zip(views).find(|(labels, _)| !labels.is_empty());
            let words = typed.filter(|_| hit.wants_words).map(|(_, view)| signatures::readable(view));
            let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
            self.banned(format!("{}{words}", hit.shown));
        }
        place
    }

    /// From the mail down.
    fn path(&self, place: usize) -> Vec<&Node> {
        let mut path = Vec::new();
        let mut at = place;
        while let Some((node, parent)) = self.places.get(at) {
            path.push(node);
            if at == *parent {
                break;
            }
            at = *parent;
        }
        path.reverse();
        path
    }

    /// Decodes a nested message that is encoded, against RFC 2045 section 6.4, but clients show it.
    fn encoded_message(
        &mut self,
        content: &[u8],
        start: usize,
        headers: &Headers,
        (depth, place): (usize, usize),
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
            self.waiting.push((decoded, depth + 1, place));
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
            let names = header::declared(field(line)).names.into_iter().collect();
            self.judge(
                &Headers { names, ..Headers::default() },
                &[],
                &Site { depth: 0, parent: 0, position: 0 },
            );
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
