//! The right to give recipients of a mail to the next hop, asked for right before the final dot.
//!
//! One of these belongs to one piece of work. Between a granted claim and its outcome only the next hop knows whether
//! it has the mail: who dies there leaves a claim whose owner is not alive, and the next one passes it and counts it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::failpoint::Point;
use proto::ledger::{End, Record, State, Walk, Wanted};
use proto::{Envelope, MessageKey, Position, Reply, TxId};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::Shared;
use crate::flights::Flight;
use crate::living::Life;
use crate::metrics::ClaimEnd;
use crate::queue::{Answer, Outcome, Request};
use crate::writer::write;

/// Between two looks at the claim of a living owner.
const WATCH_PAUSE: Duration = Duration::from_millis(50);

/// What whoever delivers may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody else delivers to these recipients: send the dot, then [`Claims::record`] what became of them.
    Granted,
    /// An earlier attempt did: these are the results, and nothing was claimed for the others.
    AlreadyDone(Vec<(Position, Reply)>),
    /// Not known or not now; a 4xx.
    Refused(Reply),
}

/// The claims of one piece of work.
pub struct Claims {
    shared: Arc<Shared>,
    flight: Arc<Flight>,
    tx: TxId,
    key: MessageKey,
    envelope: Arc<Envelope>,
    open: Mutex<Vec<Open>>,
}

/// A claim that was granted and has no outcome.
struct Open {
    recipients: Vec<Position>,
    generation: u32,
    claim: Record,
    life: Life,
}

impl Claims {
    pub(crate) fn new(shared: Arc<Shared>, flight: Arc<Flight>, mail: &proto::Mail) -> Self {
        let envelope = mail.envelope.clone();
        Self { shared, flight, tx: mail.tx, key: mail.key, envelope, open: Mutex::default() }
    }

    /// May the mail be given to these recipients now? Asked after the next hop took the whole content, just before the
    /// final dot.
    pub async fn claim(&self, recipients: &[Position]) -> Claimed {
        self.shared.failpoints.reached(Point::BeforeClaim);
        let (claimed, end) = self.ask(recipients).await;
        self.shared.metrics.claim(end);
        claimed
    }

    async fn ask(&self, recipients: &[Position]) -> (Claimed, ClaimEnd) {
        let refused = |reply| (Claimed::Refused(reply), ClaimEnd::Refused);
        let wanted = Wanted::of(&self.envelope, recipients);
        let life = self.shared.living.mint();
        let claim = Record {
            tx: self.tx,
            owner: life.owner,
            attempt: 0,
            recipients: wanted.iter().map(|wanted| wanted.id).collect(),
            state: State::Claim { beat: 0 },
        };
        match self.walk(wanted, &claim).await {
            Answer::End(End::Mine { generation }) => {
                self.shared.failpoints.reached(Point::AfterClaim);
                self.flight.claimed(recipients);
                let open = Open { recipients: recipients.to_vec(), generation, claim, life };
                self.open.lock().unwrap_or_else(PoisonError::into_inner).push(open);
                (Claimed::Granted, ClaimEnd::Granted)
            }
            Answer::End(End::Taken(results)) => (Claimed::AlreadyDone(results), ClaimEnd::Done),
            Answer::End(End::Aborted | End::Looked { .. } | End::TooLong) | Answer::Watch => {
                refused(Reply::unknown())
            }
            Answer::Unreadable => refused(unreadable()),
            Answer::Unwritable => refused(unusable()),
        }
    }

    /// Walks until no living owner is in the way, which ends with whoever waits for it.
    async fn walk(&self, wanted: Vec<Wanted>, draft: &Record) -> Answer {
        loop {
            let walk = Walk::claim(self.tx, draft.owner, wanted.clone());
            let (answer, answered) = oneshot::channel();
            write(&self.shared, Request::Claim { key: self.key, walk, draft: draft.clone(), answer });
            match answered.await {
                Ok(Answer::Watch) => sleep(WATCH_PAUSE).await,
                Ok(answer @ (Answer::End(_) | Answer::Unreadable | Answer::Unwritable)) => return answer,
                Err(_) => return Answer::Unwritable,
            }
        }
    }

    /// Keeps what became of the recipients of a granted claim, all of them at once; whoever has no result is unknown.
    /// Returns when it is stored, or cannot be; it is stored also when the future is dropped.
    pub async fn record(&self, results: &[(Position, Reply)]) {
        self.shared.failpoints.reached(Point::AfterDot);
        let result_of = |position: &Position| {
            results.iter().find(|(known, _)| known == position).map(|(_, reply)| reply.clone())
        };
        let is_meant = |open: &mut Open| open.recipients.iter().any(|position| result_of(position).is_some());
        let meant: Vec<Open> = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extract_if(.., is_meant).collect()
        };
        for Open { recipients, generation, claim, life } in meant {
            let replies =
                recipients.iter().map(|position| result_of(position).unwrap_or_else(Reply::unknown));
            let record = Record { state: State::Done(replies.collect()), ..claim };
            let (written, is_written) = oneshot::channel();
            let outcome = Outcome { key: self.key, generation, record };
            write(&self.shared, Request::Outcome { outcome, written });
            // Whoever asks from here on asks behind it.
            drop(life);
            if !is_written.await.unwrap_or(false) {
                tracing::error!(tx = %self.tx, mk = %self.key, "outcome not recorded: a second copy is possible");
            }
            self.flight.recorded(&recipients);
        }
        self.shared.failpoints.reached(Point::AfterRecord);
    }
}

pub(crate) fn unusable() -> Reply {
    Reply::enhanced(451, 3, 0, "the ledger cannot be written, try again later")
}

pub(crate) fn unreadable() -> Reply {
    Reply::enhanced(451, 3, 0, "its record cannot be read, try again later")
}
