//! The ledger over JetStream: one subject per record, created once and then written by its owner alone.
//!
//! What to do next is [`proto::ledger::Walk`]'s word; here it is carried out, and carried out again while the server
//! cannot be asked, until the time is up. Deliberately absent: compare-and-set on anything but an empty subject, which
//! is broken on servers before 2.9.21, and message ids, since a creation may be repeated long after its first try.

pub(crate) mod back;
mod claim;
mod claims;
mod line;
mod store;

pub use claims::{Claimed, Claims};
pub(crate) use line::{LedgerError, Line};

use proto::ledger::{End, Owner, Walk, Wanted};
use proto::{Envelope, MessageKey, Position, Reply, TxId};
use tokio::time::Instant;
use uuid::Uuid;

use crate::bus::Inner;
use crate::settings::LedgerSettings;

/// A name for one claim or abort: 122 random bits.
pub(crate) fn mint() -> Owner {
    Owner::new(*Uuid::new_v4().as_bytes())
}

/// What the ledger says of the recipients of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Who has an answer.
    pub(crate) results: Vec<(Position, Reply)>,
    /// The highest attempt that is recorded for any of them, be it a claim, an outcome or an abort.
    pub(crate) attempt: Option<u32>,
    /// Whether somebody is at the dot for one of the others.
    pub(crate) pending: bool,
}

impl Looked {
    /// The attempt to begin with: the one that is under way, or the one behind the last that ended.
    pub(crate) fn next_attempt(&self) -> u32 {
        self.attempt.map_or(0, |attempt| attempt.saturating_add(u32::from(!self.pending)))
    }
}

/// Reads the line of a mail.
pub(crate) async fn look(
    inner: &Inner,
    settings: &LedgerSettings,
    (tx, key): (TxId, MessageKey),
    envelope: &Envelope,
    until: Instant,
) -> Result<Looked, LedgerError> {
    let mut walk = Walk::look(tx, Wanted::all(envelope));
    match Line::new(inner, settings, key).walk(&mut walk, None, until).await? {
        End::Looked { results, pending, attempt } => Ok(Looked { results, attempt, pending }),
        // No other end is a look's.
        End::Mine { .. } | End::Taken(_) | End::Aborted | End::TooLong => Ok(Looked::default()),
    }
}
