//! Which formats a content may be read as. Any that fits counts, not the first.

use crate::{Budget, Member, Passwords, Trouble};

/// A container format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {}

/// Every format that `content` may be read as.
pub fn formats(_content: &[u8]) -> Vec<Format> {
    Vec::new()
}

pub(crate) fn open(
    format: Format,
    _content: &[u8],
    _budget: &mut Budget,
    _passwords: &Passwords,
    _visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    match format {}
}
