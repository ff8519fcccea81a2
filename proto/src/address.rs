//! RFC 5321 paths: the reverse-path of MAIL and the forward-path of RCPT, with RFC 6531's UTF-8.
//!
//! The bytes stay as the client wrote them, since the next hop must get exactly those; a normalised key for look-ups
//! stands beside them. Refused: source routes, control characters, unbalanced quotes, 8-bit without SMTPUTF8.
//! Taken although the grammar forbids it, because such addresses receive mail: dots anywhere in a local part,
//! underscores in a domain, a local part without a domain.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest mailbox in bytes: the longest local part that we take, `@`, and the longest domain (RFC 1035).
pub const MAILBOX_BYTES_MAX: usize = LOCAL_BYTES_MAX + 1 + DOMAIN_BYTES_MAX;
/// RFC 5321 asks for 64; rewritten senders (SRS, VERP, BATV) are longer in practice.
const LOCAL_BYTES_MAX: usize = 256;
const DOMAIN_BYTES_MAX: usize = 255;

/// Why a path was refused: 501 5.1.3 or 5.1.7, 553 5.6.7 for [`AddressError::Utf8`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Not `<` mailbox `>`.
    #[error("expected <address>")]
    Brackets,
    /// `<@relay:user@host>`.
    #[error("source routes are not supported")]
    SourceRoute,
    /// A local part that is neither dots and atoms nor a quoted string.
    #[error("bad local part")]
    Local,
    /// Neither a domain name nor an address literal.
    #[error("bad domain")]
    Domain,
    /// Longer than [`MAILBOX_BYTES_MAX`] or its parts.
    #[error("address too long")]
    TooLong,
    /// Characters beyond ASCII where SMTPUTF8 was not given.
    #[error("address needs SMTPUTF8")]
    Utf8,
    /// `<>` where somebody must get the mail.
    #[error("empty address")]
    Null,
}

/// A checked mailbox, without angle brackets.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mailbox {
    raw: Box<str>,
    key: Box<str>,
}

impl Mailbox {
    /// The address as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// The address for look-ups: local part unquoted, domain in lower case and as A-labels. Local parts keep their
    /// case, which only the final host may ignore.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether it can travel without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.raw.is_ascii()
    }

    /// Checks `text` as a mailbox that fills the whole of it.
    fn parse(text: &str, smtputf8: bool) -> Result<Self, AddressError> {
        let end = scan(text)?;
        if end.total != text.len() {
            return Err(AddressError::Brackets);
        }
        if !smtputf8 && !text.is_ascii() {
            return Err(AddressError::Utf8);
        }
        let (local, domain) = text.split_at_checked(end.local).ok_or(AddressError::Local)?;
        let domain = domain.strip_prefix('@');
        if local.len() > LOCAL_BYTES_MAX || domain.is_some_and(|d| d.len() > DOMAIN_BYTES_MAX) {
            return Err(AddressError::TooLong);
        }
        if domain.is_some_and(|domain| !is_domain(domain)) {
            return Err(AddressError::Domain);
        }
        Ok(Self { raw: text.into(), key: key_of(local, domain).into() })
    }
}

impl TryFrom<String> for Mailbox {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text, true)
    }
}

impl From<Mailbox> for String {
    fn from(mailbox: Mailbox) -> Self {
        mailbox.raw.into()
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.raw, f)
    }
}

/// Where bounces go: a mailbox, or nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReversePath {
    /// `<>`, the sender of bounces.
    Null,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Reads `<...>` that fills the whole of `text`.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn parse(text: &str, smtputf8: bool) -> Result<Self, AddressError> {
        match between_brackets(text)? {
            "" => Ok(Self::Null),
            mailbox => Mailbox::parse(mailbox, smtputf8).map(Self::Mailbox),
        }
    }

    /// The address without brackets; empty for the null sender.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mailbox(mailbox) => mailbox.as_str(),
        }
    }

    /// Whether it can travel without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.as_str().is_ascii()
    }
}

/// Where a mail is to go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForwardPath(Mailbox);

impl ForwardPath {
    /// Reads `<...>` that fills the whole of `text`.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn parse(text: &str, smtputf8: bool) -> Result<Self, AddressError> {
        match between_brackets(text)? {
            "" => Err(AddressError::Null),
            mailbox => Mailbox::parse(mailbox, smtputf8).map(Self),
        }
    }

    /// The mailbox.
    pub fn mailbox(&self) -> &Mailbox {
        &self.0
    }

    /// The address without brackets.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it can travel without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }
}

/// Splits the argument of MAIL FROM: or RCPT TO: into the path, brackets included, and what follows it.
///
/// A quoted local part may hold spaces and brackets, so the path ends where its quotes say.
///
/// # Errors
/// When it does not start with `<` or no `>` outside quotes follows.
pub fn split_path(argument: &str) -> Result<(&str, &str), AddressError> {
    if !argument.starts_with('<') {
        return Err(AddressError::Brackets);
    }
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in argument.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return argument.split_at_checked(at + 1).ok_or(AddressError::Brackets),
            _ => {}
        }
    }
    Err(AddressError::Brackets)
}

fn between_brackets(text: &str) -> Result<&str, AddressError> {
    let inner =
        text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).ok_or(AddressError::Brackets)?;
    if inner.starts_with('@') {
        return Err(AddressError::SourceRoute);
    }
    if inner.len() > MAILBOX_BYTES_MAX {
        return Err(AddressError::TooLong);
    }
    Ok(inner)
}

/// Where a mailbox's parts end, in bytes.
struct Ends {
    local: usize,
    total: usize,
}

/// Walks the local part; what follows its `@` is the domain, to the end of the text.
fn scan(text: &str) -> Result<Ends, AddressError> {
    let local =
        if text.starts_with('"') { quoted_end(text) } else { atoms_end(text) }.ok_or(AddressError::Local)?;
    match text.as_bytes().get(local) {
        None | Some(b'@') => Ok(Ends { local, total: text.len() }),
        Some(_) => Err(AddressError::Local),
    }
}

/// The end of a dot-string, or `None` when it is empty.
fn atoms_end(text: &str) -> Option<usize> {
    let is_atom = |c: char| match c {
        '.' => true,
        c if c.is_ascii() => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        c => !c.is_control(),
    };
    let end = text.find(|c| !is_atom(c)).unwrap_or(text.len());
    (end > 0).then_some(end)
}

/// The end of a quoted string, closing quote included; `None` when it is not closed or holds a control character.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c.is_control() {
            return None;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[') {
        let is_dcontent = |c: char| matches!(c, '!'..='Z' | '^'..='~');
        return literal
            .strip_suffix(']')
            .is_some_and(|inner| !inner.is_empty() && inner.chars().all(is_dcontent));
    }
    let is_letter = |c: char| match c {
        c if c.is_ascii() => c.is_ascii_alphanumeric() || c == '-' || c == '_',
        c => c.is_alphanumeric() || !(c.is_control() || c.is_whitespace()),
    };
    let labels = domain.strip_suffix('.').unwrap_or(domain).split('.');
    labels.into_iter().all(|label| !label.is_empty() && label.chars().all(is_letter))
}

fn key_of(local: &str, domain: Option<&str>) -> String {
    let mut key = unquoted(local);
    let Some(domain) = domain else { return key };
    key.push('@');
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    match idna::domain_to_ascii(domain) {
        Ok(ascii) if !domain.is_ascii() => key.push_str(&ascii),
        _ => key.push_str(&domain.to_ascii_lowercase()),
    }
    key
}

fn unquoted(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
