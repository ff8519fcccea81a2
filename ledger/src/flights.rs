//! Which mails are in work in this process, so that the same one is not worked on twice at a time.
//!
//! Two transactions of one mail that share no recipient do not hinder each other: Postfix splits a mail to many
//! recipients so.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::ledger::{Freshness, Owner, RecipientId, Record, Seen, State, Walk, Wanted};
use proto::{Early, MessageKey, Position, Reply, TxId};
use tokio::sync::watch;

/// All mails in work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<MessageKey, Vec<Arc<Flight>>>>>);

/// One mail in work, for some of its recipients.
#[derive(Debug)]
pub(crate) struct Flight {
    tx: TxId,
    recipients: Vec<RecipientId>,
    progress: watch::Sender<Progress>,
}

/// How far it is. Replies are by the index of the flight's recipients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Those that are final and may be told.
    pub(crate) known: Vec<(Position, Reply)>,
    /// Those that are final once they are recorded.
    held: Vec<(Position, Reply)>,
    /// Who was claimed and has no record yet.
    claimed: Vec<Position>,
    /// It is over.
    pub(crate) is_over: bool,
    /// What became of it; nothing when it was cut off.
    pub(crate) replies: Option<Vec<Reply>>,
}

impl Progress {
    /// Whether the next hop may have the mail, and its reply is not recorded.
    pub(crate) fn is_at_the_dot(&self) -> bool {
        !self.claimed.is_empty()
    }
}

/// What somebody with a mail finds.
pub(crate) enum Entered {
    /// The mail is theirs to work on.
    Lead(Seat),
    /// Somebody else works on it.
    Follow(Arc<Flight>),
}

/// The right to work on a mail. Whoever drops it without an end has left it.
#[derive(Debug)]
pub(crate) struct Seat {
    key: MessageKey,
    flight: Arc<Flight>,
    flights: Flights,
}

impl Flights {
    /// Asks to work on the mail `key` for these recipients.
    pub(crate) fn enter(&self, key: MessageKey, tx: TxId, wanted: &[Wanted]) -> Entered {
        let mut flights = self.lock();
        let under_way = flights.entry(key).or_default();
        if let Some(flight) = under_way.iter().find(|flight| flight.is_about(wanted)) {
            return Entered::Follow(flight.clone());
        }
        let recipients = wanted.iter().map(|wanted| wanted.id).collect();
        let flight = Arc::new(Flight { tx, recipients, progress: watch::Sender::default() });
        under_way.push(flight.clone());
        Entered::Lead(Seat { key, flight, flights: self.clone() })
    }

    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<Arc<Flight>> {
        self.lock().values().flatten().cloned().collect()
    }

    fn leave(&self, key: MessageKey, flight: &Arc<Flight>) {
        if let Entry::Occupied(mut under_way) = self.lock().entry(key) {
            under_way.get_mut().retain(|other| !Arc::ptr_eq(other, flight));
            if under_way.get().is_empty() {
                under_way.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MessageKey, Vec<Arc<Flight>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Whether it is for one of these recipients too.
    pub(crate) fn is_about(&self, wanted: &[Wanted]) -> bool {
        wanted.iter().any(|wanted| self.recipients.contains(&wanted.id))
    }

    /// How far it is, and each change of that.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// What its end says of `wanted`, as the ledger would: the replies are those of one transaction.
    pub(crate) fn results(&self, wanted: &[Wanted]) -> Vec<(Position, Reply)> {
        let Some(replies) = self.progress.borrow().replies.clone() else {
            return Vec::new();
        };
        let record = Record {
            tx: self.tx,
            owner: Owner::new([0; 16]),
            attempt: 0,
            recipients: self.recipients.clone(),
            state: State::Done(replies),
        };
        let mut walk = Walk::look(self.tx, wanted.to_vec());
        walk.saw(Seen::Record(&record, Freshness::Fresh));
        walk.taken().to_vec()
    }

    /// These are about to be given to the next hop; what it says of them is held back until it is recorded.
    pub(crate) fn claimed(&self, positions: &[Position]) {
        self.progress.send_modify(|progress| progress.claimed.extend(positions));
    }

    /// What became of them is recorded, or cannot be.
    pub(crate) fn recorded(&self, positions: &[Position]) {
        self.progress.send_modify(|progress| {
            progress.claimed.retain(|position| !positions.contains(position));
            let is_free = |(position, _): &mut (Position, Reply)| positions.contains(position);
            progress.known.extend(progress.held.extract_if(.., is_free));
        });
    }
}

/// Where whoever works on it tells replies that are final.
impl Early for Flight {
    fn known(&self, position: Position, reply: &Reply) {
        self.progress.send_modify(|progress| {
            let is_claimed = progress.claimed.contains(&position);
            let list = if is_claimed { &mut progress.held } else { &mut progress.known };
            list.push((position, reply.clone()));
        });
    }
}

impl Seat {
    /// The mail that it is the right to.
    pub(crate) fn flight(&self) -> Arc<Flight> {
        self.flight.clone()
    }

    /// It is over, and these are the replies in the order of its recipients.
    pub(crate) fn end(self, replies: Vec<Reply>) {
        self.flight.progress.send_modify(|progress| progress.replies = Some(replies));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.flights.leave(self.key, &self.flight);
        self.flight.progress.send_modify(|progress| progress.is_over = true);
    }
}

#[cfg(test)]
mod tests;
