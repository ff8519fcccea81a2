//! Archives and containers, read as streams from memory: what is in them, by every name it has.
//!
//! Nothing is written to a path and no size that a container declares is believed. One [`Budget`] is charged by every
//! reader. What could not be read is told as a [`Trouble`], never passed over in silence. Called in the caged child
//! only, under `catch_unwind`. Deliberately absent: walking into members (the caller does that, with a depth), and
//! judging what they are.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

mod arj;
mod budget;
mod bytes;
mod bzip2;
mod cab;
mod cfb;
mod codec;
mod format;
mod gzip;
mod iso9660;
mod lha;
mod listing;
mod lzip;
mod lzma;
mod member;
mod names;
mod output;
mod rar;
mod seven;
mod tar;
mod tnef;
mod uuencode;
mod xz;
mod yenc;
mod zip;
mod zstd;

pub use budget::{Budget, Limit, Limits};
pub use format::{Format, formats};
pub use member::{Content, Kind, Member, Trouble};

/// What a container is opened with.
#[derive(Clone, Debug, Default)]
pub struct Passwords {
    /// Tried in this order on encrypted members, within the budget.
    pub words: Vec<Vec<u8>>,
}

/// Reads `content` as `format` and hands each member to `visit`. What is wrong with the container as a whole is
/// returned; what is wrong with a member comes with it.
pub fn open(
    format: Format,
    content: &[u8],
    budget: &mut Budget,
    passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    format::open(format, content, budget, passwords, visit)
}
