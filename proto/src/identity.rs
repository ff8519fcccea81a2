//! The two names of a mail: the transaction it came in by, and the key that it keeps across the client's retries.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Digest, ReversePath};

/// One LMTP transaction: uuid version 7, so that ids sort by time. Minted at the edge, where the clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TxId(Uuid);

impl TxId {
    /// Takes a freshly minted id.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads the 32 hex digits that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When it was minted, in milliseconds since 1970 UTC; `None` for an id that is not of version 7.
    pub fn unix_ms(&self) -> Option<u64> {
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        Some(seconds * 1_000 + u64::from(nanoseconds) / 1_000_000)
    }
}

/// 32 hex digits.
impl fmt::Display for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

/// The identity of a mail across the client's retries (`mk`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageKey([u8; 16]);

impl MessageKey {
    /// 128 bits of BLAKE3 over IDENT, sender and content digest.
    ///
    /// Without an IDENT there is nothing that tells two honest identical mails apart, so the key is the transaction's
    /// own and no retry is ever taken for the mail before it.
    pub fn new(ident: Option<&str>, sender: &ReversePath, digest: &Digest, tx: TxId) -> Self {
        let Some(ident) = ident else {
            return Self(*tx.as_bytes());
        };
        let mut hasher = blake3::Hasher::new_derive_key("mailweir 2026 message key");
        for field in [ident.as_bytes(), sender.as_str().as_bytes(), digest.as_bytes()] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        Self(key)
    }

    /// Whether it is no more than the transaction's own name: the client gave no IDENT, so no retry can be known.
    pub fn is_of(&self, tx: TxId) -> bool {
        self.0 == *tx.as_bytes()
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 hex digits.
impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(ident: Option<&str>, sender: &str, content: &[u8], tx: u128) -> MessageKey {
        let sender = ReversePath::parse(sender, false).unwrap();
        MessageKey::new(ident, &sender, &Digest::of(content), TxId::new(Uuid::from_u128(tx)))
    }

    #[test]
    fn a_retry_has_the_key_of_the_first_attempt() {
        assert_eq!(key(Some("4F"), "<a@b>", b"x", 1), key(Some("4F"), "<a@b>", b"x", 2));
    }

    #[test]
    fn honest_identical_mails_are_two() {
        assert_ne!(key(None, "<a@b>", b"x", 1), key(None, "<a@b>", b"x", 2));
        assert_ne!(key(Some("4F"), "<a@b>", b"x", 1), key(Some("50"), "<a@b>", b"x", 1));
    }

    proptest! {
        /// What two mails are when everything but the IDENT is the same: two, unless the IDENTs are one.
        #[test]
        fn only_one_ident_makes_two_transactions_one_mail(
            one in prop::option::of("[!-~]{1,20}"),
            other in prop::option::of("[!-~]{1,20}"),
            content in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let [first, second] = [(&one, 1), (&other, 2)]
                .map(|(ident, tx)| key(ident.as_deref(), "<a@b>", &content, tx));
            prop_assert_eq!(first == second, one.is_some() && one == other);
            let retry = key(one.as_deref(), "<a@b>", &content, 3);
            prop_assert_eq!(first == retry, one.is_some());
        }
    }

    #[test]
    fn every_field_counts_and_none_runs_into_the_next() {
        let base = key(Some("4F"), "<a@b>", b"x", 1);
        assert_ne!(base, key(Some("4F"), "<a@c>", b"x", 1));
        assert_ne!(base, key(Some("4F"), "<a@b>", b"y", 1));
        assert_ne!(base, key(Some("4Fa"), "<@b>".replace('@', "x@").as_str(), b"x", 1));
    }

    #[test]
    fn a_transaction_id_is_text_and_back_and_tells_its_time() {
        let tx =
            TxId::new(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_800_000_000, 5_000_000)));
        assert_eq!(TxId::parse(&tx.to_string()), Some(tx));
        assert_eq!(tx.unix_ms(), Some(1_800_000_000_005));
    }
}
