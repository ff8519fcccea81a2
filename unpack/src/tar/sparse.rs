//! Files with holes, as GNU tar has them: filled with zeros as an unpacked one would be, while the budget lasts. The
//! zeros count as output, so that a hole of 10 GB ends at the ratio.

use super::header::{BLOCK_BYTES, Header, number};
use super::pax::{Extended, decimal};
use crate::bytes::{len, range, tail};
use crate::{Budget, Content, Trouble};

/// Pairs of offset and length; a header has four, an extension block 21.
const PIECES_MAX: usize = 10_000;
const PIECE_BYTES: usize = 24;
const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// The content, and how many bytes of map are between the header and what its size counts.
pub(super) fn read(
    content: &[u8],
    header: &Header<'_>,
    extended: &Extended,
    data_at: usize,
    budget: &mut Budget,
) -> (Content, usize) {
    let (map, size, map_bytes, extra) = match &extended.sparse {
        None => {
            let (map, size, map_bytes) = old_gnu(content, header, data_at);
            (map, size, map_bytes, map_bytes)
        }
        Some(sparse) if sparse.is_map_in_data => {
            let (map, map_bytes) = map_in_data(tail(content, data_at));
            (map, sparse.size, map_bytes, 0)
        }
        Some(sparse) => (sparse.map.clone(), sparse.size, 0, 0),
    };
    let data = tail(content, data_at.saturating_add(map_bytes));
    let mut bytes = Vec::new();
    let result = fill(data, &map, size, budget, &mut bytes);
    match result {
        Ok(()) => (Content { bytes, trouble: None }, extra),
        Err(Trouble::Limit(limit)) => {
            // What is stored is there without the holes too.
            (Content { bytes: stored_only(data, &map, budget), trouble: Some(limit.into()) }, extra)
        }
        Err(trouble) => (Content { bytes, trouble: Some(trouble) }, extra),
    }
}

fn fill(
    data: &[u8],
    map: &[(u64, u64)],
    size: u64,
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let mut at = 0_usize;
    for &(offset, count) in map {
        let Some(hole) = offset.checked_sub(bytes.len() as u64) else {
            return Err(Trouble::Damaged("sparse map"));
        };
        zeros(hole, data.len(), budget, bytes)?;
        let piece = range(data, at, len(count)).ok_or(Trouble::Damaged("truncated"))?;
        budget.output(count, (bytes.len() as u64).saturating_add(count), data.len() as u64)?;
        bytes.extend_from_slice(piece);
        at = at.saturating_add(piece.len());
    }
    zeros(size.saturating_sub(bytes.len() as u64), data.len(), budget, bytes)
}

fn zeros(
    mut count: u64,
    input_bytes: usize,
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
) -> Result<(), Trouble> {
    while count > 0 {
        let some = ZEROS.get(..len(count).min(ZEROS.len())).unwrap_or(&ZEROS);
        let member_bytes = bytes.len().saturating_add(some.len()) as u64;
        budget.output(some.len() as u64, member_bytes, input_bytes as u64)?;
        bytes.extend_from_slice(some);
        count -= some.len() as u64;
    }
    Ok(())
}

fn stored_only(data: &[u8], map: &[(u64, u64)], budget: &mut Budget) -> Vec<u8> {
    let count = map.iter().fold(0, |sum: u64, piece| sum.saturating_add(piece.1));
    let there = data.get(..len(count).min(data.len())).unwrap_or_default();
    let is_within = budget.output(there.len() as u64, there.len() as u64, there.len() as u64) == Ok(());
    if is_within { there.to_vec() } else { Vec::new() }
}

/// Map, real size, and the bytes of the blocks that the map goes on in.
fn old_gnu(content: &[u8], header: &Header<'_>, data_at: usize) -> (Vec<(u64, u64)>, u64, usize) {
    let mut map = Vec::new();
    pieces(range(header.block, 386, 4 * PIECE_BYTES).unwrap_or_default(), &mut map);
    let mut more = header.block.get(482) == Some(&1);
    let mut used = 0;
    while more && map.len() < PIECES_MAX {
        let Some(block) = range(content, data_at.saturating_add(used), BLOCK_BYTES) else { break };
        pieces(block.get(..21 * PIECE_BYTES).unwrap_or_default(), &mut map);
        more = block.get(504) == Some(&1);
        used += BLOCK_BYTES;
    }
    let size = range(header.block, 483, 12).and_then(number).unwrap_or_default();
    (map, size, used)
}

fn pieces(from: &[u8], map: &mut Vec<(u64, u64)>) {
    for piece in from.chunks_exact(PIECE_BYTES) {
        let (offset, count) = piece.split_at(12);
        match (number(offset), number(count)) {
            (Some(offset), Some(count)) if piece.first() != Some(&0) => map.push((offset, count)),
            _ => return,
        }
    }
}

/// pax 1.0: lines of numbers before the data, filled up to a block.
fn map_in_data(data: &[u8]) -> (Vec<(u64, u64)>, usize) {
    let mut map = Vec::new();
    let mut at = 0;
    let mut next = || {
        let line = tail(data, at);
        let end = memchr::memchr(b'\n', line)?;
        at += end + 1;
        decimal(line.get(..end)?)
    };
    let count = next().unwrap_or_default();
    while (map.len() as u64) < count && map.len() < PIECES_MAX {
        let (Some(offset), Some(bytes)) = (next(), next()) else { break };
        map.push((offset, bytes));
    }
    (map, at.div_ceil(BLOCK_BYTES) * BLOCK_BYTES)
}
