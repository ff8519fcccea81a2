//! Windows Installer packs two characters of a stream's name into one unit; its tables and cabinets have such names.

use crate::names::from_utf16;

const FIRST: u16 = 0x3800;
const LAST_OF_TWO: u16 = 0x47ff;
const LAST_OF_ONE: u16 = 0x483f;
/// In front of the names of tables.
const TABLE: u16 = 0x4840;

/// The name as Windows Installer reads it; nothing when none of its units is packed.
pub(super) fn name(units: &[u16]) -> Vec<u8> {
    if !units.iter().any(|unit| (FIRST..=TABLE).contains(unit)) {
        return Vec::new();
    }
    from_utf16(units.iter().flat_map(|&unit| unpack(unit)).flatten())
}

fn unpack(unit: u16) -> [Option<u16>; 2] {
    match unit {
        FIRST..=LAST_OF_TWO => {
            let packed = unit - FIRST;
            [character(packed & 0x3f), character(packed >> 6)]
        }
        0x4800..=LAST_OF_ONE => [character(unit - 0x4800), None],
        TABLE => [Some(u16::from(b'!')), None],
        other => [Some(other), None],
    }
}

fn character(index: u16) -> Option<u16> {
    let index = u8::try_from(index).ok()?;
    let byte = match index {
        0..=9 => b'0' + index,
        10..=35 => b'A' + (index - 10),
        36..=61 => b'a' + (index - 36),
        62 => b'.',
        63 => b'_',
        _ => return None,
    };
    Some(u16::from(byte))
}
