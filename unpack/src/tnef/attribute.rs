//! The attributes: level, number, type, length, data, checksum.

use crate::bytes::{range, tail, u16_le, u32_le};

const HEADER_BYTES: usize = 9;

pub(super) struct Attribute<'a> {
    /// The number without the type: readers go by it.
    pub(super) id: u16,
    /// As much as is there.
    pub(super) data: &'a [u8],
    pub(super) is_sum_right: bool,
}

pub(super) struct Attributes<'a> {
    rest: &'a [u8],
    is_truncated: bool,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, is_truncated: false }
    }

    /// Whether the last attribute ended where the content ends.
    pub(super) fn is_at_end(&self) -> bool {
        // Mailers pad with line ends.
        !self.is_truncated && self.rest.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n'))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let level = *self.rest.first()?;
        let id = u16_le(self.rest, 1)?;
        let told = usize::try_from(u32_le(self.rest, 5)?).unwrap_or(usize::MAX);
        if level != 1 && level != 2 {
            return None;
        }
        let behind = tail(self.rest, HEADER_BYTES);
        let data = range(behind, 0, told).unwrap_or(behind);
        let sum = data.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(u16::from(byte)));
        let told_sum = u16_le(behind, data.len());
        self.is_truncated |= data.len() < told || told_sum.is_none();
        self.rest = tail(behind, data.len().saturating_add(2));
        Some(Attribute { id, data, is_sum_right: told_sum.is_none_or(|told| told == sum) })
    }
}
