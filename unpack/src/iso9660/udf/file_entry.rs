//! What a file is made of: extents, or bytes in the entry itself.

use crate::bytes::{len, range, tail, u16_le, u32_le, u64_le};
use crate::{Kind, Trouble};

use super::BLOCK_BYTES;
use super::volume::{Address, Volume, address, tag};

const FILE_ENTRY: u16 = 261;
const EXTENDED_FILE_ENTRY: u16 = 266;
const MORE_EXTENTS: u16 = 258;
const TYPE_DIRECTORY: u8 = 4;
const TYPE_LINK: u8 = 12;
const TYPE_FILE: u8 = 5;
/// How extents are written.
const SHORT: u16 = 0;
const LONG: u16 = 1;
const EMBEDDED: u16 = 3;
/// In the two highest bits of a length.
const RECORDED: u32 = 0;
const CONTINUED: u32 = 3;
const LENGTH_MASK: u32 = 0x3fff_ffff;
/// Blocks of extents for one file.
const CONTINUATIONS_MAX: usize = 64;

pub(super) struct FileEntry {
    pub(super) kind: Kind,
    /// Offsets and lengths in the image.
    pub(super) extents: Vec<(usize, usize)>,
    pub(super) trouble: Option<Trouble>,
}

impl FileEntry {
    pub(super) fn read(volume: &Volume<'_>, at: Address) -> Option<Self> {
        let block = volume.block(at)?;
        let (attributes_at, base) = match tag(block)? {
            FILE_ENTRY => (168, 176),
            EXTENDED_FILE_ENTRY => (208, 216),
            _ => return None,
        };
        let kind = match *block.get(27)? {
            TYPE_DIRECTORY => Kind::Directory,
            TYPE_LINK => Kind::Link,
            0 | TYPE_FILE => Kind::File,
            _ => Kind::Other,
        };
        let size = len(u64_le(block, 56)?);
        let extents_at = base + len(u64::from(u32_le(block, attributes_at)?)).min(BLOCK_BYTES);
        let extents_bytes = len(u64::from(u32_le(block, attributes_at + 4)?));
        let area = range(block, extents_at, extents_bytes)?;
        let mut entry = Self { kind, extents: Vec::new(), trouble: None };
        match u16_le(block, 34)? & 7 {
            EMBEDDED => entry.extents.push((volume.offset(at)? + extents_at, area.len())),
            SHORT => entry.chain(volume, area, at.partition, 8)?,
            LONG => entry.chain(volume, area, at.partition, 16)?,
            _ => entry.trouble = Some(Trouble::Unsupported("extents of UDF")),
        }
        entry.cut(size);
        Some(entry)
    }

    /// As much of it as is there.
    pub(super) fn bytes(&self, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &(at, size) in &self.extents {
            let rest = tail(content, at);
            bytes.extend_from_slice(rest.get(..size).unwrap_or(rest));
            // Extents over each other make no directory.
            if bytes.len() > content.len() {
                break;
            }
        }
        bytes
    }

    /// The extents in `area`, and in the blocks where they go on.
    fn chain<'a>(&mut self, volume: &Volume<'a>, area: &[u8], partition: u16, width: usize) -> Option<()> {
        let mut next = self.extents_of(volume, area, partition, width)?;
        for _ in 0..CONTINUATIONS_MAX {
            let Some(at) = next else { return Some(()) };
            let block: &'a [u8] = volume.block(at).filter(|block| tag(block) == Some(MORE_EXTENTS))?;
            let area = range(block, 24, len(u64::from(u32_le(block, 20)?)))?;
            next = self.extents_of(volume, area, partition, width)?;
        }
        self.trouble = Some(Trouble::Damaged("extents of UDF"));
        Some(())
    }

    /// Where they go on is returned.
    fn extents_of(
        &mut self,
        volume: &Volume<'_>,
        area: &[u8],
        partition: u16,
        width: usize,
    ) -> Option<Option<Address>> {
        for extent in area.chunks_exact(width) {
            let told = u32_le(extent, 0)?;
            let mut at = address(extent, 4).unwrap_or(Address { block: u32_le(extent, 4)?, partition });
            if width == 8 {
                at.partition = partition;
            }
            match told >> 30 {
                _ if told & LENGTH_MASK == 0 => break,
                RECORDED => self.extents.push((volume.offset(at)?, len(u64::from(told & LENGTH_MASK)))),
                CONTINUED => return Some(Some(at)),
                _ => self.trouble = Some(Trouble::Unsupported("holes of UDF")),
            }
        }
        Some(None)
    }

    /// The last block is filled up; the size says where the file ends.
    fn cut(&mut self, size: usize) {
        let mut left = size;
        for (_, bytes) in &mut self.extents {
            *bytes = left.min(*bytes);
            left -= *bytes;
        }
        self.extents.retain(|(_, bytes)| *bytes > 0);
        if left > 0 && self.trouble.is_none() {
            self.trouble = Some(Trouble::Damaged("extents of UDF"));
        }
    }
}
