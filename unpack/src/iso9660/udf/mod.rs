//! UDF (ECMA-167) on discs that are written once, with one plain partition: what Windows shows of a disc that has both.

mod file_entry;
mod volume;

use std::collections::{BTreeSet, VecDeque};

use crate::bytes::{range, tail, u16_le, u32_le};
use crate::names::from_utf16;
use crate::{Budget, Kind, Limit, Trouble};

use super::tree::{Image, Node, PATH_BYTES_MAX};
use file_entry::FileEntry;
use volume::{Address, Volume};

pub(super) const BLOCK_BYTES: usize = super::SECTOR_BYTES;
const FILE_IDENTIFIER: u16 = 257;
const IDENTIFIER_BYTES: usize = 38;
const FLAG_DIRECTORY: u8 = 2;
const FLAG_DELETED: u8 = 4;
const FLAG_PARENT: u8 = 8;

/// Adds what the tree of UDF leads to. What is wrong with it is told after what could be read was added.
pub(super) fn walk(
    content: &[u8],
    image: &mut Image<'_>,
    budget: &mut Budget,
) -> Result<Option<Trouble>, Limit> {
    let volume = match Volume::read(content) {
        Ok(volume) => volume,
        Err(trouble) => return Ok(Some(trouble)),
    };
    let mut trouble = None;
    let mut open = VecDeque::from([(volume.root, Vec::new())]);
    let mut seen = BTreeSet::from([volume.root]);
    while let Some((address, path)) = open.pop_front() {
        let damaged = Some(Trouble::Damaged("directory of UDF"));
        let Some(entry) = FileEntry::read(&volume, address) else {
            trouble = trouble.or(damaged);
            continue;
        };
        let directory = entry.bytes(content);
        // It is copied together from its extents.
        budget.output(directory.len() as u64, 0, 0)?;
        let mut rest = directory.as_slice();
        while !rest.is_empty() {
            image.count(budget)?;
            let Some(identifier) = Identifier::read(rest) else {
                trouble = trouble.or(damaged);
                break;
            };
            rest = tail(rest, identifier.bytes);
            if identifier.flags & (FLAG_DELETED | FLAG_PARENT) != 0 {
                continue;
            }
            let path = joined(&path, &identifier.name);
            if identifier.flags & FLAG_DIRECTORY == 0 {
                let node = node(&volume, identifier.address, path);
                for _ in &node.extents {
                    image.count(budget)?;
                }
                image.merge(node);
                continue;
            }
            image.merge(Node {
                names: vec![path.clone()],
                kind: Kind::Directory,
                extents: Vec::new(),
                trouble: None,
            });
            // A loop, or two directories in one place.
            let is_new = path.len() <= PATH_BYTES_MAX && seen.insert(identifier.address);
            trouble = trouble.or(damaged.filter(|_| !is_new));
            open.extend(is_new.then_some((identifier.address, path)));
        }
    }
    Ok(trouble)
}

fn node(volume: &Volume<'_>, address: Address, path: Vec<u8>) -> Node {
    let names = vec![path];
    match FileEntry::read(volume, address) {
        Some(entry) => Node { names, kind: entry.kind, extents: entry.extents, trouble: entry.trouble },
        None => {
            let trouble = Some(Trouble::Damaged("file entry of UDF"));
            Node { names, kind: Kind::File, extents: Vec::new(), trouble }
        }
    }
}

/// One name in a directory.
struct Identifier {
    flags: u8,
    name: Vec<u8>,
    address: Address,
    bytes: usize,
}

impl Identifier {
    fn read(from: &[u8]) -> Option<Self> {
        if volume::tag(from)? != FILE_IDENTIFIER {
            return None;
        }
        let name_at = IDENTIFIER_BYTES + usize::from(u16_le(from, 36)?);
        let name = range(from, name_at, usize::from(*from.get(19)?))?;
        Some(Self {
            flags: *from.get(18)?,
            name: text(name),
            address: Address { block: u32_le(from, 24)?, partition: u16_le(from, 28)? },
            bytes: (name_at + name.len()).next_multiple_of(4),
        })
    }
}

/// The first byte says how wide the characters are.
fn text(name: &[u8]) -> Vec<u8> {
    match name.split_first() {
        Some((16, units)) => {
            from_utf16(units.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit)))
        }
        Some((_, bytes)) => from_utf16(bytes.iter().map(|&byte| u16::from(byte))),
        None => Vec::new(),
    }
}

fn joined(above: &[u8], name: &[u8]) -> Vec<u8> {
    if above.is_empty() { name.to_vec() } else { [above, b"/", name].concat() }
}
