//! RAR 4 and 5, read from the headers: names, what is encrypted, and stored members. unrar and 7-Zip look for the
//! signature behind anything, so it is looked for here behind anything too.
//!
//! Absent: decompression (its licence forbids to write it after unrar; the scanner has it), and RAR before 1.5.

mod name;
mod v4;
mod v5;

use memchr::memmem;

use crate::bytes::tail;
use crate::listing::{Listing, nothing};
use crate::output::stored;
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};

const MAGIC: &[u8] = b"Rar!\x1a\x07";
const MAGIC_OLD: &[u8] = b"RE\x7e\x5e";
/// unrar looks no further for it.
const PREFIX_BYTES_MAX: usize = 2 * 1024 * 1024;

pub(crate) fn is(content: &[u8]) -> bool {
    content.starts_with(MAGIC_OLD) || start(content).is_some()
}

/// Further on it has to have the block behind it with which an archive begins: lists of signatures have it too.
fn start(content: &[u8]) -> Option<Start<'_>> {
    let searched = content.get(..PREFIX_BYTES_MAX).unwrap_or(content);
    memmem::find_iter(searched, MAGIC).find_map(|at| {
        let behind = tail(content, at + MAGIC.len());
        match behind {
            [0, blocks @ ..] if at == 0 || v4::is_beginning(blocks) => Some(Start::V4(blocks)),
            [1, 0, blocks @ ..] if at == 0 || v5::is_beginning(blocks) => Some(Start::V5(blocks)),
            [2..=4, ..] if at == 0 => Some(Start::Unknown),
            _ => None,
        }
    })
}

/// What is behind the signature.
enum Start<'a> {
    V4(&'a [u8]),
    V5(&'a [u8]),
    Unknown,
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut listing = Listing::new(budget, visit);
    let end = match start(content) {
        Some(Start::V4(blocks)) => v4::members(blocks, &mut listing),
        Some(Start::V5(blocks)) => v5::members(blocks, &mut listing),
        Some(Start::Unknown) | None => {
            listing.trouble(Trouble::Unsupported("version of RAR"));
            Ok(())
        }
    };
    listing.finish(end)
}

/// What a header of either version says of a member.
#[derive(Clone)]
struct File {
    names: Vec<Vec<u8>>,
    kind: Kind,
    is_encrypted: bool,
    is_stored: bool,
    /// Began in the volume before, or goes on in the next.
    is_in_parts: bool,
    unpacked_bytes: u64,
    crc: Option<u32>,
    /// Of a link, where the header has it; in version 4 it is the data.
    target: Option<Vec<u8>>,
}

/// `packed` is as much of the data as is there.
fn give(file: File, packed: &[u8], is_whole: bool, listing: &mut Listing<'_>) -> Result<(), Limit> {
    let File { names, kind, is_encrypted, is_stored, is_in_parts, unpacked_bytes, crc, target } = file;
    listing.give(names, kind, is_encrypted, |budget| {
        if is_encrypted {
            return nothing(Some(Trouble::Encrypted));
        }
        if let Some(target) = target {
            return stored(&target, budget);
        }
        if kind == Kind::Directory || (packed.is_empty() && unpacked_bytes == 0) {
            return nothing(None);
        }
        if !is_stored {
            return nothing(Some(Trouble::Unsupported("compression of RAR")));
        }
        let mut content: Content = stored(packed, budget);
        if content.trouble.is_some() {
            return content;
        }
        if is_in_parts {
            content.trouble = Some(Trouble::Damaged("goes on in another volume"));
        } else if !is_whole || packed.len() as u64 != unpacked_bytes {
            content.trouble = Some(Trouble::Damaged("truncated"));
        } else if crc.is_some_and(|crc| crc != crc32fast::hash(packed)) {
            content.trouble = Some(Trouble::Damaged("checksum"));
        }
        content
    })
}
