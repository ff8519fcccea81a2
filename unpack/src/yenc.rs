//! yEnc in text: every block from `=ybegin` to `=yend`.
//!
//! Absent: putting parts of several mails together; a part is given as what it is.

use memchr::{memchr, memmem};

use crate::bytes::tail;
use crate::listing::Listing;
use crate::output::grown;
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};

const BEGIN: &[u8] = b"=ybegin ";
const PART: &[u8] = b"=ypart ";
const END: &[u8] = b"=yend";
const CHUNK_BYTES: usize = 16 * 1024;

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

fn blocks(content: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    for (line, data) in begins(content) {
        listing.give(names(line), Kind::File, false, |budget| block(line, data, budget))?;
    }
    Ok(())
}

/// Every first line, with what is behind it.
fn begins(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let found = memmem::find_iter(content, BEGIN);
    let lines = found.filter(|&at| at == 0 || content.get(at - 1) == Some(&b'\n'));
    lines.map(|at| split_line(tail(content, at))).filter(|(line, _)| field(line, b" size=").is_some())
}

/// Without its line end, and what is behind it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', text).unwrap_or(text.len());
    let line = text.get(..end).unwrap_or(text);
    (line.strip_suffix(b"\r").unwrap_or(line), tail(text, end + 1))
}

/// What is behind `key` up to a blank.
fn field<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let value = tail(line, memmem::find(line, key)? + key.len());
    value.split(|&byte| byte == b' ').next()
}

/// The name is what is left of the line, blanks and all; in quotes with some.
fn names(line: &[u8]) -> Vec<Vec<u8>> {
    let Some(at) = memmem::find(line, b" name=") else { return Vec::new() };
    let name = tail(line, at + b" name=".len()).trim_ascii();
    let bare = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
    [bare, Some(name)].into_iter().flatten().map(<[u8]>::to_vec).collect()
}

fn block(begin: &[u8], text: &[u8], budget: &mut Budget) -> Content {
    let mut text = text;
    let is_part = field(begin, b" part=").is_some();
    if text.starts_with(PART) {
        text = split_line(text).1;
    }
    let mut bytes = Vec::new();
    let (mut charged, mut input_bytes) = (0, 0);
    let end = loop {
        let (line, rest) = split_line(text);
        let is_cut = text.is_empty() || line.starts_with(BEGIN);
        let is_end = is_cut || line.starts_with(END);
        if !is_end {
            decode(line, &mut bytes);
            input_bytes += line.len();
        }
        if (is_end || bytes.len() - charged >= CHUNK_BYTES)
            && let Err(limit) = grown(&mut bytes, &mut charged, input_bytes, budget)
        {
            return Content { bytes, trouble: Some(limit.into()) };
        }
        if is_end {
            break if is_cut { None } else { Some(line) };
        }
        text = rest;
    };
    let trouble = match end {
        None => Some(Trouble::Damaged("no end")),
        Some(_) if is_part => Some(Trouble::Damaged("part of several")),
        Some(end) => check(end, &bytes),
    };
    Content { bytes, trouble }
}

/// A NUL, a line end or `=` is written as `=` and the byte moved by 64 more.
fn decode(line: &[u8], output: &mut Vec<u8>) {
    let mut is_escaped = false;
    for &byte in line {
        if byte == b'=' && !is_escaped {
            is_escaped = true;
            continue;
        }
        let moved = if is_escaped { 64 + 42 } else { 42 };
        output.push(byte.wrapping_sub(moved));
        is_escaped = false;
    }
}

fn check(end: &[u8], bytes: &[u8]) -> Option<Trouble> {
    let text = |key: &[u8]| field(end, key).and_then(|value| str::from_utf8(value).ok());
    let size = text(b" size=").and_then(|size| size.parse::<usize>().ok());
    let crc = text(b" crc32=").and_then(|crc| u32::from_str_radix(crc, 16).ok());
    if size.is_some_and(|size| size != bytes.len()) || crc.is_some_and(|crc| crc != crc32fast::hash(bytes)) {
        return Some(Trouble::Damaged("checksum"));
    }
    None
}
