//! One block of 512 bytes, if its checksum says that it is a header.

use crate::Kind;
use crate::bytes::range;

pub(super) const BLOCK_BYTES: usize = 512;
const NAME_BYTES: usize = 100;
const SIZE_AT: usize = 124;
const SIZE_BYTES: usize = 12;
/// Set in the first byte of a figure that is no text.
const BASE_256: u8 = 0x80;
const CHECKSUM_AT: usize = 148;
const CHECKSUM_BYTES: usize = 8;
const TYPE_AT: usize = 156;
const LINK_AT: usize = 157;
const MAGIC_AT: usize = 257;
const PREFIX_AT: usize = 345;
const PREFIX_BYTES: usize = 155;

pub(super) struct Header<'a> {
    pub(super) block: &'a [u8],
    /// As the block tells it.
    pub(super) size: u64,
    pub(super) type_flag: u8,
}

impl<'a> Header<'a> {
    pub(super) fn read(block: &'a [u8]) -> Option<Self> {
        let told = number(range(block, CHECKSUM_AT, CHECKSUM_BYTES)?)?;
        // Cheap first: this runs on every content there is.
        if told == 0 || block.first() == Some(&0) || told > 255 * BLOCK_BYTES as u64 {
            return None;
        }
        let mut unsigned = 0_u64;
        let mut signed = 0_i64;
        for (at, &byte) in block.get(..BLOCK_BYTES)?.iter().enumerate() {
            let is_checksum = (CHECKSUM_AT..CHECKSUM_AT + CHECKSUM_BYTES).contains(&at);
            let byte = if is_checksum { b' ' } else { byte };
            unsigned += u64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        if told != unsigned && i64::try_from(told) != Ok(signed) {
            return None;
        }
        Some(Self {
            block,
            size: number(range(block, SIZE_AT, SIZE_BYTES)?)?,
            type_flag: *block.get(TYPE_AT)?,
        })
    }

    /// With the prefix of ustar where there is one.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(self.block, 0, NAME_BYTES);
        // GNU has other things where ustar has the prefix.
        let is_ustar = range(self.block, MAGIC_AT, 6) == Some(b"ustar\0");
        let prefix = if is_ustar { text(self.block, PREFIX_AT, PREFIX_BYTES) } else { b"" };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// Whether `name`, the block's own, may be the beginning of a longer one.
    pub(super) fn is_cut(&self, name: &[u8]) -> bool {
        name.len() >= NAME_BYTES - 1
    }

    pub(super) fn link(&self) -> &'a [u8] {
        text(self.block, LINK_AT, NAME_BYTES)
    }

    /// Whether its size is in base 256, or its content in pieces.
    pub(super) fn is_odd(&self) -> bool {
        self.block.get(SIZE_AT).is_some_and(|first| first & BASE_256 != 0) || self.is_sparse()
    }

    pub(super) fn is_hard_link(&self) -> bool {
        self.type_flag == b'1'
    }

    pub(super) fn is_link(&self) -> bool {
        matches!(self.type_flag, b'1' | b'2')
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.type_flag == b'S'
    }

    pub(super) fn kind(&self) -> Kind {
        match self.type_flag {
            b'1' | b'2' => Kind::Link,
            b'5' | b'D' => Kind::Directory,
            b'3' | b'4' | b'6' => Kind::Other,
            // A type that is not known is read as a file, as POSIX asks.
            _ => Kind::File,
        }
    }

    /// Old writers mark directories by the name.
    pub(super) fn kind_by_name(&self, names: &[Vec<u8>]) -> Kind {
        let is_plain = matches!(self.type_flag, b'\0' | b'0');
        let is_marked = is_plain && names.iter().all(|name| name.ends_with(b"/"));
        if is_marked { Kind::Directory } else { self.kind() }
    }
}

fn text(block: &[u8], at: usize, count: usize) -> &[u8] {
    let field = range(block, at, count).unwrap_or_default();
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    field.get(..end).unwrap_or_default()
}

/// Octal digits among blanks, or base 256 behind a set top bit.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & BASE_256 != 0 {
        let mut value = u64::from(first & 0x3f);
        for &byte in rest {
            value = value.checked_mul(256)?.checked_add(u64::from(byte))?;
        }
        return Some(value);
    }
    let is_blank = |byte: u8| byte == b' ' || byte == 0;
    let mut value = 0_u64;
    let mut is_over = false;
    for &byte in field.iter().skip_while(|&&byte| is_blank(byte)) {
        if is_blank(byte) {
            is_over = true;
        } else if is_over {
            break;
        } else if (b'0'..=b'7').contains(&byte) {
            value = value.checked_mul(8)?.checked_add(u64::from(byte - b'0'))?;
        } else {
            return None;
        }
    }
    Some(value)
}
