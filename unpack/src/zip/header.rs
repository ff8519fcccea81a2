//! What a central and a local header have in common, and each of them as it is. Nothing in them is believed.

use crate::bytes::{range, tail, u16_le, u32_le, u64_le};

pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;

const FLAG_ENCRYPTED: u16 = 1;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_STRONG: u16 = 1 << 6;
const FLAG_MASKED: u16 = 1 << 13;

const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_UNICODE_PATH: u16 = 0x7075;
const EXTRA_AES: u16 = 0x9901;
const METHOD_AES: u16 = 99;
/// The highest that anyone has written is 6.3.
const VERSION_MAX: u16 = 63;
const NAME_BYTES_MAX: usize = 4096;

/// What `WinZip` says about a member in its way of AES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AesExtra {
    /// AE-2 has no checksum.
    pub(super) version: u16,
    /// 1 to 3: keys of 128, 192 and 256 bits.
    pub(super) strength: u8,
}

/// What both headers tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    flags: u16,
    /// The real one where AES is around it.
    pub(super) method: u16,
    pub(super) time: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Raw, and in Unicode where an extra field has it.
    pub(super) names: Vec<Vec<u8>>,
    pub(super) aes: Option<AesExtra>,
}

impl Header {
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & FLAG_ENCRYPTED != 0 || self.aes.is_some() || self.is_strong()
    }

    /// PKWARE's own way, or a directory that is encrypted itself.
    pub(super) fn is_strong(&self) -> bool {
        self.flags & (FLAG_STRONG | FLAG_MASKED) != 0 || (self.method == METHOD_AES && self.aes.is_none())
    }

    /// Sizes and checksum stand behind the data.
    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & FLAG_DESCRIPTOR != 0
    }

    /// LZMA with an end mark.
    pub(super) fn has_end_mark(&self) -> bool {
        self.flags & 2 != 0
    }

    /// The fields that both have in one order, from `at`; then name and extra field from `names_at`.
    fn read(content: &[u8], at: usize, name: &[u8], extra: &[u8], offset: Option<&mut u64>) -> Option<Self> {
        let packed = u32_le(content, at + 12)?;
        let size = u32_le(content, at + 16)?;
        let mut header = Self {
            flags: u16_le(content, at)?,
            method: u16_le(content, at + 2)?,
            time: u16_le(content, at + 4)?,
            crc: u32_le(content, at + 8)?,
            packed: u64::from(packed),
            size: u64::from(size),
            names: vec![name.to_vec()],
            aes: None,
        };
        header.extras(extra, packed == u32::MAX, size == u32::MAX, offset);
        Some(header)
    }

    fn extras(&mut self, mut extra: &[u8], has_packed: bool, has_size: bool, mut offset: Option<&mut u64>) {
        while let (Some(id), Some(bytes)) = (u16_le(extra, 0), u16_le(extra, 2)) {
            let Some(data) = range(extra, 4, usize::from(bytes)) else { return };
            match id {
                EXTRA_ZIP64 => self.zip64(data, has_packed, has_size, offset.as_deref_mut()),
                EXTRA_UNICODE_PATH => {
                    let name = tail(data, 5);
                    if !name.is_empty() && !self.names.iter().any(|known| known == name) {
                        self.names.push(name.to_vec());
                    }
                }
                EXTRA_AES => {
                    let fields = (u16_le(data, 0), data.get(4), u16_le(data, 5));
                    if let (Some(version), Some(&strength), Some(method)) = fields
                        && self.method == METHOD_AES
                    {
                        self.aes = Some(AesExtra { version, strength });
                        self.method = method;
                    }
                }
                _ => {}
            }
            extra = tail(extra, 4 + usize::from(bytes));
        }
    }

    fn zip64(&mut self, data: &[u8], has_packed: bool, has_size: bool, offset: Option<&mut u64>) {
        let mut at = 0;
        let mut next = || {
            let value = u64_le(data, at);
            at += 8;
            value
        };
        if has_size && let Some(size) = next() {
            self.size = size;
        }
        if has_packed && let Some(packed) = next() {
            self.packed = packed;
        }
        if let Some(offset) = offset
            && *offset == u64::from(u32::MAX)
            && let Some(value) = next()
        {
            *offset = value;
        }
    }
}

/// A header in front of the data.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) header: Header,
    pub(super) data_at: usize,
}

impl Local {
    pub(super) fn read(content: &[u8], at: usize) -> Option<Self> {
        let from = tail(content, at);
        if !from.starts_with(LOCAL) {
            return None;
        }
        let name_bytes = usize::from(u16_le(from, 26)?);
        let extra_bytes = usize::from(u16_le(from, 28)?);
        let name = range(from, LOCAL_BYTES, name_bytes)?;
        let extra_at = LOCAL_BYTES + name_bytes;
        // An extra field that goes beyond the end is none.
        let extra = range(from, extra_at, extra_bytes)?;
        let header = Header::read(from, 6, name, extra, None)?;
        Some(Self { header, data_at: at + extra_at + extra_bytes })
    }

    /// Whether it looks like one that somebody wrote, and not like four bytes of a program.
    pub(super) fn is_plausible(content: &[u8], at: usize) -> bool {
        let version = u16_le(content, at + 4).is_some_and(|version| version & 0xff <= VERSION_MAX);
        Self::read(content, at).is_some_and(|local| {
            let is_method = matches!(local.header.method, 0..=20 | 93..=99);
            let name_bytes = local.header.names.first().map_or(0, Vec::len);
            version && is_method && (1..=NAME_BYTES_MAX).contains(&name_bytes)
        })
    }
}

/// A header in the directory at the end.
#[derive(Clone, Debug)]
pub(super) struct Central {
    pub(super) header: Header,
    /// Where the local header is said to be.
    pub(super) offset: u64,
    pub(super) disk: u16,
    host: u8,
    external: u32,
}

impl Central {
    /// The header at `at` and where the next one is.
    pub(super) fn read(content: &[u8], at: usize) -> Option<(Self, usize)> {
        let from = tail(content, at);
        if !from.starts_with(CENTRAL) {
            return None;
        }
        let [name_bytes, extra_bytes, comment_bytes] =
            [u16_le(from, 28)?, u16_le(from, 30)?, u16_le(from, 32)?].map(usize::from);
        let name = range(from, CENTRAL_BYTES, name_bytes)?;
        let extra = range(from, CENTRAL_BYTES + name_bytes, extra_bytes).unwrap_or_default();
        let mut offset = u64::from(u32_le(from, 42)?);
        let header = Header::read(from, 8, name, extra, Some(&mut offset))?;
        let central = Self {
            header,
            offset,
            disk: u16_le(from, 34)?,
            host: *from.get(5)?,
            external: u32_le(from, 38)?,
        };
        Some((central, at + CENTRAL_BYTES + name_bytes + extra_bytes + comment_bytes))
    }

    /// Whether it says nothing that `other` does not: ten thousand of them on one local header are one.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.header == other.header && self.is_symbolic_link() == other.is_symbolic_link()
    }

    pub(super) fn is_symbolic_link(&self) -> bool {
        // 3 and 19: Unix and macOS.
        matches!(self.host, 3 | 19) && (self.external >> 16) & 0o170_000 == 0o120_000
    }
}
