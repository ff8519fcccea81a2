//! Reads a value by the letter: RFC 2045 section 5.1, with the comments of RFC 5322 section 3.2.2.
//!
//! A comment may be nested, may have escapes, and may hold whatever means something outside of it; whoever cuts the value
//! at its semicolons first sees other parameters than this. Where the grammar is broken, this goes on behind the next
//! semicolon.

use super::{PARAMETERS_MAX, Parameter, Spelling, VALUE_BYTES_MAX, tail};

/// What the grammar says.
#[derive(Default)]
pub(super) struct Strict {
    /// The media type or disposition in lower case, where there is one.
    pub(super) kind: Option<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) is_over_limit: bool,
}

/// Reads an unfolded value.
pub(super) fn read(value: &[u8]) -> Strict {
    let mut reader = Reader { rest: value };
    let mut strict = Strict { kind: reader.kind(), ..Strict::default() };
    loop {
        reader.filler();
        let Some(at) = memchr::memchr(b';', reader.rest) else { return strict };
        reader.rest = reader.rest.get(at + 1..).unwrap_or_default();
        let Some((key, value)) = reader.parameter() else { continue };
        if strict.parameters.len() == PARAMETERS_MAX {
            strict.is_over_limit = true;
            return strict;
        }
        strict.is_over_limit |= value.len() > VALUE_BYTES_MAX;
        strict.parameters.push(Parameter { key, spelling: Spelling::Plain, value: tail(value) });
    }
}

struct Reader<'v> {
    rest: &'v [u8],
}

impl Reader<'_> {
    /// `type/subtype`, or one word.
    fn kind(&mut self) -> Option<String> {
        self.filler();
        let word = self.token()?;
        self.filler();
        let Some(rest) = self.rest.strip_prefix(b"/") else { return Some(word) };
        self.rest = rest;
        self.filler();
        Some(format!("{word}/{}", self.token()?))
    }

    fn parameter(&mut self) -> Option<(String, Vec<u8>)> {
        self.filler();
        let key = self.token()?;
        self.filler();
        self.rest = self.rest.strip_prefix(b"=")?;
        self.filler();
        Some((key, self.value()?))
    }

    /// Skips blanks and comments; a comment that does not end is none.
    fn filler(&mut self) {
        loop {
            match self.rest {
                [b' ' | b'\t', rest @ ..] => self.rest = rest,
                [b'(', rest @ ..] => match comment_end(rest) {
                    Some(end) => self.rest = rest.get(end..).unwrap_or_default(),
                    None => return,
                },
                _ => return,
            }
        }
    }

    /// In lower case.
    fn token(&mut self) -> Option<String> {
        let (token, rest) = self.rest.split_at(token_length(self.rest));
        self.rest = rest;
        (!token.is_empty()).then(|| token.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        let Some(quoted) = self.rest.strip_prefix(b"\"") else {
            let (token, rest) = self.rest.split_at(token_length(self.rest));
            self.rest = rest;
            return (!token.is_empty()).then(|| token.to_vec());
        };
        let (value, length) = super::unquote(quoted);
        self.rest = quoted.get(length + 1..).unwrap_or_default();
        Some(value)
    }
}

/// How many bytes at the start of `bytes` are a token.
fn token_length(bytes: &[u8]) -> usize {
    let is_token =
        |byte: &u8| (byte.is_ascii_graphic() || !byte.is_ascii()) && !b"()<>@,;:\\\"/[]?=".contains(byte);
    bytes.iter().take_while(|byte| is_token(byte)).count()
}

/// Behind the end of a comment whose parenthesis was taken.
fn comment_end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 1_usize;
    let mut bytes = bytes.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}
