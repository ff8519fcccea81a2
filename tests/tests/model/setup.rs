//! What a run explores: who sends what, what the next hop may say, and how much may go wrong.

use proto::ledger::RecipientId;
use proto::{ForwardPath, Recipient, ReplyClass, TxId};

use crate::mutants::Mutant;

/// Recipients at most, and transactions at most: two that the client begins with, and the retry.
pub(crate) const RECIPIENTS: usize = 2;
pub(crate) const TRANSACTIONS: usize = 3;

/// Recipients as bits.
pub(crate) type Set = u8;

/// The recipients of a set.
pub(crate) fn each(set: Set) -> impl Iterator<Item = usize> {
    (0..RECIPIENTS).filter(move |recipient| contains(set, *recipient))
}

pub(crate) fn contains(set: Set, recipient: usize) -> bool {
    set & one(recipient) != 0
}

pub(crate) fn one(recipient: usize) -> Set {
    1 << recipient
}

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Egresses that are stopped and go on: the worst that a process can do to the others.
    Stops,
    /// Processes that die or are stopped.
    Processes,
    /// That, and the queue forgets or repeats, and answers are lost.
    Everything,
}

/// One configuration.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Whether the client gives an IDENT, by which its attempts are one mail.
    pub(crate) has_ident: bool,
    /// The transactions that the client begins with, by their recipients. A retry is one more.
    pub(crate) first: Vec<Set>,
    /// Whether an egress gives each recipient to the next hop in an own transaction.
    pub(crate) is_split: bool,
    /// What the next hop may say to a dot.
    pub(crate) replies: Vec<ReplyClass>,
    /// Faults at most.
    pub(crate) faults: u8,
    /// Of which kinds.
    pub(crate) trouble: Trouble,
    /// What is broken on purpose.
    pub(crate) mutant: Option<Mutant>,
    /// By recipient.
    pub(crate) names: Vec<RecipientId>,
    /// By transaction.
    pub(crate) transactions: Vec<TxId>,
}

impl Setup {
    /// One recipient, an IDENT, a next hop that takes or defers, process faults.
    pub(crate) fn new(faults: u8) -> Self {
        let name = |index: usize| {
            let path = ForwardPath::parse(&format!("<{index}@example.org>"), false).unwrap();
            RecipientId::of(&Recipient::new(path))
        };
        let transaction = |index: usize| TxId::parse(&format!("{index:032x}")).unwrap();
        Self {
            has_ident: true,
            first: vec![one(0)],
            is_split: false,
            replies: vec![ReplyClass::Positive, ReplyClass::Transient],
            faults,
            trouble: Trouble::Processes,
            mutant: None,
            names: (0..RECIPIENTS).map(name).collect(),
            transactions: (0..TRANSACTIONS).map(transaction).collect(),
        }
    }

    pub(crate) fn name(&self, recipient: usize) -> RecipientId {
        self.names[recipient]
    }

    pub(crate) fn tx(&self, transaction: usize) -> TxId {
        self.transactions[transaction]
    }

    /// The number of the retry.
    pub(crate) fn retry(&self) -> usize {
        self.first.len()
    }

    /// The line of a transaction: one for all of them with an IDENT, one for each without.
    pub(crate) fn line(&self, transaction: usize) -> usize {
        if self.has_ident { 0 } else { transaction }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }
}
