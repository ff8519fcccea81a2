//! Names of RAR 4: in the packer's code page, and behind a NUL the same in UTF-16, packed against it.

use crate::names::{from_utf16, until_nul};

/// Every reading.
pub(super) fn names(raw: &[u8], is_unicode: bool) -> Vec<Vec<u8>> {
    let short = until_nul(raw);
    let mut names = Vec::new();
    if is_unicode && let Some(packed) = raw.get(short.len() + 1..) {
        names.push(unpack(short, packed));
    }
    names.push(short.to_vec());
    names
}

/// Two bits say how the next unit is made: a byte, a byte below the common high byte, both bytes, or a run of `short`.
fn unpack(short: &[u8], packed: &[u8]) -> Vec<u8> {
    let mut packed = packed.iter().copied();
    let mut units = Vec::new();
    let Some(high) = packed.next().map(u16::from) else { return Vec::new() };
    'flags: while let Some(flags) = packed.next() {
        for shift in [6, 4, 2, 0] {
            let Some(first) = packed.next() else { break 'flags };
            match flags >> shift & 3 {
                0 => units.push(u16::from(first)),
                1 => units.push(u16::from(first) | high << 8),
                2 => {
                    let Some(second) = packed.next() else { break 'flags };
                    units.push(u16::from_le_bytes([first, second]));
                }
                _ => {
                    let is_corrected = first & 0x80 != 0;
                    let correction = if is_corrected { packed.next().unwrap_or_default() } else { 0 };
                    let high = if is_corrected { high << 8 } else { 0 };
                    let run = short.iter().skip(units.len()).take(usize::from(first & 0x7f) + 2);
                    let run: Vec<u16> =
                        run.map(|byte| u16::from(byte.wrapping_add(correction)) | high).collect();
                    units.extend(run);
                }
            }
        }
    }
    from_utf16(units.into_iter())
}
