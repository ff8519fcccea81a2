//! A block of MAPI properties: what holds content, and the names of an attachment.

use crate::bytes::{range, tail, u16_le, u32_le};
use crate::names::{until_nul, utf16_le};

/// How the content is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bytes,
    /// Compressed RTF.
    Rtf,
}

pub(super) struct Found<'a> {
    pub(super) kind: Kind,
    pub(super) data: &'a [u8],
    /// Whether it is a property, which few other readers look into.
    pub(super) is_property: bool,
}

impl<'a> Found<'a> {
    /// What is the whole of an attribute.
    pub(super) fn attribute(data: &'a [u8]) -> Self {
        Self { kind: Kind::Bytes, data, is_property: false }
    }

    fn property(kind: Kind, data: &'a [u8]) -> Self {
        Self { kind, data, is_property: true }
    }
}

const OBJECT: u16 = 0x000d;
const STRING: u16 = 0x001e;
const UNICODE: u16 = 0x001f;
const BINARY: u16 = 0x0102;
const MANY: u16 = 0x1000;
/// From here on a property has a name, given before its value.
const NAMED: u16 = 0x8000;

const BODY: u16 = 0x1000;
const RTF: u16 = 0x1009;
const HTML: u16 = 0x1013;
const ATTACH_DATA: u16 = 0x3701;
/// Long file name, file name, display name, long path, path.
const NAMES: [u16; 5] = [0x3707, 0x3704, 0x3001, 0x370d, 0x3708];
/// In front of an object: which interface it was stored by.
const INTERFACE_BYTES: usize = 16;

/// Contents, names, and whether the block could be read to its end.
pub(super) fn read(block: &[u8]) -> (Vec<Found<'_>>, Vec<Vec<u8>>, bool) {
    let (mut found, mut names) = (Vec::new(), Vec::new());
    let Some(count) = u32_le(block, 0) else { return (found, names, false) };
    let mut rest = tail(block, 4);
    for _ in 0..count {
        let Some(is_read) = property(&mut rest, &mut found, &mut names) else { return (found, names, false) };
        if !is_read {
            return (found, names, false);
        }
    }
    (found, names, true)
}

/// None when it is cut off, false when its type is not known: what follows cannot be found then.
fn property<'a>(rest: &mut &'a [u8], found: &mut Vec<Found<'a>>, names: &mut Vec<Vec<u8>>) -> Option<bool> {
    let (kind, id) = (u16_le(rest, 0)?, u16_le(rest, 2)?);
    *rest = tail(rest, 4);
    if id >= NAMED {
        skip_name(rest)?;
    }
    let is_long = matches!(kind & !MANY, OBJECT | STRING | UNICODE | BINARY);
    let count = if is_long || kind & MANY != 0 { count(rest)? } else { 1 };
    for _ in 0..count {
        if !is_long {
            let Some(bytes) = fixed_bytes(kind & !MANY) else { return Some(false) };
            if bytes == 0 {
                // However many there are, there is nothing behind it.
                break;
            }
            *rest = rest.get(bytes..)?;
            continue;
        }
        let told = usize::try_from(u32_le(rest, 0)?).ok()?;
        let behind = tail(rest, 4);
        let value = range(behind, 0, told).unwrap_or(behind);
        take(id, kind & !MANY, value, found, names);
        *rest = behind.get(told.checked_next_multiple_of(4)?..)?;
    }
    Some(true)
}

fn count(rest: &mut &[u8]) -> Option<u32> {
    let count = u32_le(rest, 0)?;
    *rest = tail(rest, 4);
    Some(count)
}

fn take<'a>(id: u16, kind: u16, value: &'a [u8], found: &mut Vec<Found<'a>>, names: &mut Vec<Vec<u8>>) {
    match (id, kind) {
        (id, UNICODE) if NAMES.contains(&id) => names.push(utf16_le(value)),
        (id, STRING) if NAMES.contains(&id) => names.push(until_nul(value).to_vec()),
        (ATTACH_DATA, OBJECT) => {
            let data = value.get(INTERFACE_BYTES..).unwrap_or_default();
            found.push(Found::property(Kind::Bytes, data));
        }
        (ATTACH_DATA | BODY | HTML, _) => found.push(Found::property(Kind::Bytes, value)),
        (RTF, _) => found.push(Found::property(Kind::Rtf, value)),
        _ => {}
    }
}

/// A GUID, and a number or a text.
fn skip_name(rest: &mut &[u8]) -> Option<()> {
    let value = u32_le(rest, 20)?;
    let text_bytes = if u32_le(rest, 16)? == 0 { 0 } else { usize::try_from(value).ok()? };
    *rest = rest.get(24_usize.checked_add(text_bytes.checked_next_multiple_of(4)?)?..)?;
    Some(())
}

/// With the padding to four.
fn fixed_bytes(kind: u16) -> Option<usize> {
    match kind {
        0x0001 => Some(0),
        0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => Some(4),
        0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => Some(8),
        0x0048 => Some(16),
        _ => None,
    }
}
