//! Names as they are stored: up to a NUL, or in 16-bit units.

/// UTF-16 as UTF-8; a lone surrogate becomes U+FFFD.
pub(crate) fn from_utf16(units: impl Iterator<Item = u16>) -> Vec<u8> {
    let text: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes()
}

/// Little-endian UTF-16 as UTF-8, up to a NUL. An odd last byte is left out.
pub(crate) fn utf16_le(bytes: &[u8]) -> Vec<u8> {
    let (units, _) = bytes.as_chunks::<2>();
    from_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|&unit| unit != 0))
}

/// Big-endian UTF-16 as UTF-8, up to a NUL. An odd last byte is left out.
pub(crate) fn utf16_be(bytes: &[u8]) -> Vec<u8> {
    let (units, _) = bytes.as_chunks::<2>();
    from_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)).take_while(|&unit| unit != 0))
}

/// Up to the first NUL, or to the end.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}

/// Up to the NUL that has to be there within `max` bytes.
pub(crate) fn terminated(bytes: &[u8], max: usize) -> Option<&[u8]> {
    let bytes = bytes.get(..max.min(bytes.len()))?;
    bytes.get(..memchr::memchr(0, bytes)?)
}
