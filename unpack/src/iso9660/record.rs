//! One directory record, with what Rock Ridge says of it: a longer name, and that it is a link.

use crate::bytes::{range, tail, u32_le};

const NAME_AT: usize = 33;
const FLAG_DIRECTORY: u8 = 2;
const FLAG_MORE: u8 = 0x80;
const ENTRY_BYTES_MIN: usize = 4;
const NAME_HEADER_BYTES: usize = 5;

pub(super) struct Record<'a> {
    /// Of the record.
    pub(super) bytes: usize,
    /// First block, behind the extended attributes.
    pub(super) block: usize,
    pub(super) size: usize,
    pub(super) is_directory: bool,
    /// The file goes on in the next record.
    pub(super) has_more: bool,
    pub(super) is_interleaved: bool,
    pub(super) name: &'a [u8],
    system_use: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn read(from: &'a [u8]) -> Option<Self> {
        let bytes = usize::from(*from.first()?);
        let record = range(from, 0, bytes)?;
        let flags = *record.get(25)?;
        let attribute_blocks = usize::from(*record.get(1)?);
        let name = range(record, NAME_AT, usize::from(*record.get(32)?))?;
        // The name is padded to an even record.
        let behind = NAME_AT + name.len() + (name.len() + 1) % 2;
        Some(Self {
            bytes,
            block: usize::try_from(u32_le(record, 2)?).ok()?.checked_add(attribute_blocks)?,
            size: usize::try_from(u32_le(record, 10)?).ok()?,
            is_directory: flags & FLAG_DIRECTORY != 0,
            has_more: flags & FLAG_MORE != 0,
            is_interleaved: record.get(26..28)? != [0, 0],
            name,
            system_use: tail(record, behind),
        })
    }

    /// The directory itself and the one above.
    pub(super) fn is_dot(&self) -> bool {
        matches!(self.name, [0 | 1])
    }

    /// What Rock Ridge says, here and where the record says that it goes on.
    pub(super) fn rock_ridge(&self, content: &[u8], block_bytes: usize) -> RockRidge {
        let mut found = RockRidge::default();
        let more = entries(self.system_use, &mut found);
        if let Some((block, offset, size)) = more {
            let at = block.saturating_mul(block_bytes).saturating_add(offset);
            entries(range(content, at, size).unwrap_or_default(), &mut found);
        }
        found
    }
}

#[derive(Default)]
pub(super) struct RockRidge {
    /// Empty when it has none.
    pub(super) name: Vec<u8>,
    pub(super) is_link: bool,
}

/// Appends the pieces of the name; where the entries go on is returned.
fn entries(mut area: &[u8], found: &mut RockRidge) -> Option<(usize, usize, usize)> {
    let mut more = None;
    while let Some(size) = area.get(2).map(|&size| usize::from(size)).filter(|&size| size >= ENTRY_BYTES_MIN)
    {
        let entry = area.get(..size)?;
        match entry.first_chunk() {
            Some(b"NM") => found.name.extend_from_slice(tail(entry, NAME_HEADER_BYTES)),
            Some(b"SL") => found.is_link = true,
            Some(b"CE") => {
                let figure = |at| u32_le(entry, at).and_then(|figure| usize::try_from(figure).ok());
                more = Some((figure(4)?, figure(12)?, figure(20)?));
            }
            Some(_) | None => {}
        }
        area = tail(area, size);
    }
    more
}
