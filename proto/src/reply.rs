//! One SMTP reply (RFC 5321 section 4.2, RFC 2034 and RFC 3463): code, enhanced code, one line of text.
//!
//! Texts may come from a next hop or a scanner, so they are made printable and short where a reply is built: a
//! reply can be written to a socket or a log as it stands. Multi-line replies of a server exist only while a
//! session writes its LHLO answer; they are no `Reply`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest reply text in bytes; RFC 5321 section 4.5.3.1.5 gives a reply line 512 with code and line end.
const TEXT_BYTES_MAX: usize = 480;

/// Enhanced status code (RFC 3463): class, subject, detail. The class follows from the reply's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Enhanced {
    /// The second number: what the status is about.
    pub subject: u16,
    /// The third number.
    pub detail: u16,
}

/// What a reply means for the one who got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplyClass {
    /// 2xx: responsibility was taken.
    Positive,
    /// 4xx: not now; the client keeps the mail.
    Transient,
    /// 5xx: never.
    Permanent,
}

/// A final reply: 2xx, 4xx or 5xx.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Read")]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    text: String,
}

/// As it comes from another process or a file, where nobody vouches for it.
#[derive(Deserialize)]
struct Read {
    code: u16,
    enhanced: Option<Enhanced>,
    text: String,
}

impl From<Read> for Reply {
    fn from(read: Read) -> Self {
        Self::new(read.code, read.enhanced, read.text)
    }
}

impl Reply {
    /// Builds a reply. A code outside 200–299, 400–599 becomes 451: what we cannot read, we do not know.
    pub fn new(code: u16, enhanced: impl Into<Option<Enhanced>>, text: impl AsRef<str>) -> Self {
        let code = if matches!(code, 200..=299 | 400..=599) { code } else { 451 };
        Self { code, enhanced: enhanced.into(), text: printable(text.as_ref()) }
    }

    /// A reply with an enhanced code `class.subject.detail`, the class being that of `code`.
    pub fn enhanced(code: u16, subject: u16, detail: u16, text: impl AsRef<str>) -> Self {
        Self::new(code, Enhanced { subject, detail }, text)
    }

    /// The answer where nothing is known: transient, so that the client keeps the mail.
    pub fn unknown() -> Self {
        Self::enhanced(451, 3, 0, "not processed, try again later")
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced code, when there is one.
    pub fn enhanced_code(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The text, one printable line without codes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it means.
    pub fn class(&self) -> ReplyClass {
        match self.code {
            200..=299 => ReplyClass::Positive,
            500..=599 => ReplyClass::Permanent,
            _ => ReplyClass::Transient,
        }
    }

    /// Whether it takes responsibility for the mail.
    pub fn is_positive(&self) -> bool {
        self.class() == ReplyClass::Positive
    }
}

/// `250 2.0.0 text`, without line end.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {}.{}.{}", self.code / 100, enhanced.subject, enhanced.detail)?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}

/// One line of printable text: control characters become spaces, runs of spaces one, and the end is cut at a
/// character boundary.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for c in text.chars() {
        let c = if c.is_control() || c == '\u{2028}' || c == '\u{2029}' { ' ' } else { c };
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if out.len() + c.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_written_as_the_rfcs_say() {
        assert_eq!(Reply::enhanced(250, 0, 0, "Ok: queued as 4F").to_string(), "250 2.0.0 Ok: queued as 4F");
        assert_eq!(Reply::enhanced(552, 3, 4, "too big").to_string(), "552 5.3.4 too big");
        assert_eq!(Reply::new(220, None, "").to_string(), "220");
    }

    #[test]
    fn a_code_that_is_no_final_reply_becomes_451() {
        for code in [0, 99, 199, 300, 354, 399, 600, 65_535] {
            assert_eq!(Reply::new(code, None, "x").code(), 451, "{code}");
        }
        for code in [200, 299, 400, 499, 500, 599] {
            assert_eq!(Reply::new(code, None, "x").code(), code);
        }
    }

    #[test]
    fn a_hostile_text_stays_one_short_line() {
        let reply = Reply::new(550, None, format!("a\r\n250 ok\0\u{85}b{}", "é".repeat(600)));
        assert!(reply.text().starts_with("a 250 ok b"), "{reply}");
        assert!(reply.text().len() <= TEXT_BYTES_MAX);
        assert!(!reply.to_string().chars().any(char::is_control));
    }

    #[test]
    fn what_another_process_says_is_made_a_reply_too() {
        // As Reply is written, but by nobody who made it one.
        let said = (354, None::<Enhanced>, "a\r\n250 ok");
        let read: Reply = rmp_serde::from_slice(&rmp_serde::to_vec(&said).unwrap()).unwrap();
        assert_eq!(read, Reply::new(451, None, "a 250 ok"));
    }
}
