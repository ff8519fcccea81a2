//! The ingress: stores the job, waits for the notice, joins what is under way, and gives up at its deadline.
//!
//! An ingress concludes nothing from silence but that its time is up, so one that is stopped is one that is slow.

use proto::ledger::{End, Freshness, State as Said, Walk};

use crate::client::answer;
use crate::ledger::{end, fill, look, record, sights, step, wanted};
use crate::moves::Move;
use crate::mutants::Mutant;
use crate::queue;
use crate::setup::{Setup, each, one};
use crate::state::{Answers, At, Draft, State};

/// What a look at the ledger leads to.
#[derive(Clone, Copy)]
enum Next {
    Answer(Answers),
    Publish(u32),
    Attach,
}

pub(crate) fn moves(setup: &Setup, state: &State, moves: &mut Vec<Move>) {
    for (transaction, session) in state.sessions.iter().enumerate() {
        match &session.at {
            At::Ahead | At::Over => continue,
            At::Publishing(_) => {
                moves.push(Move::Publish(transaction));
                continue;
            }
            At::Looking(_, walk) | At::Aborting(_, walk) => {
                let sights = sights(setup, state, setup.line(transaction), walk);
                moves.extend(sights.into_iter().map(|freshness| Move::Walk(transaction, freshness)));
            }
            At::Attached(attempt) => {
                for freshness in [Freshness::Fresh, Freshness::Stale] {
                    if !matches!(poll(setup, state, transaction, *attempt, freshness), Next::Attach) {
                        moves.push(Move::Poll(transaction, freshness));
                    }
                }
            }
            At::Waiting(_) => {}
        }
        if !matches!(session.at, At::Aborting(..)) {
            moves.push(Move::Deadline(transaction));
        }
    }
}

/// Stores the job; a job of the same id leads to the ledger.
pub(crate) fn publish(setup: &Setup, state: &mut State, transaction: usize) {
    let At::Publishing(attempt) = state.sessions[transaction].at else {
        return;
    };
    if setup.is(Mutant::AnsweredAtPublish) {
        queue::store(setup, state, transaction, attempt);
        let taken = [Some(proto::ReplyClass::Positive); _];
        return answer(state, transaction, &taken);
    }
    state.sessions[transaction].at = if queue::store(setup, state, transaction, attempt) {
        At::Waiting(attempt)
    } else {
        At::Looking(attempt, asking(setup, state, transaction))
    };
}

fn asking(setup: &Setup, state: &State, transaction: usize) -> Walk {
    Walk::look(setup.tx(transaction), wanted(setup, state.sessions[transaction].recipients))
}

/// One step of the walk that the ingress is at.
pub(crate) fn walk(setup: &Setup, state: &mut State, transaction: usize, freshness: Freshness) {
    let recipients = state.sessions[transaction].recipients;
    let mut at = state.sessions[transaction].at.clone();
    let line = setup.line(transaction);
    match &mut at {
        At::Looking(attempt, walk) => {
            step(setup, &mut state.lines[line], walk, None, freshness);
            if end(walk).is_some() {
                let next = conclude(setup, state, transaction, *attempt, walk);
                return go(setup, state, transaction, *attempt, next);
            }
        }
        At::Aborting(draft, walk) => {
            let draft = record(setup, transaction, *draft, recipients, Said::Abort);
            step(setup, &mut state.lines[line], walk, Some(&draft), freshness);
            if end(walk).is_some() {
                return aborted(state, transaction, walk);
            }
        }
        At::Ahead | At::Publishing(_) | At::Waiting(_) | At::Attached(_) | At::Over => {}
    }
    state.sessions[transaction].at = at;
}

/// The whole look of somebody who is attached. At once, since it changes nothing and what is left waits.
fn poll(setup: &Setup, state: &State, transaction: usize, attempt: u32, freshness: Freshness) -> Next {
    let asking = asking(setup, state, transaction);
    let walk = look(setup, state, setup.line(transaction), asking, freshness);
    conclude(setup, state, transaction, attempt, &walk)
}

pub(crate) fn polled(setup: &Setup, state: &mut State, transaction: usize, freshness: Freshness) {
    let At::Attached(attempt) = state.sessions[transaction].at else {
        return;
    };
    let next = poll(setup, state, transaction, attempt, freshness);
    go(setup, state, transaction, attempt, next);
}

fn conclude(setup: &Setup, state: &State, transaction: usize, attempt: u32, walk: &Walk) -> Next {
    let Some(End::Looked { results, pending, attempt: recorded }) = end(walk) else {
        return Next::Attach;
    };
    let mut answers = Answers::default();
    fill(&mut answers, results);
    if each(state.sessions[transaction].recipients).all(|recipient| answers[recipient].is_some()) {
        return Next::Answer(answers);
    }
    match recorded {
        Some(recorded) if *recorded >= attempt && !pending => Next::Publish(recorded + 1),
        Some(_) | None if !queue::has(setup, state, transaction, attempt) => Next::Publish(attempt + 1),
        Some(_) | None => Next::Attach,
    }
}

fn go(setup: &Setup, state: &mut State, transaction: usize, attempt: u32, next: Next) {
    match next {
        Next::Answer(answers) => answer(state, transaction, &answers),
        Next::Publish(next) => state.sessions[transaction].at = At::Publishing(next),
        Next::Attach if setup.is(Mutant::NotAttached) => answer(state, transaction, &Answers::default()),
        Next::Attach => state.sessions[transaction].at = At::Attached(attempt),
    }
}

/// The time is up: the job runs on where a retry will find its outcome, and is stopped where none could.
pub(crate) fn deadline(setup: &Setup, state: &mut State, transaction: usize) {
    state.history.was_slow = true;
    let session = &state.sessions[transaction];
    let (At::Waiting(attempt) | At::Looking(attempt, _) | At::Attached(attempt)) = session.at else {
        return;
    };
    if setup.has_ident || setup.is(Mutant::NoAbort) {
        return answer(state, transaction, &Answers::default());
    }
    let draft = Draft { owner: state.mint(), attempt };
    let walk = Walk::abort(setup.tx(transaction), draft.owner, wanted(setup, session.recipients));
    state.sessions[transaction].at = At::Aborting(draft, walk);
}

/// What the client hears after an abort, won or lost.
fn aborted(state: &mut State, transaction: usize, walk: &Walk) {
    let mut answers = Answers::default();
    fill(&mut answers, walk.taken());
    if let Some(End::Mine { .. } | End::Aborted) = end(walk) {
        let recipients = each(state.sessions[transaction].recipients);
        let stopped = recipients.filter(|recipient| answers[*recipient].is_none());
        state.history.aborted[transaction] = stopped.map(one).fold(0, |all, one| all | one);
    }
    answer(state, transaction, &answers);
}
