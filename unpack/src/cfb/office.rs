//! Whether a stream of the old Office formats is encrypted: each has a flag of its own for that.

use crate::bytes::{tail, u16_le, u32_le};

const WORD_MAGIC: u16 = 0xa5ec;
const WORD_ENCRYPTED: u16 = 0x0100;
const EXCEL_FILEPASS: u16 = 0x002f;
/// It comes behind the first record and before any that holds cells.
const EXCEL_RECORDS_MAX: usize = 32;
const POWERPOINT_ENCRYPTED: u32 = 0xf3d1_c4df;

pub(super) fn is_encrypted(name: &[u16], stream: &[u8]) -> bool {
    let is = |text: &str| text.encode_utf16().eq(name.iter().copied());
    if is("WordDocument") {
        u16_le(stream, 0) == Some(WORD_MAGIC)
            && u16_le(stream, 10).is_some_and(|flags| flags & WORD_ENCRYPTED != 0)
    } else if is("Workbook") || is("Book") {
        has_file_pass(stream)
    } else if is("Current User") {
        u32_le(stream, 12) == Some(POWERPOINT_ENCRYPTED)
    } else {
        is("EncryptedPackage")
    }
}

fn has_file_pass(stream: &[u8]) -> bool {
    let mut rest = stream;
    for _ in 0..EXCEL_RECORDS_MAX {
        match u16_le(rest, 0) {
            Some(EXCEL_FILEPASS) => return true,
            Some(_) => rest = tail(rest, 4 + usize::from(u16_le(rest, 2).unwrap_or_default())),
            None => return false,
        }
    }
    false
}
