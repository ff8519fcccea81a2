//! The ledger: who may give the recipients of a mail to the next hop, and what became of it.
//!
//! One mail (`mk`) has a line of records, numbered by generation from 0. A record is only ever *created* where there
//! is none, and afterwards written by its owner alone: claim, then outcome. Whoever wants to decide walks the line
//! upward ([`Walk`]). Everything here is a function of the records that were seen, so that the protocol can be
//! checked by a model; deliberately absent are the stores behind it and the clock.

mod record;
mod staleness;
mod walk;

pub use record::{Owner, RecipientId, Record, State, Wanted};
pub use staleness::{Freshness, Staleness};
pub use walk::{End, Seen, Step, Walk};
