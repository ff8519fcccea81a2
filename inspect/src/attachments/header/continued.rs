//! Parameters that come in pieces (RFC 2231), with all the ways in which readers put them together.
//!
//! Readers differ in the order that they keep, in what they make of a piece that is there twice or not at all, and in
//! whose charset a piece has. Of what is joined only the end is kept, where the extension is.

use std::collections::BTreeMap;

use super::{Parameter, Spelling, VALUE_BYTES_MAX};
use crate::attachments::decode;

/// Most readings of one piece that are joined with those of the others.
const READINGS_MAX: usize = 8;

/// A piece: whether it is extended, and its value.
type Piece<'p> = (bool, &'p [u8]);

/// Adds every reading of the parameters `base`, `base*`, `base*0`, `base*0*` and so on.
pub(super) fn collect(parameters: &[Parameter], base: &str, names: &mut Vec<String>) {
    use Spelling::{Plain, Whole, Word};
    collect_of(parameters.iter(), base, names);
    // A key with blanks in it makes a piece for some readers, and none for others.
    if parameters.iter().any(|parameter| parameter.spelling != Plain && parameter.key.starts_with(base)) {
        for read in [&[Plain][..], &[Plain, Whole], &[Plain, Word]] {
            collect_of(parameters.iter().filter(|p| read.contains(&p.spelling)), base, names);
        }
    }
}

fn collect_of<'p>(parameters: impl Iterator<Item = &'p Parameter>, base: &str, names: &mut Vec<String>) {
    let mut written: Vec<Piece<'_>> = Vec::new();
    let mut numbered: BTreeMap<u32, Vec<Piece<'_>>> = BTreeMap::new();
    let mut plain: Option<&[u8]> = None;
    for Parameter { key, value, spelling: _ } in parameters {
        let Some(suffix) = key.strip_prefix(base) else {
            continue;
        };
        let Some(section) = suffix.strip_prefix('*') else {
            if suffix.is_empty() {
                add(value, names);
                plain.get_or_insert(value);
            }
            continue;
        };
        add(value, names);
        names.push(extended(value));
        let (digits, is_extended) = match section.strip_suffix('*') {
            Some(digits) => (digits, true),
            None => (section, false),
        };
        if let Ok(index) = digits.parse() {
            written.push((is_extended, value));
            numbered.entry(index).or_default().push((is_extended, value));
        }
    }
    if written.is_empty() {
        return;
    }
    join_all(&written, names);
    let rows = rows(&numbered);
    for row in &rows {
        join_all(row, names);
    }
    // Some take the whole one for the first piece.
    if let (Some(plain), Some(row)) = (plain, rows.first()) {
        add(&join(&[&[(false, plain)], row.as_slice()].concat()), names);
    }
}

/// The pieces by their numbers: of each the same reading, or the last where it has fewer, and the one that is extended,
/// since whoever knows both forms prefers that. All pieces, and those up to the first number that is missing.
fn rows<'p>(numbered: &BTreeMap<u32, Vec<Piece<'p>>>) -> Vec<Vec<Piece<'p>>> {
    let readings = numbered.values().map(Vec::len).max().unwrap_or_default();
    let connected = numbered.keys().zip(0..).take_while(|(index, expected)| **index == *expected).count();
    let same = (0..readings.min(READINGS_MAX)).map(|at| {
        let of = move |pieces: &Vec<Piece<'p>>| pieces.get(at).or(pieces.last()).copied();
        numbered.values().filter_map(of).collect()
    });
    let mut rows: Vec<Vec<Piece<'p>>> = same.collect();
    if readings > 1 {
        let is_extended = |piece: &&Piece<'p>| piece.0;
        let extended = |pieces: &Vec<Piece<'p>>| pieces.iter().find(is_extended).or(pieces.first()).copied();
        let last = |pieces: &Vec<Piece<'p>>| pieces.last().copied();
        rows.push(numbered.values().filter_map(extended).collect());
        rows.push(numbered.values().filter_map(last).collect());
    }
    let is_cut = (1..numbered.len()).contains(&connected);
    let cut = |row: &Vec<Piece<'p>>| row.get(..connected).map(<[Piece<'p>]>::to_vec);
    let cut: Vec<_> = rows.iter().filter(|_| is_cut).filter_map(cut).collect();
    rows.extend(cut);
    rows
}

/// Adds what the pieces are together, in every reading.
fn join_all(pieces: &[Piece<'_>], names: &mut Vec<String>) {
    let mut bytes = 0;
    let is_short = |(_, value): &&Piece<'_>| {
        let is_short = bytes < VALUE_BYTES_MAX;
        bytes += value.len();
        is_short
    };
    let kept = pieces.iter().rev().take_while(is_short).count();
    let end = pieces.get(pieces.len() - kept..).unwrap_or_default();
    add(&join(end), names);
    names.push(join_extended(pieces, end));
    names.push(join_each(end));
}

/// A value as text, and with its encoded words decoded.
fn add(value: &[u8], names: &mut Vec<String>) {
    names.push(String::from_utf8_lossy(value).into_owned());
    names.extend(decode::encoded_words(value));
}

/// `charset'language'text`.
fn charset(value: &[u8]) -> Option<&[u8]> {
    text_behind_charset(value)?;
    value.split(|byte| *byte == b'\'').next()
}

fn text_behind_charset(value: &[u8]) -> Option<&[u8]> {
    value.splitn(3, |byte| *byte == b'\'').nth(2)
}

/// `charset'language'text` with escapes (RFC 2231 section 4).
fn extended(value: &[u8]) -> String {
    let text = text_behind_charset(value).unwrap_or(value);
    decode::text(&decode::percent(text), charset(value).unwrap_or_default())
}

fn join(pieces: &[Piece<'_>]) -> Vec<u8> {
    pieces.iter().flat_map(|(_, value)| value.iter().copied()).collect()
}

/// The `end` of pieces with the escapes of those that are extended (RFC 2231 section 4.1); the charset is the first
/// piece's.
fn join_extended(pieces: &[Piece<'_>], end: &[Piece<'_>]) -> String {
    let first = pieces.first().filter(|(is_extended, _)| *is_extended).map(|(_, value)| *value);
    let mut joined = Vec::new();
    for (at, (is_extended, value)) in end.iter().enumerate() {
        let is_first = at == 0 && end.len() == pieces.len();
        match *is_extended {
            true if is_first => joined.extend(decode::percent(text_behind_charset(value).unwrap_or(value))),
            true => joined.extend(decode::percent(value)),
            false => joined.extend_from_slice(value),
        }
    }
    decode::text(&joined, first.and_then(charset).unwrap_or_default())
}

/// Continuations as those read them who take each extended piece for a value of its own, with charset and language.
fn join_each(pieces: &[Piece<'_>]) -> String {
    let piece = |(is_extended, value): &Piece<'_>| match is_extended {
        true => extended(value),
        false => String::from_utf8_lossy(value).into_owned(),
    };
    pieces.iter().map(piece).collect()
}
