//! Translates a regular expression of Perl's, as amavis' rules have them, into one of the crate `regex`.
//!
//! Both mean the same by most of it. What only looks the same is rewritten here, what cannot be matched in linear time
//! is refused with its name. The rest is told by the compiler of that crate.

use super::error::{Fault, Why};
use super::lexer::Regex;

/// A pattern for the crate `regex`, its flags included.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) pattern: String,
    /// What stood in `(?# … )`.
    pub(super) comment: Option<String>,
}

/// Translates the expression, which is in the rule `text`.
pub(super) fn translate(text: &str, regex: &Regex<'_>) -> Result<Translated, Fault> {
    let mut flags = String::new();
    for (offset, flag) in regex.flags.char_indices() {
        match flag {
            'i' | 'm' | 's' | 'x' if !flags.contains(flag) => flags.push(flag),
            'i' | 'm' | 's' | 'x' | 'o' => {}
            _ => {
                let at = regex.at + regex.pattern.len() + 1 + offset;
                return Err(Fault::new(text, at, Why::Flag(flag)));
            }
        }
    }
    let mut translation = Translation {
        characters: regex.pattern.char_indices().collect(),
        at: 0,
        is_extended: flags.contains('x'),
        around: Vec::new(),
        is_behind_quantifier: false,
        out: if flags.is_empty() { String::new() } else { format!("(?{flags})") },
        comments: Vec::new(),
    };
    match translation.run() {
        Ok(()) => {
            let comment = translation.comments.join(" ");
            let comment = (!comment.is_empty()).then_some(comment);
            Ok(Translated { pattern: translation.out, comment })
        }
        Err((at, why)) => Err(Fault::new(text, regex.at + at, why)),
    }
}

type Refused = (usize, Why);

struct Translation {
    characters: Vec<(usize, char)>,
    /// An index into them.
    at: usize,
    is_extended: bool,
    /// `is_extended` outside of each group that is open.
    around: Vec<bool>,
    is_behind_quantifier: bool,
    out: String,
    comments: Vec<String>,
}

impl Translation {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).map(|(_, c)| *c)
    }

    /// The byte of the pattern.
    fn byte(&self) -> usize {
        self.characters.get(self.at).or(self.characters.last()).map_or(0, |(byte, _)| *byte)
    }

    fn starts_with(&self, word: &str) -> bool {
        word.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c))
    }

    fn run(&mut self) -> Result<(), Refused> {
        while let Some(c) = self.peek(0) {
            let was_behind_quantifier = std::mem::take(&mut self.is_behind_quantifier);
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' if self.starts_with("(?") => self.group()?,
                '(' => {
                    self.around.push(self.is_extended);
                    self.take();
                }
                ')' => {
                    self.is_extended = self.around.pop().unwrap_or(self.is_extended);
                    self.take();
                }
                '+' if was_behind_quantifier => {
                    return Err((self.byte(), Why::Unsupported("a possessive quantifier")));
                }
                '*' | '+' | '?' => {
                    self.is_behind_quantifier = true;
                    self.take();
                }
                '{' => self.brace(),
                '#' if self.is_extended => self.skip_past('\n'),
                _ => self.take(),
            }
        }
        Ok(())
    }

    /// Takes it as it is.
    fn take(&mut self) {
        self.out.extend(self.peek(0));
        self.at += 1;
    }

    fn skip_past(&mut self, end: char) {
        while let Some(c) = self.peek(0) {
            self.at += 1;
            if c == end {
                break;
            }
        }
    }

    fn escape(&mut self, is_in_class: bool) -> Result<(), Refused> {
        let refused = |why: Why| Err((self.byte(), why));
        match self.peek(1) {
            None => return refused(Why::Unclosed('\\')),
            Some('0') => return refused(Why::Unsupported("an octal escape (write \\x00)")),
            Some('1'..='9' | 'g' | 'k') if !is_in_class => return refused(Why::BackReference),
            Some('1'..='9') => return refused(Why::Unsupported("an octal escape")),
            Some('Z') if !is_in_class => self.out.push_str(r"\z"),
            Some('h') if is_in_class => self.out.push_str(r"\t\x20"),
            Some('h') => self.out.push_str(r"[\t\x20]"),
            Some('e') => self.out.push_str(r"\x1b"),
            // To the crate these are ends of words.
            Some(c @ ('<' | '>')) => self.out.push(c),
            Some(c) if !c.is_ascii() => self.out.push(c),
            Some(c) => self.out.extend(['\\', c]),
        }
        self.at += 2;
        Ok(())
    }

    /// `[…]`, where the crate knows nesting and set operations, and blanks do not count with `x`.
    fn class(&mut self) -> Result<(), Refused> {
        let start = self.byte();
        self.take();
        if self.peek(0) == Some('^') {
            self.take();
        }
        if self.peek(0) == Some(']') {
            self.out.push_str(r"\]");
            self.at += 1;
        }
        while let Some(c) = self.peek(0) {
            match c {
                ']' => {
                    self.take();
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '[' if self.peek(1) == Some(':') => self.posix(),
                '-' if self.peek(1) == Some('-') => {
                    return Err((self.byte(), Why::Unsupported("`--` in a class")));
                }
                '[' | '&' | '~' => self.take_escaped(c),
                '#' if self.is_extended => self.take_escaped(c),
                ' ' if self.is_extended => {
                    self.out.push_str(r"\x20");
                    self.at += 1;
                }
                _ => self.take(),
            }
        }
        Err((start, Why::Unclosed('[')))
    }

    fn take_escaped(&mut self, c: char) {
        self.out.extend(['\\', c]);
        self.at += 1;
    }

    /// `[:alpha:]` as it is, or a bracket that is one.
    fn posix(&mut self) {
        let name: String = self.characters.iter().skip(self.at + 2).map(|(_, c)| *c).take(12).collect();
        match name.split_once(":]") {
            Some((name, _)) if name.chars().all(|c| c.is_ascii_lowercase() || c == '^') => {
                self.out.push_str(&format!("[:{name}:]"));
                self.at += name.chars().count() + 4;
            }
            Some(_) | None => self.take_escaped('['),
        }
    }

    /// `(?` and what it is.
    fn group(&mut self) -> Result<(), Refused> {
        let refused = |why: Why| Err((self.byte(), why));
        match (self.peek(2), self.peek(3)) {
            (Some('#'), _) => {
                let start = self.at + 3;
                self.skip_past(')');
                let comment: String = self
                    .characters
                    .get(start..self.at.saturating_sub(1))
                    .unwrap_or_default()
                    .iter()
                    .map(|(_, c)| *c)
                    .collect();
                self.comments.push(comment.trim().to_owned());
                return Ok(());
            }
            (Some('=' | '!'), _) | (Some('<'), Some('=' | '!')) => return refused(Why::LookAround),
            (Some('>'), _) => return refused(Why::Unsupported("an atomic group")),
            (Some('|' | '(' | '{' | '?' | '@'), _) => {
                return refused(Why::Unsupported("this kind of group"));
            }
            (Some('R' | '&' | '0'..='9' | '+'), _) | (Some('P'), Some('=' | '>')) => {
                return refused(Why::BackReference);
            }
            // How Perl writes an expression of its own: `(?^i:…)`.
            (Some('^'), Some(':')) => {
                self.out.push_str("(?:");
                self.at += 4;
            }
            (Some('^'), _) => {
                self.out.push_str("(?");
                self.at += 3;
            }
            _ => {
                self.out.push_str("(?");
                self.at += 2;
            }
        }
        self.flags_of_group();
        Ok(())
    }

    /// `x` may be set within: for the group, or for what follows where the group ends at once.
    fn flags_of_group(&mut self) {
        let outside = self.is_extended;
        let mut is_off = false;
        while let Some(c) = self.peek(0) {
            match c {
                '-' => is_off = true,
                'x' => self.is_extended = !is_off,
                'i' | 'm' | 's' => {}
                ')' => return self.take(),
                _ => break,
            }
            self.take();
        }
        self.around.push(outside);
    }

    /// A quantifier, or to Perl a brace that is one.
    fn brace(&mut self) {
        let inner: String = self.characters.iter().skip(self.at + 1).map(|(_, c)| *c).take(16).collect();
        let inner = inner.split_once('}').map(|(inner, _)| inner);
        let is_quantifier = inner.is_some_and(|inner| {
            let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
            !low.is_empty() && is_number(low) && is_number(high)
        });
        if !is_quantifier {
            return self.take_escaped('{');
        }
        while let Some(c) = self.peek(0) {
            self.take();
            if c == '}' {
                break;
            }
        }
        self.is_behind_quantifier = true;
    }
}
