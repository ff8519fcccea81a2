//! Takes a rule apart: words, values with quotes and alternatives, regular expressions between their delimiters.

use super::error::{Fault, Why};

/// Where it is in the rule.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The byte where it begins.
    pub(super) at: usize,
    /// What stands between `|` outside of quotes.
    pub(super) alternatives: Vec<String>,
    is_quoted: bool,
}

impl Token {
    /// Whether it is `>` (then true) or `>>` (then false).
    pub(super) fn separator(&self) -> Option<bool> {
        match self.alternatives.as_slice() {
            [only] if !self.is_quoted && only == ">" => Some(true),
            [only] if !self.is_quoted && only == ">>" => Some(false),
            _ => None,
        }
    }
}

/// A regular expression as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Regex<'t> {
    /// The byte where its pattern begins.
    pub(super) at: usize,
    pub(super) pattern: &'t str,
    pub(super) flags: &'t str,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Something is wrong here.
    pub(super) fn fault(&self, why: Why) -> Fault {
        self.fault_at(self.at, why)
    }

    pub(super) fn fault_at(&self, at: usize, why: Why) -> Fault {
        Fault::new(self.text, at, why)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// What is up to the next blank, and where it begins.
    pub(super) fn word(&mut self) -> (usize, &'t str) {
        self.skip_blanks();
        let at = self.at;
        let word = self.rest().split(char::is_whitespace).next().unwrap_or_default();
        self.at += word.len();
        (at, word)
    }

    /// The next value; none at the end and before a comment.
    pub(super) fn token(&mut self) -> Result<Option<Token>, Fault> {
        self.skip_blanks();
        let at = self.at;
        if self.rest().is_empty() || self.rest().starts_with('#') {
            return Ok(None);
        }
        let mut token = Token { at, alternatives: vec![String::new()], is_quoted: false };
        let mut quote_at = None;
        let mut characters = self.rest().char_indices().peekable();
        let mut end = self.rest().len();
        while let Some((offset, c)) = characters.next() {
            let is_in_quotes = quote_at.is_some();
            let next = characters.peek().map(|(_, next)| *next);
            match c {
                '"' => {
                    token.is_quoted = true;
                    quote_at = if is_in_quotes { None } else { Some(at + offset) };
                    continue;
                }
                '\\' if is_in_quotes && next == Some('"') => {
                    characters.next();
                    push(&mut token, '"');
                    continue;
                }
                '|' if !is_in_quotes => {
                    token.alternatives.push(String::new());
                    continue;
                }
                _ if c.is_whitespace() && !is_in_quotes => {
                    end = offset;
                    break;
                }
                _ => push(&mut token, c),
            }
        }
        if let Some(quote_at) = quote_at {
            return Err(self.fault_at(quote_at, Why::Unclosed('"')));
        }
        self.at += end;
        Ok(Some(token))
    }

    /// What is behind `#`, without blanks around it.
    pub(super) fn comment(&self) -> Option<String> {
        let comment = self.rest().trim_start().strip_prefix('#')?.trim();
        (!comment.is_empty()).then(|| comment.to_owned())
    }

    /// The regular expression that begins here, if one does: `/…/flags`, or `qr` with a delimiter.
    pub(super) fn regex(&mut self) -> Result<Option<Regex<'t>>, Fault> {
        self.skip_blanks();
        let start = self.at;
        let rest = self.rest();
        let behind = if rest.starts_with('/') { rest } else { rest.strip_prefix("qr").unwrap_or_default() };
        let delimiter = behind.chars().next().filter(char::is_ascii_punctuation);
        let Some(delimiter) = delimiter else { return Ok(None) };
        let at = start + (rest.len() - behind.len()) + 1;
        let body = self.text.get(at..).unwrap_or_default();
        let Some(length) = closing(body, delimiter) else {
            return Err(self.fault_at(start, Why::Unclosed(delimiter)));
        };
        self.at = at + length + 1;
        let flags = self.rest();
        let flags_end = flags.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(flags.len());
        self.at += flags_end;
        let pattern = body.get(..length).unwrap_or_default();
        Ok(Some(Regex { at, pattern, flags: flags.get(..flags_end).unwrap_or_default() }))
    }
}

fn push(token: &mut Token, c: char) {
    if let Some(last) = token.alternatives.last_mut() {
        last.push(c);
    }
}

/// Where the delimiter is closed; brackets may be nested.
fn closing(body: &str, delimiter: char) -> Option<usize> {
    let close = match delimiter {
        '{' => '}',
        '(' => ')',
        '[' => ']',
        '<' => '>',
        same => same,
    };
    let mut depth = 0usize;
    let mut is_escaped = false;
    for (offset, c) in body.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == close && depth == 0 => return Some(offset),
            _ if c == close => depth -= 1,
            _ if c == delimiter => depth += 1,
            _ => {}
        }
    }
    None
}
