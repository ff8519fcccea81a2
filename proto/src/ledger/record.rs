//! One record of the line, and the names in it.

use serde::{Deserialize, Serialize};

use crate::{Envelope, Position, Recipient, Reply, TxId};

/// A recipient across the client's retries, which may name fewer recipients and in another order: path and ORCPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecipientId([u8; 16]);

impl RecipientId {
    /// 128 bits of BLAKE3 over path and ORCPT, as the client wrote them. NOTIFY is left out: a client that changed
    /// its mind about notifications still means the same copy.
    pub fn of(recipient: &Recipient) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("mailweir 2026 recipient");
        let orcpt = recipient.params.orcpt.as_ref();
        let fields = [
            recipient.path.as_str(),
            orcpt.map_or("", |orcpt| &orcpt.kind),
            orcpt.map_or("", |orcpt| &orcpt.address),
        ];
        for field in fields {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Who made a claim: random, one for every claim, so that an owner that repeats a creation whose answer was lost
/// knows its own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner([u8; 16]);

impl Owner {
    /// Takes fresh random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

/// What a record says about its recipients.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// The owner is about to send the final dot or has sent it.
    Claim {
        /// Counts up while the owner waits for the next hop, so that a slow one is not taken for a dead one.
        beat: u32,
    },
    /// The transaction was given up: whoever still has its job must not deliver it.
    Abort,
    /// What became of them, by index of [`Record::recipients`]. A 4xx is a result of this transaction only.
    Done(Vec<Reply>),
}

/// One record of the line of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The transaction in which the mail came.
    pub tx: TxId,
    /// Who may write this record.
    pub owner: Owner,
    /// The number of the client's attempt, see [`crate::wire::Job::attempt`].
    #[serde(default)]
    pub attempt: u32,
    /// Whom it is about; an id twice when the client named a recipient twice.
    pub recipients: Vec<RecipientId>,
    /// What it says.
    pub state: State,
}

impl Record {
    /// Whether it is about any of `wanted`.
    pub fn is_about(&self, wanted: &[Wanted]) -> bool {
        wanted.iter().any(|wanted| self.recipients.contains(&wanted.id))
    }
}

/// A recipient of whom a walk asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Its place in the envelope of the transaction that asks.
    pub position: Position,
    /// Its name in the ledger.
    pub id: RecipientId,
}

impl Wanted {
    /// Those of `positions` that the envelope has.
    pub fn of(envelope: &Envelope, positions: &[Position]) -> Vec<Self> {
        positions
            .iter()
            .filter_map(|position| {
                let id = RecipientId::of(envelope.recipient(*position)?);
                Some(Self { position: *position, id })
            })
            .collect()
    }

    /// Every recipient of the envelope.
    pub fn all(envelope: &Envelope) -> Vec<Self> {
        let recipients = envelope.recipients().iter().enumerate();
        recipients
            .map(|(index, recipient)| Self { position: Position::new(index), id: RecipientId::of(recipient) })
            .collect()
    }
}

#[cfg(test)]
mod evolution;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForwardPath, Orcpt};

    fn id(path: &str, orcpt: Option<(&str, &str)>) -> RecipientId {
        let mut recipient = Recipient::new(ForwardPath::parse(path, false).unwrap());
        let orcpt = orcpt.map(|(kind, address)| Orcpt { kind: kind.to_owned(), address: address.to_owned() });
        recipient.params.orcpt = orcpt;
        RecipientId::of(&recipient)
    }

    #[test]
    fn a_recipient_is_its_path_and_what_it_was_first() {
        assert_eq!(id("<a@b>", None), id("<a@b>", None));
        assert_ne!(id("<a@b>", None), id("<a@c>", None));
        assert_ne!(id("<a@b>", None), id("<a@b>", Some(("rfc822", "x@y"))));
        assert_ne!(id("<a@b>", Some(("rfc822", "z@y"))), id("<a@b>", Some(("rfc822", "x@y"))));
        assert_ne!(id("<a@b>", Some(("utf-8", "x@y"))), id("<a@b>", Some(("rfc822", "x@y"))));
    }
}
