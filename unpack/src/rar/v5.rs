//! RAR 5 and later: blocks of a checksum and figures of variable length, with a list of extras in some.

use crate::bytes::{len, range, tail, u32_le};
use crate::listing::Listing;
use crate::{Kind, Limit, Trouble};

use super::{File, give};

const MAIN: u64 = 1;
const FILE: u64 = 2;
const SERVICE: u64 = 3;
const ENCRYPTION: u64 = 4;
const END: u64 = 5;
/// Name of the service that holds a further stream of the file before it.
const STREAM: &[u8] = b"STM";
const FLAG_EXTRA: u64 = 1;
const FLAG_DATA: u64 = 2;
const FLAG_FROM_PREVIOUS: u64 = 8;
const FLAG_TO_NEXT: u64 = 16;
const FILE_FLAG_DIRECTORY: u64 = 1;
const FILE_FLAG_TIME: u64 = 2;
const FILE_FLAG_CRC: u64 = 4;
const FILE_FLAG_SIZE_UNKNOWN: u64 = 8;
const METHOD_SHIFT: u32 = 7;
const METHOD_MASK: u64 = 7;
const EXTRA_ENCRYPTION: u64 = 1;
/// A link of any kind; its target is in the record.
const EXTRA_REDIRECTION: u64 = 5;

struct Block<'a> {
    kind: u64,
    flags: u64,
    /// What the type adds, and the extras behind it.
    fields: &'a [u8],
    extra: &'a [u8],
    /// The header with its checksum.
    bytes: usize,
    data_bytes: usize,
    is_sum_right: bool,
}

/// Whether the first block is one with which an archive begins. Its checksum is left out: unrar reads on without.
pub(super) fn is_beginning(blocks: &[u8]) -> bool {
    block(blocks).is_some_and(|block| block.kind == MAIN || block.kind == ENCRYPTION)
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
        let behind = tail(rest, block.bytes);
        let data = range(behind, 0, block.data_bytes);
        match block.kind {
            // Every header behind it is encrypted.
            ENCRYPTION => {
                listing.trouble(Trouble::Encrypted);
                return Ok(());
            }
            FILE => match file(&block) {
                Some(file) => give_all(file, data.unwrap_or(behind), data.is_some(), listing)?,
                None => listing.trouble(Trouble::Damaged("RAR header")),
            },
            SERVICE => {
                let is_of_interest = |file: &File| {
                    // What is in a packed comment or index is in no file.
                    (file.is_stored && !file.is_encrypted) || file.names == [STREAM]
                };
                if let Some(file) = file(&block).filter(is_of_interest) {
                    give(file, data.unwrap_or(behind), data.is_some(), listing)?;
                }
            }
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

/// Behind a link there should be no data; some readers unpack it where there is.
fn give_all(file: File, data: &[u8], is_whole: bool, listing: &mut Listing<'_>) -> Result<(), Limit> {
    let has_both = file.target.is_some() && !data.is_empty();
    let unlinked = has_both.then(|| File { target: None, ..file.clone() });
    give(file, data, is_whole, listing)?;
    unlinked.map_or(Ok(()), |file| give(file, data, is_whole, listing))
}

fn block(rest: &[u8]) -> Option<Block<'_>> {
    let sum = u32_le(rest, 0)?;
    let mut from = tail(rest, 4);
    let before = from.len();
    let size = len(figure(&mut from)?);
    let size_bytes = before - from.len();
    let summed = range(rest, 4, size_bytes.checked_add(size)?)?;
    let mut fields = from.get(..size)?;
    let (kind, flags) = (figure(&mut fields)?, figure(&mut fields)?);
    let extra_bytes = if flags & FLAG_EXTRA != 0 { len(figure(&mut fields)?) } else { 0 };
    let data_bytes = if flags & FLAG_DATA != 0 { len(figure(&mut fields)?) } else { 0 };
    let (fields, extra) = fields.split_at_checked(fields.len().checked_sub(extra_bytes)?)?;
    let is_sum_right = sum == crc32fast::hash(summed);
    Some(Block { kind, flags, fields, extra, bytes: 4 + summed.len(), data_bytes, is_sum_right })
}

fn file(block: &Block<'_>) -> Option<File> {
    let mut from = block.fields;
    let flags = figure(&mut from)?;
    let mut unpacked_bytes = figure(&mut from)?;
    if flags & FILE_FLAG_SIZE_UNKNOWN != 0 {
        unpacked_bytes = block.data_bytes as u64;
    }
    figure(&mut from)?;
    if flags & FILE_FLAG_TIME != 0 {
        from = tail(from, 4);
    }
    let mut crc = None;
    if flags & FILE_FLAG_CRC != 0 {
        crc = Some(u32_le(from, 0)?);
        from = tail(from, 4);
    }
    let compression = figure(&mut from)?;
    figure(&mut from)?;
    let name_bytes = len(figure(&mut from)?);
    let name = range(from, 0, name_bytes)?;
    let (is_encrypted, target) = extras(block.extra);
    let kind = match target {
        _ if flags & FILE_FLAG_DIRECTORY != 0 => Kind::Directory,
        Some(_) => Kind::Link,
        None => Kind::File,
    };
    Some(File {
        names: vec![name.to_vec()],
        kind,
        is_encrypted,
        is_stored: compression >> METHOD_SHIFT & METHOD_MASK == 0,
        is_in_parts: block.flags & (FLAG_FROM_PREVIOUS | FLAG_TO_NEXT) != 0,
        unpacked_bytes,
        crc,
        target: target.map(<[u8]>::to_vec),
    })
}

/// Whether the data is encrypted, and what the member is a link to.
fn extras(mut extra: &[u8]) -> (bool, Option<&[u8]>) {
    let (mut is_encrypted, mut target) = (false, None);
    while let Some(size) = figure(&mut extra) {
        let mut record = range(extra, 0, len(size)).unwrap_or(extra);
        extra = tail(extra, record.len());
        match figure(&mut record) {
            Some(EXTRA_ENCRYPTION) => is_encrypted = true,
            Some(EXTRA_REDIRECTION) => target = Some(redirection(record).unwrap_or_default()),
            Some(_) | None => {}
        }
    }
    (is_encrypted, target)
}

/// Kind of link, flags, length and name.
fn redirection(mut record: &[u8]) -> Option<&[u8]> {
    figure(&mut record)?;
    figure(&mut record)?;
    let size = figure(&mut record)?;
    range(record, 0, len(size))
}

/// Seven bits a byte, the lowest first; the eighth says that there is more.
fn figure(from: &mut &[u8]) -> Option<u64> {
    let mut figure = 0;
    for at in 0..10_u32 {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        figure |= u64::from(byte & 0x7f).checked_shl(at * 7)?;
        if byte & 0x80 == 0 {
            return Some(figure);
        }
    }
    None
}
