//! The queue: jobs, message ids, verdicts and the worker.
//!
//! A worker has no effect but the verdict that it stores, so one that dies or stops before that is one that is slow,
//! and one that dies behind it is a second verdict, which the server refuses unless it has forgotten the first.

use crate::moves::Move;
use crate::setup::Setup;
use crate::state::{At, Job, State, Verdict};

/// Stores a job; whether there was none of its message id.
pub(crate) fn store(setup: &Setup, state: &mut State, transaction: usize, attempt: u32) -> bool {
    if position(setup, state, transaction, attempt).is_some() {
        return false;
    }
    state.jobs.push(Job {
        transaction,
        attempt,
        recipients: state.sessions[transaction].recipients,
        is_stored: true,
        is_known: true,
        is_due: true,
        verdicts: [Verdict::Ahead; 2],
    });
    true
}

/// Whether the job of the message id that this transaction would use is still stored.
pub(crate) fn has(setup: &Setup, state: &State, transaction: usize, attempt: u32) -> bool {
    position(setup, state, transaction, attempt).is_some_and(|job| state.jobs[job].is_stored)
}

/// The message id is made of the key, the recipients and the attempt.
fn position(setup: &Setup, state: &State, transaction: usize, attempt: u32) -> Option<usize> {
    let recipients = state.sessions[transaction].recipients;
    let line = setup.line(transaction);
    state.jobs.iter().position(|job| {
        job.is_known
            && (setup.line(job.transaction), job.recipients, job.attempt) == (line, recipients, attempt)
    })
}

pub(crate) fn moves(state: &State, moves: &mut Vec<Move>) {
    for (index, job) in state.jobs.iter().enumerate() {
        if job.is_stored && job.is_due {
            moves.push(Move::Scan(index));
        }
        // What is left of a job whose ingress has answered is dropped by whoever sees that its time is up.
        let is_over = state.sessions[job.transaction].at == At::Over;
        let is_held = job.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Held { .. }));
        if job.is_stored && is_over && !is_held {
            moves.push(Move::Expire(index));
        }
    }
}

/// A worker stores its verdict, under the name of the transaction, and acks.
pub(crate) fn scan(state: &mut State, job: usize) {
    let transaction = state.jobs[job].transaction;
    let is_known =
        state.jobs.iter().any(|job| job.transaction == transaction && job.verdicts[0] != Verdict::Ahead);
    let job = &mut state.jobs[job];
    job.is_due = false;
    if !is_known {
        job.verdicts[0] = Verdict::Due { again: false };
    }
}

pub(crate) fn expire(state: &mut State, job: usize) {
    let job = &mut state.jobs[job];
    job.is_stored = false;
    job.is_due = false;
    for verdict in &mut job.verdicts {
        if let Verdict::Due { .. } = verdict {
            *verdict = Verdict::Gone;
        }
    }
}
