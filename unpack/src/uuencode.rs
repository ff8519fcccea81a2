//! uuencode in text: every block from `begin 644 name` to `end`, and its younger form `begin-base64`.
//!
//! Decoders differ in what they forgive, so a line that does not fit is passed over and told as damage, not taken for
//! the end. Lines with something behind their data are read, and in a second reading passed over. Absent: mails split
//! over several blocks.

use memchr::{memchr, memmem};

use crate::bytes::tail;
use crate::listing::Listing;
use crate::output::grown;
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};

const BEGIN: &[u8] = b"begin";
const BASE64_END: &[u8] = b"====";
const CHUNK_BYTES: usize = 16 * 1024;
/// What some writers put behind the data of a line.
const CHECKSUM_BYTES_MAX: usize = 2;
/// Blank lines between the first line and the data.
const BLANK_LINES_MAX: usize = 4;

pub(crate) fn is(content: &[u8]) -> bool {
    begins(content).next().is_some()
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut listing = Listing::new(budget, visit);
    let end = blocks(content, &mut listing);
    listing.finish(end)
}

#[derive(Clone, Copy)]
enum Coding {
    Uu,
    Base64,
}

/// The first line of a block.
struct Begin<'a> {
    coding: Coding,
    name: &'a [u8],
    is_name_encoded: bool,
    data_at: usize,
}

impl Begin<'_> {
    /// Nothing where the line has none.
    fn names(&self) -> Vec<Vec<u8>> {
        let mut names = vec![self.name.to_vec()];
        if self.is_name_encoded {
            let mut decoder = Decoder::new(Coding::Base64, Fit::Loose);
            decoder.line(self.name);
            decoder.flush();
            names.push(decoder.bytes);
        }
        names
    }
}

fn blocks(content: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    for begin in begins(content) {
        let mut has_loose_lines = false;
        let text = tail(content, begin.data_at);
        listing.give(begin.names(), Kind::File, false, |budget| {
            block(text, Decoder::new(begin.coding, Fit::Loose), budget, &mut has_loose_lines)
        })?;
        if has_loose_lines {
            listing.give(begin.names(), Kind::File, false, |budget| {
                block(text, Decoder::new(begin.coding, Fit::Close), budget, &mut has_loose_lines)
            })?;
        }
    }
    Ok(())
}

/// Every first line that has at least one line of data behind it: prose has lines that look like the first alone.
fn begins(content: &[u8]) -> impl Iterator<Item = Begin<'_>> {
    memmem::find_iter(content, BEGIN).filter_map(|at| {
        let is_line = at == 0 || content.get(at - 1) == Some(&b'\n');
        let begin = if is_line { begin(content, at)? } else { return None };
        has_data(tail(content, begin.data_at), begin.coding).then_some(begin)
    })
}

fn begin(content: &[u8], at: usize) -> Option<Begin<'_>> {
    let (line, rest) = split_line(tail(content, at + BEGIN.len()));
    let (coding, line) = match line.strip_prefix(b"-base64") {
        Some(line) => (Coding::Base64, line),
        None => (Coding::Uu, line),
    };
    let (is_name_encoded, line) = match line.strip_prefix(b"-encoded") {
        Some(line) => (true, line),
        None => (false, line),
    };
    let mode = line.trim_ascii_start();
    let blanks = line.len() - mode.len();
    let digits = mode.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let behind = tail(mode, digits);
    let name = behind.trim_ascii();
    let is_separate = match digits {
        // Outlook takes two blanks for a beginning as well.
        0 => 1 < blanks,
        _ => 0 < blanks && name.len() < behind.trim_ascii_end().len(),
    };
    let is_mode_alone = 0 < blanks && name.is_empty() && matches!(digits, 3 | 4);
    let is_begin = is_mode_alone || (is_separate && !name.is_empty());
    is_begin.then_some(Begin { coding, name, is_name_encoded, data_at: content.len() - rest.len() })
}

/// Without its line end, and what is behind it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', text).unwrap_or(text.len());
    let line = text.get(..end).unwrap_or(text);
    (line.strip_suffix(b"\r").unwrap_or(line), tail(text, end + 1))
}

fn has_data(mut text: &[u8], coding: Coding) -> bool {
    for _ in 0..=BLANK_LINES_MAX {
        let (line, rest) = split_line(text);
        if !line.trim_ascii().is_empty() {
            return match coding {
                Coding::Uu => line == b"end" || fit(line).is_some(),
                Coding::Base64 => line.iter().all(|&byte| sextet(byte).is_some() || byte == b'='),
            };
        }
        text = rest;
    }
    false
}

/// How a line and the figure at its start belong together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// There is something behind its data, which some decoders do not mind.
    Loose,
    /// There is nothing behind its data but a checksum.
    Close,
}

/// How a line may be one of data. Blanks at its end, which are zeros, may have been lost on the way.
fn fit(line: &[u8]) -> Option<Fit> {
    let (&first, data) = line.split_first()?;
    let is_coded = |bytes: &[u8]| bytes.iter().all(|byte| (b' '..=b'`').contains(byte));
    let needed = bytes_of(first).div_ceil(3) * 4;
    if !is_coded(&[first]) {
        None
    } else if data.len() <= needed + CHECKSUM_BYTES_MAX && is_coded(data) {
        Some(Fit::Close)
    } else {
        // A line of no data that goes on is prose.
        data.get(..needed).filter(|data| !data.is_empty() && is_coded(data)).map(|_| Fit::Loose)
    }
}

/// How many bytes a line says that it holds.
fn bytes_of(first: u8) -> usize {
    usize::from(first.wrapping_sub(b' ') & 0x3f)
}

fn block(mut text: &[u8], mut decoder: Decoder, budget: &mut Budget, has_loose_lines: &mut bool) -> Content {
    let (mut charged, mut input_bytes) = (0, 0);
    let mut is_clean = true;
    let trouble = loop {
        let (line, rest) = split_line(text);
        let is_end = match decoder.coding {
            Coding::Uu => line.trim_ascii() == b"end",
            Coding::Base64 => line == BASE64_END,
        };
        let is_cut = text.is_empty() || (line.starts_with(BEGIN) && begin(text, 0).is_some());
        if is_end || is_cut {
            decoder.flush();
        } else {
            is_clean &= line.trim_ascii().is_empty() || decoder.line(line);
            input_bytes += line.len();
        }
        if (is_end || is_cut || decoder.bytes.len() - charged >= CHUNK_BYTES)
            && let Err(limit) = grown(&mut decoder.bytes, &mut charged, input_bytes, budget)
        {
            break Some(limit.into());
        }
        if is_end {
            break (!is_clean).then_some(Trouble::Damaged("line that is not encoded"));
        }
        if is_cut {
            break Some(Trouble::Damaged("no end"));
        }
        text = rest;
    };
    *has_loose_lines = decoder.has_loose_lines;
    Content { bytes: decoder.bytes, trouble }
}

/// What the lines of a block hold.
struct Decoder {
    coding: Coding,
    /// The least that a line of data has to have.
    least: Fit,
    bytes: Vec<u8>,
    /// Of base64: less than a group, whose rest may be in the next line.
    sextets: Vec<u8>,
    has_loose_lines: bool,
}

impl Decoder {
    fn new(coding: Coding, least: Fit) -> Self {
        Self { coding, least, bytes: Vec::new(), sextets: Vec::new(), has_loose_lines: false }
    }

    /// Takes what a line holds; false when that is nothing, or not all of the line.
    fn line(&mut self, line: &[u8]) -> bool {
        match self.coding {
            Coding::Uu => self.uu_line(line),
            Coding::Base64 => self.base64_line(line),
        }
    }

    fn uu_line(&mut self, line: &[u8]) -> bool {
        let (Some(fit), Some((&first, data))) = (fit(line), line.split_first()) else { return false };
        self.has_loose_lines |= fit == Fit::Loose;
        if fit < self.least {
            return false;
        }
        let end = self.bytes.len() + bytes_of(first);
        let mut sextets = data.iter().map(|byte| byte.wrapping_sub(b' ') & 0x3f).chain(std::iter::repeat(0));
        while self.bytes.len() < end {
            let group = [0; 4].map(|_: u8| sextets.next().unwrap_or_default());
            push_group(&group, (end - self.bytes.len()).min(3), &mut self.bytes);
        }
        fit == Fit::Close
    }

    fn base64_line(&mut self, line: &[u8]) -> bool {
        let end = line.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
        let (data, padding) = line.split_at_checked(end).unwrap_or((line, b""));
        let Some(sextets) = data.iter().map(|&byte| sextet(byte)).collect::<Option<Vec<u8>>>() else {
            return false;
        };
        self.sextets.extend(sextets);
        let (groups, rest) = self.sextets.as_chunks::<4>();
        for group in groups {
            push_group(group, 3, &mut self.bytes);
        }
        self.sextets = rest.to_vec();
        if !padding.is_empty() {
            self.flush();
        }
        true
    }

    /// What there is of a group is all of it.
    fn flush(&mut self) {
        let group = std::mem::take(&mut self.sextets);
        push_group(&group, group.len().saturating_sub(1), &mut self.bytes);
    }
}

/// Appends the first bytes of a group of up to four.
fn push_group(group: &[u8], bytes: usize, output: &mut Vec<u8>) {
    let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
    let [_, all @ ..] = (at(0) << 18 | at(1) << 12 | at(2) << 6 | at(3)).to_be_bytes();
    output.extend(all.iter().take(bytes));
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
