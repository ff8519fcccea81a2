//! From the anchor to the root directory.

use crate::Trouble;
use crate::bytes::{range, tail, u16_le, u32_le};

use super::BLOCK_BYTES;

/// Where the anchor is, counted from the beginning; it may also be at the end.
const ANCHOR_BLOCK: usize = 256;
const ANCHOR: u16 = 2;
const PARTITION: u16 = 5;
const LOGICAL_VOLUME: u16 = 6;
const TERMINATOR: u16 = 8;
const FILE_SET: u16 = 256;
const DESCRIPTORS_MAX: usize = 64;
const MAPS_AT: usize = 440;
const PLAIN_MAP: u8 = 1;
const MAPS_MAX: u32 = 16;

/// A block of a partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) block: u32,
    pub(super) partition: u16,
}

pub(super) struct Volume<'a> {
    content: &'a [u8],
    /// Where each partition that an address may name begins, in blocks.
    partitions: Vec<u32>,
    pub(super) root: Address,
}

impl<'a> Volume<'a> {
    pub(super) fn read(content: &'a [u8]) -> Result<Self, Trouble> {
        let anchor = anchor(content).ok_or(Trouble::Damaged("no anchor of UDF"))?;
        let damaged = Trouble::Damaged("volume descriptors of UDF");
        let first = u32_le(anchor, 20).ok_or(damaged)?;
        let descriptors = tail(content, offset(first)).chunks(BLOCK_BYTES).take(DESCRIPTORS_MAX);
        let mut starts = Vec::new();
        let mut logical = None;
        for descriptor in descriptors {
            match tag(descriptor) {
                Some(PARTITION) => starts.extend(u16_le(descriptor, 22).zip(u32_le(descriptor, 188))),
                Some(LOGICAL_VOLUME) => logical = Some(descriptor),
                Some(TERMINATOR) | None => break,
                Some(_) => {}
            }
        }
        let logical = logical.ok_or(damaged)?;
        if u32_le(logical, 212).and_then(|bytes| usize::try_from(bytes).ok()) != Some(BLOCK_BYTES) {
            return Err(Trouble::Unsupported("blocks of UDF"));
        }
        let mut volume = Self {
            content,
            partitions: maps(logical, &starts)?,
            root: address(logical, 252).ok_or(damaged)?,
        };
        let file_set =
            volume.block(volume.root).filter(|block| tag(block) == Some(FILE_SET)).ok_or(damaged)?;
        volume.root = address(file_set, 404).ok_or(damaged)?;
        Ok(volume)
    }

    /// Where the address is in the image.
    pub(super) fn offset(&self, address: Address) -> Option<usize> {
        let start = self.partitions.get(usize::from(address.partition))?;
        Some(offset(start.checked_add(address.block)?))
    }

    pub(super) fn block(&self, address: Address) -> Option<&'a [u8]> {
        range(self.content, self.offset(address)?, BLOCK_BYTES)
    }
}

/// A block and the partition that it is in, as most descriptors have them.
pub(super) fn address(descriptor: &[u8], at: usize) -> Option<Address> {
    Some(Address { block: u32_le(descriptor, at)?, partition: u16_le(descriptor, at + 4)? })
}

/// The kind of a descriptor whose tag has its checksum.
pub(super) fn tag(descriptor: &[u8]) -> Option<u16> {
    let tag = range(descriptor, 0, 16)?;
    let told = *tag.get(4)?;
    let sum = tag.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte)).wrapping_sub(told);
    if sum == told { u16_le(tag, 0) } else { None }
}

fn anchor(content: &[u8]) -> Option<&[u8]> {
    let blocks = content.len() / BLOCK_BYTES;
    let places = [Some(ANCHOR_BLOCK), blocks.checked_sub(1), blocks.checked_sub(257)];
    let blocks = places.into_iter().flatten().map(|block| tail(content, block * BLOCK_BYTES));
    blocks.into_iter().find(|block| tag(block) == Some(ANCHOR))
}

fn maps(logical: &[u8], starts: &[(u16, u32)]) -> Result<Vec<u32>, Trouble> {
    let damaged = Trouble::Damaged("partitions of UDF");
    let count = u32_le(logical, 268).ok_or(damaged)?.min(MAPS_MAX);
    let mut rest = tail(logical, MAPS_AT);
    let mut maps = Vec::new();
    for _ in 0..count {
        if rest.first() != Some(&PLAIN_MAP) {
            return Err(Trouble::Unsupported("partitions of UDF"));
        }
        let number = u16_le(rest, 4).ok_or(damaged)?;
        let start = starts.iter().find(|(known, _)| *known == number).ok_or(damaged)?;
        maps.push(start.1);
        rest = tail(rest, usize::from(*rest.get(1).ok_or(damaged)?));
    }
    Ok(maps)
}

fn offset(block: u32) -> usize {
    usize::try_from(block).unwrap_or(usize::MAX).saturating_mul(BLOCK_BYTES)
}
