//! A mail as it travels through the roles: envelope and content, both shared, never changed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Envelope, MessageKey, TxId};

/// Largest content of class s, in bytes.
const SMALL_BYTES_MAX: usize = 256 * 1024;
/// Largest content of class m, in bytes.
const MEDIUM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// BLAKE3 of a content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(blake3::hash(content).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The first eight hex digits, enough to compare two by eye.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A lane of its own in the queue, by size, so that large mails never hold up small ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Up to 256 KiB.
    Small,
    /// Up to 4 MiB.
    Medium,
    /// Above.
    Large,
}

impl Class {
    /// All classes, small first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The class of a content of `bytes`.
    pub fn of(bytes: usize) -> Self {
        if bytes <= SMALL_BYTES_MAX {
            Self::Small
        } else if bytes <= MEDIUM_BYTES_MAX {
            Self::Medium
        } else {
            Self::Large
        }
    }

    /// The letter used in subjects, durables, logs and metrics.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Small => "s",
            Self::Medium => "m",
            Self::Large => "l",
        }
    }
}

/// Envelope and content. A clone shares both.
///
/// The content is in canonical form: every line ends in CRLF, and there is no bare CR or LF.
#[derive(Clone)]
pub struct Mail {
    /// The transaction it came by.
    pub tx: TxId,
    /// Its identity across retries.
    pub key: MessageKey,
    /// Who sends what to whom.
    pub envelope: Arc<Envelope>,
    /// Header section and body, unstuffed.
    pub content: Bytes,
    /// BLAKE3 of `content`.
    pub digest: Digest,
}

impl Mail {
    /// Puts a mail together; hashes the content, about 0.2 ms per MB.
    pub fn new(tx: TxId, envelope: Envelope, content: Bytes) -> Self {
        let digest = Digest::of(&content);
        let key = MessageKey::new(envelope.origin().ident.as_deref(), envelope.sender(), &digest, tx);
        Self { tx, key, envelope: Arc::new(envelope), content, digest }
    }

    /// Its lane.
    pub fn class(&self) -> Class {
        Class::of(self.content.len())
    }
}

/// Without content and addresses, which do not belong in a log.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipients = self.envelope.recipients().len();
        write!(f, "mail {} ({recipients} recipients, {} bytes)", self.tx, self.content.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_change_at_their_limits() {
        let cases = [(0, "s"), (262_144, "s"), (262_145, "m"), (4_194_304, "m"), (4_194_305, "l")];
        for (bytes, letter) in cases {
            assert_eq!(Class::of(bytes).letter(), letter, "{bytes}");
        }
    }
}
