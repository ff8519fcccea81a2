//! RAR 1.5 to 4: blocks with a checksum, a type, flags, a size, and data behind some.

use crate::bytes::{len, range, tail, u16_le, u32_le};
use crate::listing::Listing;
use crate::{Kind, Limit, Trouble};

use super::{File, give, name};

const MAIN: u8 = 0x73;
const FILE: u8 = 0x74;
const END: u8 = 0x7b;
/// Of every block.
const HEADER_BYTES: usize = 7;
const FLAG_HAS_DATA: u16 = 0x8000;
const MAIN_FLAG_ENCRYPTED: u16 = 0x0080;
const FILE_FLAG_FROM_PREVIOUS: u16 = 0x0001;
const FILE_FLAG_TO_NEXT: u16 = 0x0002;
const FILE_FLAG_ENCRYPTED: u16 = 0x0004;
const FILE_FLAG_LONG_SIZES: u16 = 0x0100;
const FILE_FLAG_UNICODE: u16 = 0x0200;
/// All bits of the window's size: a directory.
const FILE_FLAGS_DIRECTORY: u16 = 0x00e0;
const METHOD_STORED: u8 = 0x30;
const HOST_UNIX: u8 = 3;
const MODE_TYPE: u32 = 0o17_0000;
const MODE_LINK: u32 = 0o12_0000;

struct Block<'a> {
    kind: u8,
    flags: u16,
    bytes: &'a [u8],
    data_bytes: usize,
    is_sum_right: bool,
}

/// Whether the first block is the one with which an archive begins. Its checksum is left out: unrar reads on without.
pub(super) fn is_beginning(blocks: &[u8]) -> bool {
    block(blocks).is_some_and(|block| block.kind == MAIN)
}

pub(super) fn members(mut rest: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    while !rest.is_empty() {
        listing.budget().time()?;
        let Some(block) = block(rest) else {
            listing.trouble(Trouble::Damaged("RAR header"));
            return Ok(());
        };
        if !block.is_sum_right {
            listing.trouble(Trouble::Damaged("checksum of a header"));
        }
        let behind = tail(rest, block.bytes.len());
        let data = range(behind, 0, block.data_bytes);
        match block.kind {
            MAIN if block.flags & MAIN_FLAG_ENCRYPTED != 0 => {
                listing.trouble(Trouble::Encrypted);
                return Ok(());
            }
            FILE => match file(&block) {
                Some(file) => give(file, data.unwrap_or(behind), data.is_some(), listing)?,
                None => listing.trouble(Trouble::Damaged("RAR header")),
            },
            END => return Ok(()),
            _ => {}
        }
        if data.is_none() {
            listing.trouble(Trouble::Damaged("truncated"));
        }
        rest = tail(behind, block.data_bytes);
    }
    Ok(())
}

fn block(rest: &[u8]) -> Option<Block<'_>> {
    let (sum, flags) = (u16_le(rest, 0)?, u16_le(rest, 3)?);
    let kind = *rest.get(2)?;
    let bytes = range(rest, 0, usize::from(u16_le(rest, 5)?)).filter(|bytes| bytes.len() >= HEADER_BYTES)?;
    let mut data_bytes = 0;
    if flags & FLAG_HAS_DATA != 0 || kind == FILE {
        data_bytes = u64::from(u32_le(bytes, HEADER_BYTES)?);
        if kind == FILE && flags & FILE_FLAG_LONG_SIZES != 0 {
            data_bytes |= u64::from(u32_le(bytes, 32)?) << 32;
        }
    }
    let [low, high, ..] = crc32fast::hash(tail(bytes, 2)).to_le_bytes();
    // The checksum of the main block leaves out what later versions put there.
    let is_sum_right = kind == MAIN || sum == u16::from_le_bytes([low, high]);
    Some(Block { kind, flags, bytes, data_bytes: len(data_bytes), is_sum_right })
}

fn file(block: &Block<'_>) -> Option<File> {
    let bytes = block.bytes;
    let is = |flag: u16| block.flags & flag != 0;
    let name_bytes = usize::from(u16_le(bytes, 26)?);
    let (name_at, high) = if is(FILE_FLAG_LONG_SIZES) { (40, u32_le(bytes, 36)?) } else { (32, 0) };
    let raw = range(bytes, name_at, name_bytes)?;
    let attributes = u32_le(bytes, 28)?;
    let is_link = bytes.get(15) == Some(&HOST_UNIX) && attributes & MODE_TYPE == MODE_LINK;
    let kind = match block.flags & FILE_FLAGS_DIRECTORY {
        FILE_FLAGS_DIRECTORY => Kind::Directory,
        _ if is_link => Kind::Link,
        _ => Kind::File,
    };
    Some(File {
        names: name::names(raw, is(FILE_FLAG_UNICODE)),
        kind,
        is_encrypted: is(FILE_FLAG_ENCRYPTED),
        is_stored: bytes.get(25) == Some(&METHOD_STORED),
        is_in_parts: is(FILE_FLAG_FROM_PREVIOUS) || is(FILE_FLAG_TO_NEXT),
        unpacked_bytes: u64::from(u32_le(bytes, 11)?) | u64::from(high) << 32,
        crc: u32_le(bytes, 16),
        target: None,
    })
}
