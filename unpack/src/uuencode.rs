//! uuencode in text: every block from `begin 644 name` to `end`, and its younger form `begin-base64`.
//!
//! Decoders differ in what they forgive, so a line that does not fit is passed over and told as damage, not taken for
//! the end. Absent: mails split over several blocks.

use memchr::{memchr, memmem};

use crate::bytes::tail;
use crate::listing::Listing;
use crate::output::grown;
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};

const BEGIN: &[u8] = b"begin";
const BASE64_END: &[u8] = b"====";
const CHUNK_BYTES: usize = 16 * 1024;
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
    data_at: usize,
}

fn blocks(content: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    for begin in begins(content) {
        listing.give(vec![begin.name.to_vec()], Kind::File, false, |budget| {
            block(tail(content, begin.data_at), begin.coding, budget)
        })?;
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
    let line = line.strip_prefix(b" ")?.trim_ascii_end();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // Outlook takes two blanks for a beginning as well.
    let name = tail(line, digits).strip_prefix(b" ")?.trim_ascii_start();
    (!name.is_empty()).then_some(Begin { coding, name, data_at: content.len() - rest.len() })
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
                Coding::Uu => line == b"end" || fits(line),
                Coding::Base64 => line.iter().all(|&byte| sextet(byte).is_some() || byte == b'='),
            };
        }
        text = rest;
    }
    false
}

/// Whether a line may be one of data. Blanks at its end, which are zeros, may have been lost on the way.
fn fits(line: &[u8]) -> bool {
    let Some((&first, data)) = line.split_first() else { return false };
    let bytes = usize::from(first.wrapping_sub(b' ') & 0x3f);
    // A checksum may follow.
    let most = bytes.div_ceil(3) * 4 + 2;
    data.len() <= most && line.iter().all(|byte| (b' '..=b'`').contains(byte))
}

fn block(mut text: &[u8], coding: Coding, budget: &mut Budget) -> Content {
    let mut bytes = Vec::new();
    let (mut charged, mut input_bytes) = (0, 0);
    let mut is_clean = true;
    let trouble = loop {
        let (line, rest) = split_line(text);
        let is_end = match coding {
            Coding::Uu => line.trim_ascii() == b"end",
            Coding::Base64 => line == BASE64_END,
        };
        let is_cut = text.is_empty() || (line.starts_with(BEGIN) && begin(text, 0).is_some());
        if !is_end && !is_cut {
            is_clean &= line.trim_ascii().is_empty() || decode(line, coding, &mut bytes);
            input_bytes += line.len();
        }
        if (is_end || is_cut || bytes.len() - charged >= CHUNK_BYTES)
            && let Err(limit) = grown(&mut bytes, &mut charged, input_bytes, budget)
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
    Content { bytes, trouble }
}

/// Appends what a line holds; false when it holds nothing.
fn decode(line: &[u8], coding: Coding, output: &mut Vec<u8>) -> bool {
    match coding {
        Coding::Uu => decode_uu(line, output),
        Coding::Base64 => decode_base64(line, output),
    }
}

fn decode_uu(line: &[u8], output: &mut Vec<u8>) -> bool {
    if !fits(line) {
        return false;
    }
    let Some((&first, data)) = line.split_first() else { return false };
    let bytes = usize::from(first.wrapping_sub(b' ') & 0x3f);
    let end = output.len() + bytes;
    let mut sextets = data.iter().map(|byte| byte.wrapping_sub(b' ') & 0x3f).chain(std::iter::repeat(0));
    while output.len() < end {
        let group = [0; 4].map(|_: u8| u32::from(sextets.next().unwrap_or_default()));
        push_group(group, (end - output.len()).min(3), output);
    }
    true
}

fn decode_base64(line: &[u8], output: &mut Vec<u8>) -> bool {
    let end = line.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let Some(sextets) = line.get(..end).and_then(|line| line.iter().map(|&byte| sextet(byte)).collect())
    else {
        return false;
    };
    let sextets: Vec<u8> = sextets;
    for group in sextets.chunks(4) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        push_group([at(0), at(1), at(2), at(3)], group.len().saturating_sub(1), output);
    }
    true
}

fn push_group([a, b, c, d]: [u32; 4], bytes: usize, output: &mut Vec<u8>) {
    let [_, all @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
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
