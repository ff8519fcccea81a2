//! Parameters of Content-Type and Content-Disposition, read so that no client's reading is missed.
//!
//! mail-parser picks one value per parameter and one name per part. Clients differ in what they pick, so here every
//! value counts, in every way in which it may be read: with the fold and without, with the quotes and without, the
//! continuations (RFC 2231) in both orders, encoded words decoded (RFC 2047) and not. [`grammar`] reads it a second time
//! as the RFCs have it.

mod continued;
mod grammar;

use mail_parser::ContentType;
use mail_parser::parsers::MessageStream;

use self::continued::collect;

/// Most parameters of a header that are read.
const PARAMETERS_MAX: usize = 128;
/// Longest value that is read whole; of a longer one only the end, where the extension is.
const VALUE_BYTES_MAX: usize = 4 * 1024;
/// Longest field that mail-parser reads as well, in bytes.
const FIELD_BYTES_MAX: usize = 8 * 1024;

/// One parameter in one reading.
struct Parameter {
    /// In lower case, without blanks and comments: `filename*0*`.
    key: String,
    spelling: Spelling,
    value: Vec<u8>,
}

/// Who takes the key of a parameter for what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// Everybody: there are no blanks in it.
    Plain,
    /// Who leaves the blanks out: `file name`.
    Whole,
    /// Who takes its last word: `x filename`.
    Word,
}

/// All that one header declares.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The media type or disposition in every reading, in lower case, without blanks and comments.
    pub(crate) kinds: Vec<String>,
    /// Every reading of every name.
    pub(crate) names: Vec<String>,
    /// Every reading of every boundary.
    pub(crate) boundaries: Vec<String>,
    /// Two boundaries that differ.
    pub(crate) is_ambiguous: bool,
    /// More or longer parameters than are read.
    pub(crate) is_over_limit: bool,
}

/// Reads the raw value of a header, folds included.
pub(crate) fn declared(raw: &[u8]) -> Declared {
    let kept = unfold(raw, false);
    let (kind, parameters, is_over_limit) = parse(&kept);
    let mut names = Vec::new();
    for base in ["name", "filename"] {
        collect(&parameters, base, &mut names);
    }
    let mut values = parameters.iter().filter(|p| p.key == "boundary").map(|p| &p.value);
    let first = values.next();
    // A value that is read in two ways is there twice; only the reading with its quotes resolved counts.
    let is_ambiguous = first.is_some() && count(&kept, b"boundary") > 1 && values.any(|b| Some(b) != first);
    let mut boundaries = Vec::new();
    collect(&parameters, "boundary", &mut boundaries);
    let strict = grammar::read(&kept);
    let mut kinds = vec![kind];
    kinds.extend(strict.kind.filter(|kind| !kinds.contains(kind)));
    for base in ["name", "filename"] {
        collect(&strict.parameters, base, &mut names);
    }
    collect(&strict.parameters, "boundary", &mut boundaries);
    let is_over_limit = is_over_limit || strict.is_over_limit;
    by_mail_parser(raw, &mut names);
    if memchr::memchr(b'\n', raw).is_some() {
        let (_, parameters, _) = parse(&unfold(raw, true));
        for base in ["name", "filename"] {
            collect(&parameters, base, &mut names);
        }
    }
    for list in [&mut names, &mut boundaries] {
        list.sort();
        list.dedup();
    }
    Declared { kinds, names, boundaries, is_ambiguous, is_over_limit }
}

/// Adds the names that mail-parser reads, of which some are its own. It compares each parameter with each.
fn by_mail_parser(raw: &[u8], names: &mut Vec<String>) {
    if raw.len() > FIELD_BYTES_MAX {
        return;
    }
    let line = [raw, b"\n"].concat();
    let parsed = MessageStream::new(&line).parse_content_type();
    let attributes = parsed.as_content_type().and_then(ContentType::attributes).unwrap_or_default();
    let read = attributes.iter().filter(|attribute| matches!(&*attribute.name, "name" | "filename"));
    names.extend(read.map(|attribute| attribute.value.to_string()));
}

fn count(haystack: &[u8], word: &[u8]) -> usize {
    haystack.windows(word.len()).filter(|window| window.eq_ignore_ascii_case(word)).count()
}

/// Takes out line ends, and with `blanks` also the blanks that begin the next line.
fn unfold(raw: &[u8], blanks: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut is_start = false;
    for &byte in raw {
        match byte {
            b'\r' | b'\n' => is_start = true,
            b' ' | b'\t' if is_start && blanks => {}
            _ => {
                is_start = false;
                out.push(byte);
            }
        }
    }
    out
}

/// Type or disposition, parameters, and whether there was more than is read.
fn parse(value: &[u8]) -> (String, Vec<Parameter>, bool) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let kind = bare(value.get(..end).unwrap_or_default());
    let mut parameters = Vec::new();
    let mut is_over_limit = false;
    // From the start: there may be a blank where the first semicolon belongs.
    let mut rest = value;
    for _ in 0..PARAMETERS_MAX {
        let Some(at) = memchr::memchr(b'=', rest) else {
            return (kind, parameters, is_over_limit);
        };
        let keys = keys(rest.get(..at).unwrap_or_default());
        let mut values = Vec::new();
        rest = take_value(rest.get(at + 1..).unwrap_or_default(), &mut values);
        is_over_limit |= values.iter().any(|value| value.len() > VALUE_BYTES_MAX);
        let values: Vec<Vec<u8>> = values.into_iter().map(tail).collect();
        for (key, spelling) in keys {
            let parameter = |value: &Vec<u8>| Parameter { key: key.clone(), spelling, value: value.clone() };
            parameters.extend(values.iter().map(parameter));
        }
    }
    is_over_limit |= memchr::memchr(b'=', rest).is_some();
    (kind, parameters, is_over_limit)
}

/// The name of a parameter in both readings: all that is behind the last semicolon, and the last word of it.
fn keys(before: &[u8]) -> Vec<(String, Spelling)> {
    let key = before.rsplit(|byte| *byte == b';').next().unwrap_or_default();
    let word = key.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    let (whole, word) = (bare(key), bare(word));
    match whole == word {
        true => vec![(whole, Spelling::Plain)],
        false => vec![(whole, Spelling::Whole), (word, Spelling::Word)],
    }
}

fn tail(mut value: Vec<u8>) -> Vec<u8> {
    value.split_off(value.len().saturating_sub(VALUE_BYTES_MAX))
}

/// Lower case, without blanks, quotes and comments.
fn bare(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut depth = 0usize;
    for &byte in bytes {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b' ' | b'\t' | b'"' | b'\\' | b'\0' => {}
            _ if depth == 0 => out.push(char::from(byte.to_ascii_lowercase())),
            _ => {}
        }
    }
    out
}

/// Adds every reading of the value at the start of `rest`; gives what is behind it.
fn take_value<'a>(rest: &'a [u8], values: &mut Vec<Vec<u8>>) -> &'a [u8] {
    let mut add = |value: &[u8]| values.push(value.trim_ascii().to_vec());
    let rest = skip_blanks_and_comments(rest);
    let to_semicolon = rest.split(|byte| *byte == b';').next().unwrap_or_default();
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        add(to_semicolon);
        if memchr::memchr(b'(', to_semicolon).is_some() {
            add(&without_comments(to_semicolon));
        }
        let word = to_semicolon.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if word.len() < to_semicolon.len() {
            add(word);
            // Without a semicolon the next parameter begins right behind the blank.
            return rest.get(word.len()..).unwrap_or_default();
        }
        return rest.get(to_semicolon.len()..).unwrap_or_default();
    };
    let (unescaped, raw_length) = unquote(quoted);
    add(&unescaped);
    let raw = quoted.get(..raw_length).unwrap_or_default();
    if unescaped != raw {
        add(raw);
    }
    let Some(behind) = quoted.get(raw_length + 1..) else {
        // No closing quote: some read to the semicolon, some to the end.
        add(to_semicolon.get(1..).unwrap_or_default());
        return quoted.get(to_semicolon.len().saturating_sub(1)..).unwrap_or_default();
    };
    let tail = behind.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next().unwrap_or_default();
    if !tail.is_empty() {
        add(&[&unescaped, tail].concat());
    }
    behind
}

fn skip_blanks_and_comments(mut bytes: &[u8]) -> &[u8] {
    loop {
        match bytes {
            [b' ' | b'\t', rest @ ..] => bytes = rest,
            [b'(', rest @ ..] => match memchr::memchr(b')', rest) {
                Some(end) => bytes = rest.get(end + 1..).unwrap_or_default(),
                None => return bytes,
            },
            _ => return bytes,
        }
    }
}

fn without_comments(value: &[u8]) -> Vec<u8> {
    let mut depth = 0usize;
    let mut keep = |byte: &u8| {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => {
                depth -= 1;
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    value.iter().copied().filter(|byte| keep(byte)).collect()
}

/// What is up to the closing quote, unescaped, and its length as written.
fn unquote(quoted: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (out, at),
            b'\\' => out.extend(bytes.next().map(|(_, byte)| *byte)),
            _ => out.push(*byte),
        }
    }
    (out, quoted.len())
}

#[cfg(test)]
mod tests;
