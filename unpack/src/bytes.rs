//! Figures out of a slice that may be too short: every reader here gets a `None`, never a panic.

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

pub(crate) fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(crate) fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(crate) fn u64_le(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// `count` bytes from `at`; none when that is beyond the end.
pub(crate) fn range(bytes: &[u8], at: usize, count: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(count)?)
}

/// From `at` to the end; nothing when that is beyond the end.
pub(crate) fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// A length of a file format on this machine: what does not fit is beyond any slice.
pub(crate) fn len(of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}
