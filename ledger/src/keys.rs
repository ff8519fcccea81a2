//! How records are named in the file: by mail and generation, and by age.

use proto::MessageKey;

/// Key and generation; generations of a mail stand side by side, in order.
pub(crate) type RecordKey = [u8; 20];
/// Milliseconds since 1970, then the record's key.
pub(crate) type AgeKey = [u8; 28];

pub(crate) fn record_key(key: MessageKey, generation: u32) -> RecordKey {
    joined(key.as_bytes(), &generation.to_be_bytes())
}

pub(crate) fn age_key(ms: u64, record_key: &RecordKey) -> AgeKey {
    joined(&ms.to_be_bytes(), record_key)
}

/// The time and the record of an age.
pub(crate) fn split(age_key: &AgeKey) -> (u64, RecordKey) {
    let ms = age_key.first_chunk::<8>().map_or(0, |ms| u64::from_be_bytes(*ms));
    (ms, age_key.last_chunk::<20>().copied().unwrap_or([0; 20]))
}

fn joined<const N: usize>(front: &[u8], back: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    for (slot, byte) in key.iter_mut().zip(front.iter().chain(back)) {
        *slot = *byte;
    }
    key
}
