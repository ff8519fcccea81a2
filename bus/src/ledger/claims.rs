//! The right of an egress to give recipients of a mail to the next hop, asked for right before the final dot.
//!
//! Two things must hold: the delivered message is still this process's (its hold), and the ledger has nobody else for
//! these recipients. A claim lives in a task of its own from its creation to its outcome, so that an egress that stops
//! waiting leaves no claim behind, and one that waits for a slow next hop is not taken for dead. A claim that was
//! granted and not used is withdrawn: an outcome with no reply for anybody, at which whoever asks next goes on at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::failpoint::Point;
use proto::ledger::End;
use proto::{Deadline, Envelope, MessageKey, Outcomes, Position, Reply, TxId};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bus::Inner;
use crate::hold::Hold;
use crate::metrics::ClaimEnd;
use crate::settings::LedgerSettings;

use super::LedgerError;
use super::claim::{Answer, Claim};

/// What an egress may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody else delivers to these recipients: send the dot, then [`Claims::record`] what became of them.
    Granted,
    /// Somebody did: these are the results, and nothing was claimed for the others.
    AlreadyDone(Vec<(Position, Reply)>),
    /// Not known or not now; a 4xx.
    Refused(Reply),
}

/// The claims of one delivery of one mail. A clone is the same; with the last one everything that is under way stops,
/// as if the process had died.
#[derive(Clone)]
pub struct Claims {
    shared: Arc<Shared>,
}

struct Shared {
    mail: Arc<Claimant>,
    tasks: Mutex<JoinSet<()>>,
}

/// Whose claims they are.
pub(super) struct Claimant {
    pub(super) inner: Arc<Inner>,
    pub(super) tx: TxId,
    pub(super) key: MessageKey,
    pub(super) attempt: u32,
    pub(super) envelope: Arc<Envelope>,
    pub(super) hold: Hold,
    /// By then a claim must be granted.
    pub(super) deadline: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By position.
    standing: Vec<Standing>,
    open: Vec<Open>,
}

/// What is known of one recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Undecided,
    /// The ledger did not say in time. Another egress that was given the same mail may be at the dot.
    Unsure,
    /// The dot may have been sent.
    Granted,
    /// Its result is in the ledger.
    Decided,
}

/// A claim that is granted and has no outcome.
struct Open {
    recipients: Vec<Position>,
    outcome: oneshot::Sender<Vec<Reply>>,
    recorded: oneshot::Receiver<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Claimant {
    pub(super) fn decided(&self, recipients: &[Position]) {
        self.stand(recipients, Standing::Decided);
    }

    fn stand(&self, recipients: &[Position], standing: Standing) {
        let mut state = lock(&self.state);
        for position in recipients {
            if let Some(slot) = state.standing.get_mut(position.index()) {
                *slot = standing;
            }
        }
    }
}

impl Claims {
    /// For one delivery; nothing is claimed yet.
    pub(crate) fn new(
        inner: Arc<Inner>,
        mail: &proto::Mail,
        attempt: u32,
        hold: Hold,
        deadline: Deadline,
    ) -> Self {
        let standing = vec![Standing::default(); mail.envelope.recipients().len()];
        let mail = Claimant {
            inner,
            tx: mail.tx,
            key: mail.key,
            attempt,
            envelope: mail.envelope.clone(),
            hold,
            deadline: Instant::from_std(deadline.at()),
            state: Mutex::new(State { standing, open: Vec::new() }),
        };
        Self { shared: Arc::new(Shared { mail: Arc::new(mail), tasks: Mutex::default() }) }
    }

    /// May the mail be given to these recipients now? Asked after the next hop took the whole content, just before the
    /// final dot. Without a ledger: as long as the delivery is this process's.
    pub async fn claim(&self, recipients: &[Position]) -> Claimed {
        let mail = &self.shared.mail;
        mail.inner.settings.failpoints.reached(Point::BeforeClaim);
        let ledger = mail.inner.settings.ledger;
        let (claimed, end) = match ledger {
            _ if !mail.hold.is_held() => (Claimed::Refused(elsewhere()), ClaimEnd::Refused),
            Some(ledger) => self.claim_in(ledger, recipients).await,
            None => {
                mail.inner.settings.failpoints.reached(Point::AfterClaim);
                if mail.hold.is_held() {
                    (Claimed::Granted, ClaimEnd::Granted)
                } else {
                    (Claimed::Refused(elsewhere()), ClaimEnd::Refused)
                }
            }
        };
        if ledger.is_some() {
            mail.inner.metrics.claim(end);
        }
        claimed
    }

    async fn claim_in(&self, ledger: LedgerSettings, recipients: &[Position]) -> (Claimed, ClaimEnd) {
        let mail = &self.shared.mail;
        let (answer, answered) = oneshot::channel();
        let (outcome, outcome_known) = oneshot::channel();
        let (told_recorded, recorded) = oneshot::channel();
        let claim = Claim::new(mail.clone(), ledger, recipients.to_vec());
        lock(&self.shared.tasks).spawn(claim.live(answer, outcome_known, told_recorded));
        let refused = |reply| (Claimed::Refused(reply), ClaimEnd::Refused);
        let unsure = |reply| {
            mail.stand(recipients, Standing::Unsure);
            refused(reply)
        };
        let answer: Answer = match answered.await {
            Ok(answer) => answer,
            Err(_) => return refused(Reply::unknown()),
        };
        match answer {
            Ok(End::Mine { .. }) => {
                mail.inner.settings.failpoints.reached(Point::AfterClaim);
                if !mail.hold.is_held() {
                    // Somebody else has the mail and waits for this claim: dropping `outcome` withdraws it.
                    return refused(elsewhere());
                }
                mail.stand(recipients, Standing::Granted);
                lock(&mail.state).open.push(Open { recipients: recipients.to_vec(), outcome, recorded });
                (Claimed::Granted, ClaimEnd::Granted)
            }
            Ok(End::Taken(results)) => {
                let taken: Vec<_> = results.iter().map(|(position, _)| *position).collect();
                mail.decided(&taken);
                (Claimed::AlreadyDone(results), ClaimEnd::Done)
            }
            Ok(End::Aborted) => (Claimed::Refused(aborted()), ClaimEnd::Aborted),
            Ok(End::Looked { .. } | End::TooLong) => unsure(Reply::unknown()),
            Err(LedgerError::Unreadable(_)) => {
                refused(Reply::enhanced(451, 3, 0, "its record cannot be read, try again later"))
            }
            Err(LedgerError::Unreachable(_)) => {
                unsure(Reply::enhanced(451, 4, 1, "the ledger cannot be reached, try again later"))
            }
        }
    }

    /// Keeps what became of the recipients of a granted claim, all of them at once; whoever has no result is unknown.
    /// Returns when it is stored, or cannot be; goes on also when the future is dropped.
    pub async fn record(&self, results: &[(Position, Reply)]) {
        let mail = &self.shared.mail;
        mail.inner.settings.failpoints.reached(Point::AfterDot);
        let result_of = |position: &Position| {
            results.iter().find(|(known, _)| known == position).map(|(_, reply)| reply.clone())
        };
        let is_meant = |open: &mut Open| open.recipients.iter().any(|position| result_of(position).is_some());
        let meant: Vec<Open> = lock(&mail.state).open.extract_if(.., is_meant).collect();
        for Open { recipients, outcome, recorded } in meant {
            let replies =
                recipients.iter().map(|position| result_of(position).unwrap_or_else(Reply::unknown));
            if outcome.send(replies.collect()).is_ok() {
                drop(recorded.await);
            }
        }
        mail.inner.settings.failpoints.reached(Point::AfterRecord);
    }

    /// Waits until everything is recorded, or cannot be. What was granted and not recorded became of it what
    /// `outcomes` say.
    pub(crate) async fn settled(&self, outcomes: &Outcomes) {
        let open = std::mem::take(&mut lock(&self.shared.mail.state).open);
        for Open { recipients, outcome, .. } in open {
            let replies = recipients.iter().map(|position| outcomes.get(*position)).collect();
            drop(outcome.send(replies));
        }
        let mut tasks = std::mem::take(&mut *lock(&self.shared.tasks));
        while tasks.join_next().await.is_some() {}
    }

    /// Whether an early reply for this recipient is true whatever another egress does.
    pub(crate) fn may_tell(&self, position: Position) -> bool {
        let mail = &self.shared.mail;
        let standing = lock(&mail.state).standing.get(position.index()).copied().unwrap_or_default();
        match standing {
            Standing::Unsure => false,
            Standing::Granted | Standing::Decided => true,
            Standing::Undecided => mail.inner.settings.ledger.is_none() || mail.hold.is_held(),
        }
    }

    /// Whether somebody's result may be another one than what this egress would say.
    pub(crate) fn is_unsure(&self) -> bool {
        lock(&self.shared.mail.state).standing.contains(&Standing::Unsure)
    }

    /// Whether the delivery is still this process's.
    pub(crate) fn is_held(&self) -> bool {
        self.shared.mail.hold.is_held()
    }

    /// Whether the ledger has a result for every recipient.
    pub(crate) fn all_decided(&self) -> bool {
        lock(&self.shared.mail.state).standing.iter().all(|standing| *standing == Standing::Decided)
    }

    /// Whether a claim was granted whose outcome could not be written.
    pub(crate) fn has_unrecorded(&self) -> bool {
        lock(&self.shared.mail.state).standing.contains(&Standing::Granted)
    }
}

fn elsewhere() -> Reply {
    Reply::enhanced(451, 4, 5, "given to another egress meanwhile, try again later")
}

fn aborted() -> Reply {
    Reply::enhanced(451, 4, 7, "given up before its delivery, try again later")
}
