//! What each fault does.

use proto::ReplyClass;
use proto::ledger::{State as Said, Step};

use crate::client::ingress_of;
use crate::egress::{draft, onward};
use crate::faults::{Fault, is_open};
use crate::ledger::{create, record};
use crate::outcome::dot;
use crate::queue;
use crate::setup::{Setup, each};
use crate::state::{At, Doing, State, Verdict};

pub(crate) fn apply(setup: &Setup, state: &mut State, fault: Fault) {
    state.faults_left -= 1;
    // Nobody asks for it any more: fewer states.
    state.history.was_slow = true;
    match fault {
        Fault::IngressDies(ingress) => {
            for (index, session) in state.sessions.iter_mut().enumerate() {
                if ingress_of(index) == ingress && is_open(&session.at) {
                    session.at = At::Over;
                }
            }
        }
        Fault::EgressDies(egress) => {
            hit(state, egress);
            give_back(state, egress);
            state.egresses[egress].work = None;
        }
        Fault::EgressStops(egress) => {
            hit(state, egress);
            give_back(state, egress);
            state.egresses[egress].is_paused = true;
        }
        Fault::LinkCut(transaction) => state.sessions[transaction].is_heard = false,
        Fault::StoredUnheard(transaction) => {
            if let At::Publishing(attempt) = state.sessions[transaction].at {
                queue::store(setup, state, transaction, attempt);
            }
        }
        Fault::ClaimedUnheard(egress) => claim_unheard(setup, state, egress),
        Fault::ClaimLeft(egress) => {
            claim_unheard(setup, state, egress);
            if let Some(mut work) = state.egresses[egress].work.take() {
                work.owner = None;
                work.group = 0;
                state.egresses[egress].work = onward(setup, state, work, false);
            }
        }
        Fault::AbortedUnheard(transaction) => abort_unheard(setup, state, transaction),
        Fault::ReplyLost(egress) => {
            hit(state, egress);
            dot(state, egress, ReplyClass::Positive);
            if let Some(work) = &mut state.egresses[egress].work {
                for recipient in each(work.group) {
                    work.results[recipient] = Some(ReplyClass::Transient);
                }
            }
        }
        Fault::JobLost { .. } | Fault::VerdictLost(..) | Fault::AckLost(..) | Fault::SecondVerdict(_) => {
            forget(state, fault);
        }
    }
}

fn forget(state: &mut State, fault: Fault) {
    match fault {
        Fault::JobLost { job, with_id } => {
            let job = &mut state.jobs[job];
            job.is_stored = false;
            job.is_due = false;
            job.is_known &= !with_id;
        }
        Fault::VerdictLost(job, verdict) => state.jobs[job].verdicts[verdict] = Verdict::Gone,
        Fault::AckLost(job, verdict) => state.jobs[job].verdicts[verdict] = Verdict::Due { again: true },
        Fault::SecondVerdict(job) => state.jobs[job].verdicts[1] = Verdict::Due { again: false },
        _ => {}
    }
}

/// Counts a fault between the last look at the right and the recorded outcome.
fn hit(state: &mut State, egress: usize) {
    let Some(work) = &mut state.egresses[egress].work else {
        return;
    };
    match &mut work.step {
        Doing::AtDot { is_hit, .. } => *is_hit = true,
        Doing::Answered { .. } => {}
        _ => return,
    }
    let transaction = state.jobs[work.job].transaction;
    for recipient in each(work.group) {
        state.history.hits[transaction][recipient] += 1;
    }
}

/// The server gives the delivery to somebody else.
fn give_back(state: &mut State, egress: usize) {
    let Some(work) = &mut state.egresses[egress].work else {
        return;
    };
    if std::mem::take(&mut work.is_held) {
        state.jobs[work.job].verdicts[work.verdict] = Verdict::Due { again: true };
    }
}

fn claim_unheard(setup: &Setup, state: &mut State, egress: usize) {
    let Some(work) = &state.egresses[egress].work else {
        return;
    };
    let (Doing::Claiming(walk), Some(draft)) = (&work.step, draft(setup, state, work)) else {
        return;
    };
    if let Step::Create(generation) = *walk.step() {
        let line = setup.line(state.jobs[work.job].transaction);
        create(setup, &mut state.lines[line], generation, &draft);
    }
}

fn abort_unheard(setup: &Setup, state: &mut State, transaction: usize) {
    let session = &state.sessions[transaction];
    let At::Aborting(draft, walk) = &session.at else {
        return;
    };
    if let Step::Create(generation) = *walk.step() {
        let draft = record(setup, transaction, *draft, session.recipients, Said::Abort);
        create(setup, &mut state.lines[setup.line(transaction)], generation, &draft);
    }
}
