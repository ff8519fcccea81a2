//! Replies of a next hop (RFC 5321 section 4.2): bytes in, whole replies out.
//!
//! Tolerant where real servers are loose (bare LF, no text, text that is not UTF-8, lines beyond every limit), strict
//! where a guess could lose or double a mail: a line without a code, or two codes in one reply, ends the dialogue.
//! Everything that is kept is bounded.

use std::fmt;

use memchr::memchr;
use proto::Enhanced;
use thiserror::Error;

/// What is kept of one line; the rest of it is read and dropped.
pub const LINE_BYTES_MAX: usize = 2_048;
/// Lines of one reply.
pub const LINES_MAX: usize = 100;

/// Why bytes are no reply. The dialogue cannot go on behind any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// A line does not begin with three digits of a known class and a space, a hyphen or nothing.
    #[error("a line of the reply has no code")]
    Syntax,
    /// The lines of one reply have different codes: which one is meant is not for us to guess.
    #[error("the lines of the reply have different codes")]
    MixedCodes,
    /// More than [`LINES_MAX`] lines.
    #[error("the reply has too many lines")]
    TooLong,
    /// A well-formed reply of a class that has no meaning at this point, such as 250 to DATA.
    #[error("the reply {0} has no meaning here")]
    Unexpected(u16),
}

/// What the first digit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 2xx.
    Positive,
    /// 3xx: go on.
    Intermediate,
    /// 421: the next hop closes the connection, whatever was asked.
    Closing,
    /// Any other 4xx.
    Transient,
    /// 5xx.
    Permanent,
}

/// One reply, all its lines.
#[derive(Clone, PartialEq, Eq)]
pub struct NextHopReply {
    code: u16,
    /// Lines behind their codes, parted by LF.
    text: String,
}

impl NextHopReply {
    /// The three digits, 200 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// What the code means.
    pub fn class(&self) -> Class {
        match self.code {
            421 => Class::Closing,
            300..=399 => Class::Intermediate,
            400..=499 => Class::Transient,
            500..=599 => Class::Permanent,
            _ => Class::Positive,
        }
    }

    /// The lines without code, hyphen and line end.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// The enhanced code that the text begins with (RFC 2034), if its class is that of the code.
    pub fn enhanced(&self) -> Option<Enhanced> {
        let word = self.text.split([' ', '\n']).next()?;
        let mut numbers = word.split('.');
        let class: u16 = numbers.next()?.parse().ok()?;
        let subject = number(numbers.next()?)?;
        let detail = number(numbers.next()?)?;
        let whole = numbers.next().is_none() && class == self.code / 100;
        whole.then_some(Enhanced { subject, detail })
    }

    /// The id under which the next hop queued the mail, for the log: what follows `queued as`.
    pub fn queue_id(&self) -> Option<&str> {
        let (_, behind) = self.text.split_once("queued as ")?;
        let end =
            behind.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(behind.len());
        behind.get(..end).map(|id| id.trim_end_matches('.')).filter(|id| !id.is_empty())
    }
}

/// One to three digits (RFC 3463 section 2).
fn number(text: &str) -> Option<u16> {
    let well_formed = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    well_formed.then(|| text.parse().ok())?
}

/// `250 2.0.0 Ok`, the lines parted by spaces.
impl fmt::Display for NextHopReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        self.lines().filter(|line| !line.is_empty()).try_for_each(|line| write!(f, " {line}"))
    }
}

impl fmt::Debug for NextHopReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

/// Collects bytes until they are a reply.
#[derive(Debug, Default)]
pub struct ReplyParser {
    /// The line so far, without its end.
    line: Vec<u8>,
    lines: usize,
    code: Option<u16>,
    text: String,
}

impl ReplyParser {
    /// Takes bytes from the front of `input` up to the end of one reply; `None` when all were taken and it is not
    /// whole yet. After an error the parser is of no use.
    pub fn take(&mut self, input: &mut &[u8]) -> Option<Result<NextHopReply, ReplyError>> {
        while let Some(end) = memchr(b'\n', input) {
            let (line, rest) = input.split_at_checked(end)?;
            self.keep(line);
            *input = rest.get(1..).unwrap_or_default();
            match self.end_of_line() {
                Ok(true) => return Some(Ok(self.finish())),
                Ok(false) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        self.keep(input);
        *input = &[];
        None
    }

    /// Whether no reply has begun.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty() && self.lines == 0
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX - self.line.len();
        self.line.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// True when this line is the last of its reply.
    fn end_of_line(&mut self) -> Result<bool, ReplyError> {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let (digits, behind) = line.split_at_checked(3).ok_or(ReplyError::Syntax)?;
        let code = code_of(digits).ok_or(ReplyError::Syntax)?;
        let (last, text) = match behind.split_first() {
            None => (true, behind),
            Some((b' ' | b'\t', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(ReplyError::Syntax),
        };
        if self.code.is_some_and(|first| first != code) {
            return Err(ReplyError::MixedCodes);
        }
        self.code = Some(code);
        self.lines += 1;
        if self.lines > LINES_MAX {
            return Err(ReplyError::TooLong);
        }
        if self.lines > 1 {
            self.text.push('\n');
        }
        self.text.push_str(&String::from_utf8_lossy(text));
        self.line.clear();
        Ok(last)
    }

    fn finish(&mut self) -> NextHopReply {
        self.lines = 0;
        NextHopReply { code: self.code.take().unwrap_or_default(), text: std::mem::take(&mut self.text) }
    }
}

fn code_of(digits: &[u8]) -> Option<u16> {
    let text = str::from_utf8(digits).ok()?;
    let all_digits = text.bytes().all(|b| b.is_ascii_digit());
    let code = text.parse().ok().filter(|_| all_digits)?;
    (200..=599).contains(&code).then_some(code)
}
