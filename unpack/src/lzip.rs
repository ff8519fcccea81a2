//! lzip: all its members as one file.

use crate::bytes::{range, tail, u32_le, u64_le};
use crate::lzma::Raw;
use crate::{Budget, Content, Member, Passwords, Trouble};

const MAGIC: &[u8] = b"LZIP\x01";
const HEADER_BYTES: usize = 6;
const TRAILER_BYTES: usize = 20;
/// `lc` 3, `lp` 0, `pb` 2, as the format fixes them.
const PROPERTIES: u8 = 2 * 45 + 3;

pub(crate) fn is(content: &[u8]) -> bool {
    content.starts_with(MAGIC)
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut bytes = Vec::new();
    let trouble = members(content, budget, &mut bytes).err();
    let content = Content { bytes, trouble };
    visit(Member::only(content));
    Vec::new()
}

fn members(content: &[u8], budget: &mut Budget, bytes: &mut Vec<u8>) -> Result<(), Trouble> {
    let mut at = 0;
    loop {
        budget.member()?;
        let rest = tail(content, at);
        let coded = *rest.get(HEADER_BYTES - 1).ok_or(Trouble::Damaged("lzip header"))?;
        let before = bytes.len();
        let data = tail(rest, HEADER_BYTES);
        let raw = Raw { size: u64::MAX, properties: PROPERTIES, dictionary: dictionary(coded) };
        let (consumed, trouble) = raw.decode(data, content.len(), budget, bytes);
        let Some(consumed) = consumed else { return Err(trouble.unwrap_or(Trouble::Damaged("lzip data"))) };
        let produced = tail(bytes, before);
        let trailer = range(data, consumed, TRAILER_BYTES).ok_or(Trouble::Damaged("truncated"))?;
        let crc = u32_le(trailer, 0).unwrap_or_default();
        let size = u64_le(trailer, 4).unwrap_or_default();
        if crc != crc32fast::hash(produced) || size != produced.len() as u64 {
            return Err(Trouble::Damaged("lzip checksum"));
        }
        at = at.saturating_add(HEADER_BYTES + consumed + TRAILER_BYTES);
        let rest = tail(content, at);
        if rest.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        if !is(rest) {
            return Err(Trouble::Damaged("data behind the last member"));
        }
    }
}

/// A power of two less so many sixteenths of it.
fn dictionary(coded: u8) -> u32 {
    let base = 1_u32.checked_shl(u32::from(coded & 0x1f)).unwrap_or(u32::MAX);
    base - base / 16 * u32::from(coded >> 5)
}
