//! Encrypted members and the passwords that are tried on them: the old stream cipher of PKZIP, and AES as `WinZip`
//! has it.
//!
//! Absent: the ways of PKWARE that need certificates, and breaking the old cipher, weak as it is.

use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::header::{AesExtra, Header};
use crate::bytes::{range, tail};
use crate::{Budget, Limit, Passwords};

const OLD_HEADER_BYTES: usize = 12;
const ROUNDS: u32 = 1000;
const VERIFIER_BYTES: usize = 2;
const MAC_BYTES: usize = 10;
/// So many members may refuse every word; then only words are tried that opened one.
const MISSES_MAX: u32 = 16;

/// The words, and which of them opened something.
pub(super) struct Keys<'a> {
    words: &'a [Vec<u8>],
    good: Vec<&'a [u8]>,
    misses: u32,
}

impl<'a> Keys<'a> {
    pub(super) fn new(passwords: &'a Passwords) -> Self {
        Self { words: &passwords.words, good: Vec::new(), misses: 0 }
    }

    /// Tries every word on `data`; `accept` says whether what came out is it, and is told whether a code over the
    /// data says so already. None when no word fits.
    pub(super) fn open<T>(
        &mut self,
        header: &Header,
        data: &[u8],
        budget: &mut Budget,
        mut accept: impl FnMut(&[u8], bool, &mut Budget) -> Option<T>,
    ) -> Result<Option<T>, Limit> {
        if header.is_strong() {
            return Ok(None);
        }
        let all: &[Vec<u8>] = if self.misses < MISSES_MAX { self.words } else { &[] };
        let known: Vec<&[u8]> = self.good.clone();
        let others = all.iter().map(Vec::as_slice).filter(|word| !known.contains(word));
        for word in known.iter().copied().chain(others) {
            budget.time()?;
            let plain = match header.aes {
                Some(extra) => open_aes(extra, word, data),
                None => open_old(header, word, data).map(|plain| (plain, false)),
            };
            if let Some(accepted) = plain.and_then(|(plain, is_proven)| accept(&plain, is_proven, budget)) {
                if !self.good.contains(&word) {
                    self.good.push(word);
                }
                return Ok(Some(accepted));
            }
        }
        self.misses += 1;
        Ok(None)
    }
}

/// One byte tells whether the word may fit.
fn open_old(header: &Header, word: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut state = OldCipher::new(word);
    let first: Vec<u8> = range(data, 0, OLD_HEADER_BYTES)?.iter().map(|&byte| state.decrypt(byte)).collect();
    let check = *first.last()?;
    let by_crc = header.crc.to_be_bytes().first() == Some(&check);
    let by_time = header.time.to_be_bytes().first() == Some(&check);
    if !by_crc && !by_time {
        return None;
    }
    Some(tail(data, OLD_HEADER_BYTES).iter().map(|&byte| state.decrypt(byte)).collect())
}

/// APPNOTE 6.1.
struct OldCipher([u32; 3]);

impl OldCipher {
    fn new(word: &[u8]) -> Self {
        let mut this = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        for &byte in word {
            this.update(byte);
        }
        this
    }

    fn update(&mut self, byte: u8) {
        let [a, b, c] = &mut self.0;
        *a = crc(*a, byte);
        *b = b.wrapping_add(*a & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        *c = crc(*c, b.to_be_bytes()[0]);
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let [_, _, c] = self.0;
        let mixed = (c | 2) & 0xffff;
        let plain = byte ^ (mixed.wrapping_mul(mixed ^ 1) >> 8).to_le_bytes()[0];
        self.update(plain);
        plain
    }
}

const TABLE: [u32; 256] = table();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0_usize;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
}

fn crc(value: u32, byte: u8) -> u32 {
    let index = usize::from(value.to_le_bytes()[0] ^ byte);
    TABLE.get(index).copied().unwrap_or_default() ^ (value >> 8)
}

/// Salt, two bytes to know the word by, data, and a code over the data.
fn open_aes(extra: AesExtra, word: &[u8], data: &[u8]) -> Option<(Vec<u8>, bool)> {
    let key_bytes = match extra.strength {
        1 => 16,
        2 => 24,
        3 => 32,
        _ => return None,
    };
    let salt_bytes = key_bytes / 2;
    let salt = range(data, 0, salt_bytes)?;
    let verifier = range(data, salt_bytes, VERIFIER_BYTES)?;
    let packed_at = salt_bytes + VERIFIER_BYTES;
    let packed = data.get(packed_at..data.len().checked_sub(MAC_BYTES)?)?;
    let mut derived = [0_u8; 2 * 32 + VERIFIER_BYTES];
    let derived = derived.get_mut(..2 * key_bytes + VERIFIER_BYTES)?;
    pbkdf2::pbkdf2_hmac::<Sha1>(word, salt, ROUNDS, derived);
    if tail(derived, 2 * key_bytes) != verifier {
        return None;
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(range(derived, key_bytes, key_bytes)?).ok()?;
    mac.update(packed);
    let is_proven = mac.finalize().into_bytes().get(..MAC_BYTES)? == tail(data, data.len() - MAC_BYTES);
    let mut plain = packed.to_vec();
    let key = range(derived, 0, key_bytes)?;
    match key_bytes {
        16 => apply::<ctr::Ctr128LE<aes::Aes128>>(key, &mut plain)?,
        24 => apply::<ctr::Ctr128LE<aes::Aes192>>(key, &mut plain)?,
        _ => apply::<ctr::Ctr128LE<aes::Aes256>>(key, &mut plain)?,
    }
    Some((plain, is_proven))
}

fn apply<C: KeyIvInit + StreamCipher>(key: &[u8], bytes: &mut [u8]) -> Option<()> {
    // Counted from one, the low byte first.
    C::new_from_slices(key, &1_u128.to_le_bytes()).ok()?.try_apply_keystream(bytes).ok()
}
