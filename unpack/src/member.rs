//! One thing in a container.

use thiserror::Error;

use crate::Limit;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file or a stream.
    File,
    /// A directory.
    Directory,
    /// A symbolic or hard link; the content is its target, where the format has that in one piece.
    Link,
    /// A device, a pipe, or something else that is no file.
    Other,
}

/// Why something could not be read, or not in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// Beyond a limit.
    #[error("beyond the limit of {0}")]
    Limit(#[from] Limit),
    /// Behind a password that is not known.
    #[error("encrypted")]
    Encrypted,
    /// Not as the format asks; what was readable was given.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// A method or version that is not read here.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// Readers may see different things; each was given.
    #[error("ambiguous: {0}")]
    Ambiguous(&'static str),
}

impl Trouble {
    /// Whether nothing more of the mail can be unpacked.
    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::Limit(limit) => limit.is_final(),
            Self::Encrypted | Self::Damaged(_) | Self::Unsupported(_) | Self::Ambiguous(_) => false,
        }
    }
}

/// The bytes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// As far as they were read.
    pub bytes: Vec<u8>,
    /// Why not further; none when all was read.
    pub trouble: Option<Trouble>,
}

/// One thing in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Every name that a reader may take for it, raw. Empty where the format has none.
    pub names: Vec<Vec<u8>>,
    /// What it is.
    pub kind: Kind,
    /// Behind a password, found out or not.
    pub is_encrypted: bool,
    /// Packed by a method, or placed where, few other readers of the format see it.
    pub is_rare: bool,
    /// What is in it.
    pub content: Content,
}

impl Member {
    /// The one file of a format that has no names.
    pub(crate) fn only(content: Content) -> Self {
        Self { names: Vec::new(), kind: Kind::File, is_encrypted: false, is_rare: false, content }
    }
}
