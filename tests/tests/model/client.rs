//! The client: its transactions at two ingresses, and one retry for whoever has no final answer.

use proto::ReplyClass;

use crate::setup::{Set, Setup, each, one};
use crate::state::{Answers, At, State};

/// Transactions of one mail come to the two ingresses in turn, as with two destinations in Postfix.
pub(crate) fn ingress_of(transaction: usize) -> usize {
    transaction % 2
}

/// Whom the client would try again: a lost connection is no answer, and 4xx is none either.
fn unanswered(setup: &Setup, state: &State) -> Set {
    let all = setup.first.iter().fold(0, |all, recipients| all | recipients);
    let is_open = |recipient: &usize| {
        let answer = state.answers[*recipient];
        answer.is_none_or(|answer| answer == ReplyClass::Transient)
    };
    each(all).filter(is_open).map(one).fold(0, |all, one| all | one)
}

/// Whether it can try again: at once when a connection was lost.
pub(crate) fn may_retry(setup: &Setup, state: &State) -> bool {
    let first = &state.sessions[..setup.retry()];
    state.sessions[setup.retry()].at == At::Ahead
        && first.iter().all(|session| session.at == At::Over || !session.is_heard)
        && unanswered(setup, state) != 0
}

pub(crate) fn retry(setup: &Setup, state: &mut State) {
    let recipients = unanswered(setup, state);
    for recipient in each(recipients) {
        state.answers[recipient] = None;
    }
    state.history.was_slow &= state.faults_left < setup.faults;
    let session = &mut state.sessions[setup.retry()];
    session.recipients = recipients;
    session.at = At::Publishing(0);
}

/// The ingress answers a transaction, if anybody listens; whoever has no result hears 451.
pub(crate) fn answer(state: &mut State, transaction: usize, results: &Answers) {
    let session = &mut state.sessions[transaction];
    session.at = At::Over;
    if session.is_heard {
        for recipient in each(session.recipients) {
            state.answers[recipient] = Some(results[recipient].unwrap_or(ReplyClass::Transient));
        }
    }
}
