//! What a child hands back of a mail: findings, and contents for virus scanners.
//!
//! How much it may hand back is counted on this side, since it may have been taken over.

use std::time::Duration;

use bytes::Bytes;
use proto::inspection::{Found, Limits, Wanted};
use proto::{Category, Unchecked};

/// What a child gave of a mail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inspected {
    pub(crate) findings: Vec<Found>,
    pub(crate) parts: Vec<Part>,
    /// Whether some parts were left out, being too much.
    pub(crate) is_cut: bool,
    /// How long it took.
    pub(crate) time: Duration,
}

/// A decoded part of a mail, or a member of an archive in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) content: Bytes,
    /// Whether a scanner that sees the whole mail may not come upon it.
    pub(crate) is_hidden: bool,
}

impl Inspected {
    /// Nothing but that it is unchecked, and why.
    pub(super) fn unchecked(why: Unchecked, what: impl Into<String>) -> Self {
        Self { findings: vec![Found::new(Category::Unchecked(why), what)], ..Self::default() }
    }

    /// Whether the parts are all that is in the mail, so that whoever has seen them has seen it.
    pub(crate) fn is_complete(&self) -> bool {
        let leaves_doubt = |found: &Found| match found.category {
            Category::Unchecked(Unchecked::OverLimit | Unchecked::Ambiguous | Unchecked::Failed) => true,
            Category::Unchecked(Unchecked::Encrypted)
            | Category::Virus
            | Category::Banned
            | Category::Spam
            | Category::Spammy
            | Category::BadHeader
            | Category::Oversized
            | Category::Clean => false,
        };
        !self.parts.is_empty() && !self.is_cut && !self.findings.iter().any(leaves_doubt)
    }
}

/// How much more a child may hand back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) parts: usize,
    pub(super) bytes: usize,
}

impl Allowance {
    pub(super) fn new(wanted: Wanted, limits: &Limits) -> Self {
        match wanted {
            Wanted::Nothing => Self { parts: 0, bytes: 0 },
            Wanted::Hidden | Wanted::All => {
                Self { parts: limits.feed_parts_max, bytes: limits.feed_bytes_max }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_doubt_about_the_parts() {
        let of = |category| Inspected {
            findings: vec![Found::new(category, "x")],
            parts: vec![Part { content: Bytes::from_static(b"x"), is_hidden: false }],
            ..Inspected::default()
        };
        for why in [Unchecked::OverLimit, Unchecked::Ambiguous, Unchecked::Failed] {
            assert!(!of(Category::Unchecked(why)).is_complete(), "{why:?}");
        }
        assert!(of(Category::Banned).is_complete());
        assert!(of(Category::Unchecked(Unchecked::Encrypted)).is_complete());
        assert!(!Inspected { parts: Vec::new(), ..of(Category::Banned) }.is_complete());
        assert!(!Inspected { is_cut: true, ..of(Category::Banned) }.is_complete());
    }
}
