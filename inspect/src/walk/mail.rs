//! Reads a mail: every part at every depth, what is between them, and a second time where readers may disagree.
//!
//! mail-parser finds where parts begin and end, once the guard has bounded what it can be made to do. It is told not to
//! decode anything: transfer encodings are undone here, in every reading. Nested messages in plain text are read in
//! place; those that are encoded, and the further ones of an mbox, wait to pass the guard like a mail of their own.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::Walk;
use super::guess::{self, Guess};
use super::headers::{Headers, block, part_field};
use super::leaf::Site;
use super::look;
use super::place::Place;
use super::queue::Opening;
use crate::attachments::guard::{self, Exceeded, Shape};
use crate::attachments::lost::Seen;
use crate::attachments::signatures;

/// Most boundaries that only some readers use and that are looked for.
const BOUNDARIES_MAX: usize = 64;

/// How the first line of each mail in an mbox begins.
const MBOX_FROM: &[u8] = b"From ";

/// What is learned of a mail while its parts are read.
struct Reading<'c> {
    content: &'c [u8],
    shape: Shape,
    /// What mail-parser took for headers or bodies.
    covered: Vec<Range<usize>>,
    /// Boundaries that it used, and all that it may have used.
    used: BTreeSet<String>,
    declared: BTreeSet<String>,
    is_ambiguous: bool,
    needs_guess: bool,
}

impl Walk<'_> {
    /// Reads the mail that stands at `place`.
    pub(super) fn mail(&mut self, content: &[u8], place: &Rc<Place>) {
        self.further_mails(content, place);
        let shape = match guard::check(content, &mut self.budget) {
            Ok(shape) => shape,
            Err(Exceeded(limit)) => return self.findings.over_limit(limit),
        };
        let Some(message) = self.parser.parse(content) else {
            return self.leaf(&Site::within(place), &Headers::default(), content);
        };
        let mut reading = Reading {
            content,
            is_ambiguous: shape.is_ambiguous,
            needs_guess: shape.is_crossed,
            shape,
            covered: Vec::new(),
            used: BTreeSet::new(),
            declared: BTreeSet::new(),
        };
        let mut seen = Seen::default();
        self.parts(&message, place, &mut reading, &mut seen);
        self.subject(content, &message);
        reading.is_ambiguous |= seen.has_lost_parts(content);
        self.other_boundaries(&mut reading);
        self.leftovers(place, &mut reading);
        if reading.is_ambiguous {
            self.findings.ambiguous("its parts can be read in more than one way");
        }
        if reading.is_ambiguous || reading.needs_guess {
            self.guessed(content, place);
        }
    }

    /// Where it is an mbox, the mails behind the first wait to be read like mails of their own.
    fn further_mails(&mut self, content: &[u8], place: &Rc<Place>) {
        if !content.starts_with(MBOX_FROM) {
            return;
        }
        let max = self.budget.parts;
        let mut starts = memchr::memmem::find_iter(content, b"\nFrom ").map(|at| at + 1).peekable();
        for _ in 0..max {
            let Some(start) = starts.next() else { return };
            let end = starts.peek().copied().unwrap_or(content.len());
            let mail = content.get(start..end).unwrap_or_default();
            let first_line = memchr::memchr(b'\n', mail).map_or(mail.len(), |at| at + 1);
            self.open_later(mail.get(first_line..).unwrap_or_default(), Opening::Mail, place);
        }
        if starts.next().is_some() {
            self.findings.over_limit("parts");
        }
    }

    fn parts<'m>(
        &mut self,
        message: &'m Message<'_>,
        place: &Rc<Place>,
        reading: &mut Reading<'_>,
        seen: &mut Seen<'m>,
    ) {
        // A nested message's parts are one deeper than the part that it is; the mail's are as deep as the mail.
        let depth = if place.node.level == 0 { 0 } else { place.depth + 1 };
        let is_hidden = place.node.level == 0 && !look::is_known_as_mail(reading.content);
        let mut waiting = vec![(message, Site { parent: Rc::clone(place), depth, position: 1, is_hidden })];
        while let Some((message, root)) = waiting.pop() {
            let mut sites: Vec<Option<Site>> = vec![None; message.parts.len()];
            for (index, part) in message.parts.iter().enumerate() {
                seen.add(part);
                let site = sites.get_mut(index).and_then(Option::take).unwrap_or_else(|| root.clone());
                if site.depth > self.inspection.limits.depth_max {
                    self.findings.over_limit("depth");
                    continue;
                }
                let Some(below) = self.part(part, &site, reading) else { continue };
                match &part.body {
                    PartType::Multipart(children) => {
                        for (child, position) in children.iter().zip(1..) {
                            if let Some(slot) = sites.get_mut(*child as usize) {
                                *slot = Some(Site { position, ..below.clone() });
                            }
                        }
                    }
                    PartType::Message(nested) => waiting.push((nested, below)),
                    PartType::Text(_)
                    | PartType::Html(_)
                    | PartType::Binary(_)
                    | PartType::InlineBinary(_) => {}
                }
            }
        }
    }

    /// Judges one part. Gives where the first part in it is, where there are some.
    fn part(&mut self, part: &MessagePart<'_>, site: &Site, reading: &mut Reading<'_>) -> Option<Site> {
        let content = reading.content;
        let headers = Headers::of(content, part);
        let (header, start, end) =
            (part.offset_header as usize, part.offset_body as usize, part.offset_end as usize);
        reading.covered.push(header..start);
        reading.is_ambiguous |= headers.is_ambiguous || guess::has_doubtful_end(block(content, part));
        reading.declared.extend(headers.boundaries.iter().cloned());
        let body = content.get(start..end.min(content.len())).unwrap_or_default();
        match &part.body {
            PartType::Multipart(_) => {
                let boundary = part.content_type().and_then(|kind| kind.attribute("boundary"));
                reading.used.extend(boundary.map(str::to_owned));
                let place = self.place(site, &headers, &[], &[]);
                if headers.is_encoded() || headers.is_ambiguous {
                    self.multipart_as_a_whole(reading, start, &headers, &place);
                }
                self.between_other_boundaries(reading, start, &headers, boundary, &place);
                self.as_text(&place, body);
                Some(site.below(place, !headers.is_usual_multipart()))
            }
            PartType::Message(_) => {
                let place = self.place(site, &headers, &[], &[]);
                self.encoded_message(reading, start, &headers, &place);
                self.as_text(&place, body);
                Some(site.below(place, !headers.is_usual_message()))
            }
            PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_) => {
                reading.covered.push(start..end);
                if headers.is_multipart() {
                    // One whose boundary never comes is read as text by some and guessed at by others.
                    reading.is_ambiguous |= !body.trim_ascii().is_empty();
                    let place = self.place(site, &headers, &[], &[]);
                    let judged = self.multipart_as_a_whole(reading, start, &headers, &place);
                    self.between_other_boundaries(reading, start, &headers, None, &place);
                    // For who does not know its type it is text to its end.
                    if judged != body.len() {
                        self.leaf(&Site::within(&place), &Headers::default(), body);
                    }
                } else {
                    self.leaf(site, &headers, body);
                }
                None
            }
        }
    }

    /// For who cannot read its type a multipart or message is one text to its end. What tells what that is may stand behind a
    /// delimiter.
    fn as_text(&mut self, place: &Rc<Place>, body: &[u8]) {
        if !body.is_empty() && !signatures::labels(body).is_empty() {
            self.leaf(&Site::within(place), &Headers::default(), body);
        }
    }

    /// Some decode a multipart before they look for its parts, and some do not see that it is one. Gives how many bytes of
    /// it were judged.
    fn multipart_as_a_whole(
        &mut self,
        reading: &Reading<'_>,
        start: usize,
        headers: &Headers,
        place: &Rc<Place>,
    ) -> usize {
        let Some(body) = self.rest_of_part(reading, start, headers) else { return 0 };
        let Some(views) = self.decoded(body, headers) else { return 0 };
        for view in views {
            if let Cow::Owned(decoded) = &view {
                self.feed(decoded, true);
                for kind in &headers.raw_kinds {
                    let mail = [b"Content-Type: ", kind.as_slice(), b"\r\n\r\n", decoded].concat();
                    self.open_later(mail, Opening::Mail, place);
                }
            }
            self.leaf(&Site::within(place), &Headers::default(), &view);
        }
        body.len()
    }

    /// Reads a multipart once more for each boundary that is declared and that mail-parser did not use: what stands
    /// there without headers of its own is a part only for those who use it, and is not guessed.
    fn between_other_boundaries(
        &mut self,
        reading: &Reading<'_>,
        start: usize,
        headers: &Headers,
        used: Option<&str>,
        place: &Rc<Place>,
    ) {
        let others = headers.boundaries.iter().filter(|boundary| Some(boundary.as_str()) != used);
        let others: Vec<&String> = others.take(BOUNDARIES_MAX).collect();
        if others.is_empty() {
            return;
        }
        let Some(body) = self.rest_of_part(reading, start, headers) else { return };
        if let Err(Exceeded(limit)) = self.budget.search(body.len(), others.len()) {
            return self.findings.over_limit(limit);
        }
        for boundary in others {
            let delimiter = format!("--{boundary}");
            if memchr::memmem::find(body, delimiter.as_bytes()).is_none() {
                continue;
            }
            let subtype = if headers.kinds.contains("multipart/digest") { "digest" } else { "mixed" };
            let boundary = boundary.replace('\\', r"\\").replace('"', "\\\"");
            let head = format!("Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\r\n\r\n");
            self.open_later([head.as_bytes(), body].concat(), Opening::Mail, place);
        }
    }

    /// Decodes a nested message that is encoded, against RFC 2045 section 6.4, but clients show it.
    fn encoded_message(&mut self, reading: &Reading<'_>, start: usize, headers: &Headers, place: &Rc<Place>) {
        if !headers.is_encoded() {
            return;
        }
        let Some(body) = self.rest_of_part(reading, start, headers) else { return };
        for view in self.decoded(body, headers).into_iter().flatten() {
            if let Cow::Owned(decoded) = view {
                self.feed(&decoded, true);
                // It may be something else than it says.
                self.leaf(&Site::within(place), &Headers::default(), &decoded);
                self.open_later(decoded, Opening::Mail, place);
            }
        }
    }

    /// Looks for parts between boundaries that mail-parser did not use and others may.
    fn other_boundaries(&mut self, reading: &mut Reading<'_>) {
        let others: Vec<&String> = reading.declared.difference(&reading.used).collect();
        if others.len() > BOUNDARIES_MAX {
            self.findings.over_limit("boundaries");
        }
        let is_there = others.iter().take(BOUNDARIES_MAX).any(|other| {
            let delimiter = [b"\n--", other.as_bytes()].concat();
            memchr::memmem::find_iter(reading.content, &delimiter).any(|at| {
                let rest = reading.content.get(at + delimiter.len()..).unwrap_or_default();
                let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
                matches!(line.trim_ascii(), b"" | b"--")
            })
        });
        reading.is_ambiguous |= is_there;
    }

    /// What is in no part: before the first one, behind the last, and where mail-parser gave up.
    fn leftovers(&mut self, place: &Rc<Place>, reading: &mut Reading<'_>) {
        let end = reading.content.len();
        reading.covered.push(end..end);
        reading.covered.sort_by_key(|range| (range.start, range.end));
        let mut start = 0;
        for range in std::mem::take(&mut reading.covered) {
            let gap = reading.content.get(start..range.start).unwrap_or_default().trim_ascii();
            start = start.max(range.end);
            // Most are one delimiter.
            if gap.is_empty() || (gap.starts_with(b"--") && memchr::memchr(b'\n', gap).is_none()) {
                continue;
            }
            let has_headers = super::headers::line_starts(gap)
                .any(|at| part_field(gap.get(at..).unwrap_or_default()).is_some());
            reading.needs_guess |= has_headers;
            let text = without_delimiters(gap, &reading.shape.boundaries);
            self.leaf(&Site::within(place), &Headers::default(), text);
        }
    }

    /// Where readers may disagree about the parts, everything that looks like one counts.
    fn guessed(&mut self, content: &[u8], place: &Rc<Place>) {
        let (guesses, is_cut) = guess::guess(content);
        if is_cut {
            self.findings.over_limit("header lines");
        }
        for Guess { block, short, long } in guesses {
            let headers = Headers::read(content.get(block).unwrap_or_default());
            let mut bodies = vec![short, long];
            bodies.dedup();
            for body in bodies {
                self.leaf(&Site::within(place), &headers, content.get(body).unwrap_or_default());
            }
        }
    }

    /// Its words may be passwords.
    fn subject(&mut self, content: &[u8], message: &Message<'_>) {
        let Some(root) = message.parts.first() else { return };
        let block = block(content, root);
        for at in super::headers::line_starts(block) {
            let line = block.get(at..).unwrap_or_default();
            if line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"subject:")) {
                let value = line.get(8..).unwrap_or_default();
                let value = value.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let decoded = crate::attachments::decode::encoded_words(value);
                let text = decoded.unwrap_or_else(|| String::from_utf8_lossy(value).into_owned());
                return self.texts.add(text.as_bytes(), "", false);
            }
        }
    }

    /// The body from `start` to the next delimiter that is not its own. mail-parser took an encoded one for plain text,
    /// and may have run past its end.
    fn rest_of_part<'c>(
        &mut self,
        reading: &Reading<'c>,
        start: usize,
        headers: &Headers,
    ) -> Option<&'c [u8]> {
        let rest = reading.content.get(start..).unwrap_or_default();
        let boundaries = &reading.shape.boundaries;
        if let Err(Exceeded(limit)) = self.budget.search(rest.len(), boundaries.len()) {
            self.findings.over_limit(limit);
            return None;
        }
        let foreign = boundaries.iter().filter(|boundary| {
            let name = std::str::from_utf8(boundary).unwrap_or_default();
            !headers.boundaries.contains(name)
        });
        let ends = foreign.filter_map(|boundary| {
            let delimiter = [b"\n--", boundary.as_slice()].concat();
            memchr::memmem::find(rest, &delimiter)
        });
        rest.get(..ends.min().unwrap_or(rest.len()))
    }
}

/// What stands between parts, without the delimiters at its ends: so the same text is the same content in every mail.
fn without_delimiters<'c>(gap: &'c [u8], boundaries: &[Vec<u8>]) -> &'c [u8] {
    let is_delimiter = |line: &[u8]| {
        let name = line.trim_ascii_end().strip_prefix(b"--");
        name.is_some_and(|name| {
            let name = name.strip_suffix(b"--").unwrap_or(name);
            boundaries.iter().any(|boundary| boundary == name)
        })
    };
    let mut text = gap;
    if let Some(end) = memchr::memchr(b'\n', text)
        && let Some((first, rest)) = text.split_at_checked(end + 1)
        && is_delimiter(first)
    {
        text = rest;
    }
    if let Some(start) = memchr::memrchr(b'\n', text)
        && let Some((rest, last)) = text.split_at_checked(start + 1)
        && is_delimiter(last)
    {
        text = rest;
    }
    text.trim_ascii()
}
