//! Microsoft cabinets, wherever in a content they begin: a self-extracting program carries one as data, and
//! `cabextract` finds it there.
//!
//! Absent: Quantum compression, and cabinets of a set put together: what begins in another one is told as such.

mod blocks;
mod folder;
mod header;

use memchr::memmem;

use crate::bytes::tail;
use crate::listing::{Listing, nothing};
use crate::{Budget, Kind, Limit, Member, Passwords, Trouble};
use folder::Folder;
use header::{Cabinet, File};

const MAGIC: &[u8] = b"MSCF";
/// The signature with the reserved field behind it: what is searched for further on.
const MAGIC_AND_RESERVED: &[u8] = b"MSCF\0\0\0\0";
/// Programs in front of a cabinet are shorter.
const PREFIX_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(crate) fn is(content: &[u8]) -> bool {
    content.starts_with(MAGIC) || starts(content).next().is_some()
}

/// Where a cabinet begins.
fn starts(content: &[u8]) -> impl Iterator<Item = usize> {
    let searched = content.get(..PREFIX_BYTES_MAX).unwrap_or(content);
    memmem::find_iter(searched, MAGIC_AND_RESERVED).filter(|&at| Cabinet::read(tail(content, at)).is_some())
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut listing = Listing::new(budget, visit);
    let end = cabinets(content, &mut listing);
    listing.finish(end)
}

fn cabinets(content: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    let mut count = 0;
    for at in starts(content) {
        listing.budget().time()?;
        count += 1;
        if let Some(cabinet) = Cabinet::read(tail(content, at)) {
            cabinet_members(&cabinet, listing)?;
        }
    }
    if count == 0 {
        listing.trouble(Trouble::Damaged("cabinet header"));
    }
    Ok(())
}

fn cabinet_members(cabinet: &Cabinet<'_>, listing: &mut Listing<'_>) -> Result<(), Limit> {
    let (mut files, is_whole) = cabinet.files();
    if !is_whole {
        listing.trouble(Trouble::Damaged("cabinet directory"));
    }
    // A folder is one stream: in this order it is decoded once and need not be kept.
    files.sort_by_key(|file| (file.folder, file.offset));
    for files in files.chunk_by(|one, other| one.folder == other.folder) {
        folder_members(cabinet, files, listing)?;
    }
    Ok(())
}

fn folder_members(cabinet: &Cabinet<'_>, files: &[File<'_>], listing: &mut Listing<'_>) -> Result<(), Limit> {
    let mut folder = files.first().and_then(|file| cabinet.folder(file.folder)).map(Folder::new);
    for file in files {
        let names = vec![file.name.to_vec()];
        listing.give(names, Kind::File, false, |budget| match &mut folder {
            None if file.is_continued() => nothing(Some(Trouble::Damaged("begins in another cabinet"))),
            None => nothing(Some(Trouble::Damaged("no such folder in the cabinet"))),
            Some(folder) => folder.file(file, budget),
        })?;
    }
    Ok(())
}
