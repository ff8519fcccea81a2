//! OLE compound files: every stream by its path, and what is packed into streams: packages (`Ole10Native`) and the
//! attachments of Outlook's messages.
//!
//! The directory is read entry by entry, so that a stream that no storage leads to is seen too. Absent: decoding of
//! VBA modules (the storages `VBA` and `Macros` are seen by name), and of encrypted documents.

mod directory;
mod msg;
mod msi;
mod office;
mod package;
mod powerpoint;
mod sectors;

use crate::listing::{Listing, nothing};
use crate::output::{drain, stored};
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};
use directory::{Directory, Entry};
use sectors::Sectors;

const MAGIC: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

pub(crate) fn is(content: &[u8]) -> bool {
    content.starts_with(&MAGIC)
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut listing = Listing::new(budget, visit);
    let end = members(content, &mut listing);
    listing.finish(end)
}

fn members(content: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    let Some(mut sectors) = Sectors::read(content) else {
        listing.trouble(Trouble::Damaged("compound file header"));
        return Ok(());
    };
    let directory = Directory::read(&sectors);
    if let Some(root) = directory.root() {
        sectors.mini_stream(root.start);
    }
    if !directory.is_whole || sectors.is_broken() {
        listing.trouble(Trouble::Damaged("compound file tables"));
    }
    let attachments = msg::Attachments::read(&sectors, &directory);
    if !attachments.is_whole {
        listing.trouble(Trouble::Damaged("more names than an attachment has"));
    }
    for (id, entry) in directory.entries() {
        if entry.is_stream {
            stream(&sectors, &directory, id, entry, &attachments, listing)?;
        } else {
            let mut names = attachments.names(entry);
            names.push(directory.path(id));
            listing.give(names, Kind::Directory, false, |_| nothing(None))?;
        }
    }
    if directory.has("EncryptedPackage") && directory.has("EncryptionInfo") {
        listing.trouble(Trouble::Encrypted);
    }
    Ok(())
}

fn stream(
    sectors: &Sectors<'_>,
    directory: &Directory,
    id: u32,
    entry: &Entry,
    attachments: &msg::Attachments,
    listing: &mut Listing<'_>,
) -> Result<(), Limit> {
    // Read before it is charged as a member: what is in it has to be found while it is here.
    let content = content(sectors, entry, listing.budget());
    let is_encrypted = office::is_encrypted(&entry.name, &content.bytes);
    if is_encrypted {
        listing.trouble(Trouble::Encrypted);
    }
    if let Some(package) = package::read(&entry.name, &content.bytes) {
        give_package(&package, listing)?;
    }
    powerpoint::give(&entry.name, &content.bytes, listing)?;
    let mut names = attachments.names(entry);
    if names.is_empty() {
        names.extend([directory.path(id), msi::name(&entry.name)]);
    }
    listing.give(names, Kind::File, is_encrypted, |_| content)
}

fn give_package(package: &package::Package<'_>, listing: &mut Listing<'_>) -> Result<(), Limit> {
    listing.give(package.names.clone(), Kind::File, false, |budget| {
        let mut content = stored(package.data, budget);
        if !package.is_whole {
            content.trouble = content.trouble.or(Some(Trouble::Damaged("truncated")));
        }
        content
    })
}

fn content(sectors: &Sectors<'_>, entry: &Entry, budget: &mut Budget) -> Content {
    let mut chain = sectors.stream(entry.start, entry.size);
    let input_bytes = usize::try_from(entry.size).unwrap_or(usize::MAX).min(sectors.bytes());
    let mut content = drain(&mut chain, input_bytes, "sectors", budget);
    if content.trouble.is_none() && (content.bytes.len() as u64) < entry.size {
        content.trouble = Some(Trouble::Damaged("chain of sectors ends early"));
    }
    content
}
