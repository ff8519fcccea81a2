//! One header with its extensions, of any level.

use crate::Kind;
use crate::bytes::{array, range, tail, u16_le, u32_le, u64_le};
use crate::names::utf16_le;

const METHOD_BYTES: usize = 5;
const LEVEL_AT: usize = 20;
const SHORT_NAME_AT: usize = 22;
/// Where the extensions begin in levels 2 and 3, behind the size of the first.
const LEVEL_2_BYTES: usize = 26;
const LEVEL_3_BYTES: usize = 32;
const EXTENSIONS_MAX: usize = 256;
/// Between the steps of a directory.
const SEPARATOR: u8 = 0xff;
/// Type bits of a Unix mode, and those of a link.
const MODE_TYPE: u16 = 0o17_0000;
const MODE_LINK: u16 = 0o12_0000;

pub(super) struct Header {
    pub(super) method: [u8; METHOD_BYTES],
    pub(super) names: Vec<Vec<u8>>,
    pub(super) packed_bytes: u64,
    pub(super) unpacked_bytes: u64,
    pub(super) crc: Option<u16>,
    /// To the data.
    pub(super) bytes: usize,
    pub(super) is_sum_right: bool,
    mode: Option<u16>,
}

/// `-lh5-` and the like where it has to be.
pub(super) fn has_method(bytes: &[u8]) -> bool {
    let Some([b'-', b'l' | b'p', b'h' | b'z' | b'm', _, b'-']) = array::<METHOD_BYTES>(bytes, 2) else {
        return false;
    };
    bytes.get(LEVEL_AT).is_some_and(|&level| level <= 3)
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if !has_method(bytes) {
            return None;
        }
        let mut header = Self {
            method: array(bytes, 2)?,
            names: Vec::new(),
            packed_bytes: u64::from(u32_le(bytes, 7)?),
            unpacked_bytes: u64::from(u32_le(bytes, 11)?),
            crc: None,
            bytes: 0,
            is_sum_right: true,
            mode: None,
        };
        match bytes.get(LEVEL_AT)? {
            level @ (0 | 1) => header.read_short(bytes, *level == 1)?,
            2 => {
                header.crc = u16_le(bytes, 21);
                header.extensions(bytes, 24, LEVEL_2_BYTES, false)?;
                header.bytes = usize::from(u16_le(bytes, 0)?).max(LEVEL_2_BYTES);
            }
            _ => {
                header.crc = u16_le(bytes, 21);
                header.extensions(bytes, 28, LEVEL_3_BYTES, true)?;
                header.bytes = usize::try_from(u32_le(bytes, 24)?).ok()?.max(LEVEL_3_BYTES);
            }
        }
        Some(header)
    }

    /// Levels 0 and 1: a size of one byte, a checksum, a name; in level 1 extensions behind it.
    fn read_short(&mut self, bytes: &[u8], has_extensions: bool) -> Option<()> {
        let size = usize::from(*bytes.first()?);
        let base = range(bytes, 2, size)?;
        let sum = base.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        self.is_sum_right = bytes.get(1) == Some(&sum);
        let name_bytes = usize::from(*bytes.get(SHORT_NAME_AT - 1)?);
        let name = range(bytes, SHORT_NAME_AT, name_bytes)?;
        if 2 + size < SHORT_NAME_AT + name_bytes {
            return None;
        }
        self.crc = u16_le(bytes, SHORT_NAME_AT + name_bytes);
        self.bytes = 2 + size;
        let mut short = vec![slashed(name)];
        // Amiga puts a comment behind a NUL; who stops there has another name than who does not.
        if let Some(end) = name.iter().position(|&byte| byte == 0) {
            short.insert(0, slashed(name.get(..end)?));
        }
        if has_extensions {
            let before = self.bytes;
            self.extensions(bytes, before.checked_sub(2)?, before, false)?;
            // The size of level 1 counts the extensions too.
            self.packed_bytes = self.packed_bytes.checked_sub((self.bytes - before) as u64)?;
        }
        self.names.extend(short);
        Some(())
    }

    /// The chain that begins with the size at `size_at` and the extension at `at`. Leaves `bytes` behind the last.
    fn extensions(&mut self, bytes: &[u8], size_at: usize, mut at: usize, is_wide: bool) -> Option<()> {
        let width = if is_wide { 4 } else { 2 };
        let (mut name, mut directory) = (Vec::new(), Vec::new());
        let (mut wide_name, mut wide_directory) = (Vec::new(), Vec::new());
        let mut size = figure(bytes, size_at, is_wide)?;
        for _ in 0..EXTENSIONS_MAX {
            if size == 0 {
                break;
            }
            let extension = range(bytes, at, size)?;
            let data = extension.get(1..size.checked_sub(width)?)?;
            match extension.first()? {
                0x01 => name = slashed(data),
                0x02 => directory = slashed(data),
                0x42 => {
                    self.packed_bytes = u64_le(data, 0)?;
                    self.unpacked_bytes = u64_le(data, 8)?;
                }
                0x44 => wide_name = utf16_le(data),
                0x45 => wide_directory = wide_slashed(data),
                0x50 => self.mode = u16_le(data, 0),
                _ => {}
            }
            at += size;
            size = figure(tail(bytes, at - width), 0, is_wide)?;
        }
        self.bytes = at;
        self.names.extend([joined(directory, name), joined(wide_directory, wide_name)]);
        Some(())
    }

    /// A link's name and its target are one field, with a bar between them.
    pub(super) fn target(&self) -> Option<(&[u8], &[u8])> {
        let name = self.names.iter().find(|name| !name.is_empty())?;
        let bar = memchr::memchr(b'|', name)?;
        Some((name.get(..bar)?, tail(name, bar + 1)))
    }

    pub(super) fn kind(&self) -> Kind {
        if self.mode.is_some_and(|mode| mode & MODE_TYPE == MODE_LINK) {
            Kind::Link
        } else if &self.method == b"-lhd-" {
            Kind::Directory
        } else {
            Kind::File
        }
    }
}

fn figure(bytes: &[u8], at: usize, is_wide: bool) -> Option<usize> {
    if is_wide { usize::try_from(u32_le(bytes, at)?).ok() } else { u16_le(bytes, at).map(usize::from) }
}

fn slashed(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&byte| if byte == SEPARATOR { b'/' } else { byte }).collect()
}

/// In UTF-16 the separator is 0xffff.
fn wide_slashed(name: &[u8]) -> Vec<u8> {
    let units = name.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    crate::names::from_utf16(units.map(|unit| if unit == 0xffff { u16::from(b'/') } else { unit }))
}

fn joined(mut directory: Vec<u8>, name: Vec<u8>) -> Vec<u8> {
    if !directory.is_empty() && !directory.ends_with(b"/") && !name.is_empty() {
        directory.push(b'/');
    }
    directory.extend(name);
    directory
}
