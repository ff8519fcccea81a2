//! What XFORWARD tells of the client that first handed the mail to the mail server (Postfix XFORWARD_README).
//!
//! Kept per attribute and decoded; egress encodes them again. `[UNAVAILABLE]` is an absent value, `[TEMPUNAVAIL]`
//! is treated alike. Values reset after each transaction; the session sees to that.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{xtext_decode, xtext_encode};

/// Longest XFORWARD value that we keep, in bytes after decoding.
const VALUE_BYTES_MAX: usize = 255;

/// The attributes that we announce, in the order in which they are sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OriginAttribute {
    /// Host name of the client.
    Name,
    /// Its network address.
    Addr,
    /// Its port.
    Port,
    /// SMTP or ESMTP.
    Proto,
    /// What it said in HELO or EHLO.
    Helo,
    /// The queue id of the mail at the server that sends to us.
    Ident,
    /// LOCAL or REMOTE.
    Source,
}

impl OriginAttribute {
    /// All of them, in the order in which they are announced.
    pub const ALL: [Self; 7] =
        [Self::Name, Self::Addr, Self::Port, Self::Proto, Self::Helo, Self::Ident, Self::Source];

    /// The keyword on the wire.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Addr => "ADDR",
            Self::Port => "PORT",
            Self::Proto => "PROTO",
            Self::Helo => "HELO",
            Self::Ident => "IDENT",
            Self::Source => "SOURCE",
        }
    }
}

/// Why an XFORWARD attribute was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OriginError {
    /// Not `NAME=value`.
    #[error("expected attribute=value")]
    Syntax,
    /// An attribute that we did not announce.
    #[error("unknown attribute")]
    Unknown,
    /// The value is not xtext, or holds control characters.
    #[error("value is not xtext")]
    Value,
    /// The value is longer than we keep.
    #[error("value too long")]
    TooLong,
}

/// The attributes that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Host name of the client.
    pub name: Option<String>,
    /// Its network address.
    pub addr: Option<String>,
    /// Its port.
    pub port: Option<String>,
    /// SMTP or ESMTP.
    pub proto: Option<String>,
    /// What it said in HELO or EHLO.
    pub helo: Option<String>,
    /// The queue id at the server that sends to us: the identity of a mail across that server's retries.
    pub ident: Option<String>,
    /// LOCAL or REMOTE.
    pub source: Option<String>,
}

impl Origin {
    /// Takes one `NAME=value` of an XFORWARD command.
    ///
    /// # Errors
    /// When it is not of that form, unknown, not xtext or too long.
    pub fn take(&mut self, attribute: &str) -> Result<(), OriginError> {
        let (keyword, encoded) = attribute.split_once('=').ok_or(OriginError::Syntax)?;
        let attribute = OriginAttribute::ALL
            .into_iter()
            .find(|known| known.keyword().eq_ignore_ascii_case(keyword))
            .ok_or(OriginError::Unknown)?;
        let value = xtext_decode(encoded).ok_or(OriginError::Value)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(OriginError::TooLong);
        }
        let absent = value.is_empty()
            || value.eq_ignore_ascii_case("[UNAVAILABLE]")
            || value.eq_ignore_ascii_case("[TEMPUNAVAIL]");
        *self.slot(attribute) = (!absent).then_some(value);
        Ok(())
    }

    /// One attribute's value.
    pub fn get(&self, attribute: OriginAttribute) -> Option<&str> {
        match attribute {
            OriginAttribute::Name => &self.name,
            OriginAttribute::Addr => &self.addr,
            OriginAttribute::Port => &self.port,
            OriginAttribute::Proto => &self.proto,
            OriginAttribute::Helo => &self.helo,
            OriginAttribute::Ident => &self.ident,
            OriginAttribute::Source => &self.source,
        }
        .as_deref()
    }

    /// One attribute as `NAME=xtext`, `[UNAVAILABLE]` when it was not given.
    pub fn encoded(&self, attribute: OriginAttribute) -> String {
        let value = self.get(attribute).map_or_else(|| "[UNAVAILABLE]".to_owned(), xtext_encode);
        format!("{}={value}", attribute.keyword())
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn slot(&mut self, attribute: OriginAttribute) -> &mut Option<String> {
        match attribute {
            OriginAttribute::Name => &mut self.name,
            OriginAttribute::Addr => &mut self.addr,
            OriginAttribute::Port => &mut self.port,
            OriginAttribute::Proto => &mut self.proto,
            OriginAttribute::Helo => &mut self.helo,
            OriginAttribute::Ident => &mut self.ident,
            OriginAttribute::Source => &mut self.source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_decoded_kept_and_encoded_again() {
        let mut origin = Origin::default();
        for attribute in
            ["NAME=spike.example", "addr=192.0.2.1", "HELO=a+2Bb", "IDENT=4Fxy", "PORT=[UNAVAILABLE]"]
        {
            origin.take(attribute).unwrap();
        }
        assert_eq!(origin.helo.as_deref(), Some("a+b"));
        assert_eq!(origin.port, None);
        assert_eq!(origin.encoded(OriginAttribute::Helo), "HELO=a+2Bb");
        assert_eq!(origin.encoded(OriginAttribute::Port), "PORT=[UNAVAILABLE]");
    }

    #[test]
    fn what_was_not_announced_or_smuggles_a_line_is_refused() {
        let mut origin = Origin::default();
        assert_eq!(origin.take("NAME"), Err(OriginError::Syntax));
        assert_eq!(origin.take("LOGIN=x"), Err(OriginError::Unknown));
        assert_eq!(origin.take("NAME=a+0D+0ARSET"), Err(OriginError::Value));
        assert_eq!(origin.take(&format!("NAME={}", "x".repeat(256))), Err(OriginError::TooLong));
        assert!(origin.is_empty());
    }
}
