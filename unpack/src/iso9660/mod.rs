//! Images of optical discs: the tree of ISO 9660, that of Joliet, Rock Ridge's names, and UDF. A file that several
//! trees lead to is one member with all its names; what only one of them shows is given too.
//!
//! Absent: images with 2352 bytes a sector, boot images, and UDF as rewritable discs have it (virtual, sparable and
//! metadata partitions).

mod record;
mod tree;
mod udf;

use crate::bytes::{range, tail, u16_le};
use crate::listing::{Listing, nothing};
use crate::output::stored;
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};
use record::Record;
use tree::{Image, Node};

const SECTOR_BYTES: usize = 2048;
/// The area in front of the descriptors.
const SYSTEM_SECTORS: usize = 16;
/// No image has so many.
const DESCRIPTORS_MAX: usize = 64;
const MAGIC: &[u8] = b"CD001";
const PRIMARY: u8 = 1;
const SUPPLEMENTARY: u8 = 2;
const TERMINATOR: u8 = 255;
const ESCAPES_AT: usize = 88;
const BLOCK_BYTES_AT: usize = 128;
const ROOT_AT: usize = 156;

pub(crate) fn is(content: &[u8]) -> bool {
    descriptors(content).any(|sector| is_of_iso(sector) || is_of_udf(sector))
}

fn descriptors(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let sectors = tail(content, SYSTEM_SECTORS * SECTOR_BYTES).chunks(SECTOR_BYTES);
    sectors.take_while(|sector| is_of_iso(sector) || is_extended(sector)).take(DESCRIPTORS_MAX)
}

fn is_of_iso(sector: &[u8]) -> bool {
    range(sector, 1, MAGIC.len()) == Some(MAGIC)
}

/// Of the sequence in which UDF announces itself.
fn is_extended(sector: &[u8]) -> bool {
    matches!(range(sector, 1, 5), Some(b"BEA01" | b"TEA01" | b"BOOT2")) || is_of_udf(sector)
}

fn is_of_udf(sector: &[u8]) -> bool {
    matches!(range(sector, 1, 5), Some(b"NSR02" | b"NSR03"))
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
    let mut image = Image::new(content);
    let (mut has_terminator, mut has_udf) = (false, false);
    for sector in descriptors(content) {
        has_udf |= is_of_udf(sector);
        match sector.first() {
            Some(&(PRIMARY | SUPPLEMENTARY)) if is_of_iso(sector) => volume(sector, &mut image, listing)?,
            Some(&TERMINATOR) => has_terminator = true,
            Some(_) | None => {}
        }
    }
    if !has_terminator && !image.nodes().is_empty() {
        listing.trouble(Trouble::Damaged("no end of the descriptors"));
    }
    if has_udf && let Some(trouble) = udf::walk(content, &mut image, listing.budget())? {
        listing.trouble(trouble);
    }
    for node in image.nodes() {
        listing.give(node.names.clone(), node.kind, false, |budget| node_content(content, node, budget))?;
    }
    Ok(())
}

fn volume(sector: &[u8], image: &mut Image<'_>, listing: &mut Listing<'_>) -> Result<(), Limit> {
    let root = Record::read(tail(sector, ROOT_AT));
    let block_bytes = u16_le(sector, BLOCK_BYTES_AT).map(usize::from);
    let (Some(root), Some(block_bytes @ (512 | 1024 | 2048))) = (root, block_bytes) else {
        listing.trouble(Trouble::Damaged("volume descriptor"));
        return Ok(());
    };
    let is_joliet = sector.first() == Some(&SUPPLEMENTARY)
        && matches!(range(sector, ESCAPES_AT, 3), Some([b'%', b'/', b'@' | b'C' | b'E']));
    if !image.walk(&root, block_bytes, is_joliet, listing.budget())? {
        listing.trouble(Trouble::Damaged("directory"));
    }
    Ok(())
}

fn node_content(content: &[u8], node: &Node, budget: &mut Budget) -> Content {
    if node.kind == Kind::Directory {
        return nothing(None);
    }
    let mut whole = nothing(None);
    for &(at, size) in &node.extents {
        let rest = tail(content, at);
        let bytes = rest.get(..size).unwrap_or(rest);
        let part = stored(bytes, budget);
        whole.bytes.extend(part.bytes);
        let is_short = bytes.len() < size;
        whole.trouble = part.trouble.or(is_short.then_some(Trouble::Damaged("truncated")));
        let limits = budget.limits();
        if whole.trouble.is_none() && whole.bytes.len() as u64 > limits.member_bytes_max {
            whole.trouble = Some(Limit::MemberBytes.into());
        }
        if whole.trouble.is_some() {
            break;
        }
    }
    whole.trouble = whole.trouble.or(node.trouble);
    whole
}
