//! The end of a delivery: the dot and its reply, the outcome in the ledger, the notice.

use proto::ReplyClass;
use proto::ledger::{End, Record, State as Said};

use crate::client::answer;
use crate::egress::draft;
use crate::ledger::{create, fill, record, reply};
use crate::mutants::Mutant;
use crate::setup::{Setup, contains, each};
use crate::state::{Answers, At, Doing, Draft, State, Verdict, Work};

/// The next hop answers the dot.
pub(crate) fn dot(state: &mut State, egress: usize, class: ReplyClass) {
    let Some(work) = &mut state.egresses[egress].work else {
        return;
    };
    let Doing::AtDot { generation, is_hit } = work.step else {
        return;
    };
    let transaction = state.jobs[work.job].transaction;
    for recipient in each(work.group) {
        work.results[recipient] = Some(class);
        if class == ReplyClass::Positive {
            let history = &mut state.history;
            history.copies[transaction][recipient] += 1;
            history.is_late |= !is_hit && contains(history.aborted[transaction], recipient);
        }
    }
    work.step = Doing::Answered { generation, is_told: false };
}

/// The outcome, in the place of the claim.
pub(crate) fn write(setup: &Setup, state: &mut State, work: &Work, generation: u32) {
    let job = &state.jobs[work.job];
    let results = each(work.group).filter_map(|recipient| work.results[recipient]);
    let said = Said::Done(results.map(reply).collect());
    let (transaction, attempt) = (job.transaction, job.attempt);
    if setup.is(Mutant::ClaimSkipped) {
        let draft = Draft { owner: state.mint(), attempt };
        let record = record(setup, transaction, draft, work.group, said);
        let line = &mut state.lines[setup.line(transaction)];
        let end = u32::try_from(line.len()).unwrap();
        create(setup, line, end, &record);
    } else if let Some(draft) = draft(setup, state, work) {
        // One's own record is written without asking what stands there.
        let line = &mut state.lines[setup.line(transaction)];
        line[generation as usize] = Record { state: said, ..draft };
    }
}

pub(crate) fn tell_early(state: &mut State, egress: usize) {
    let Some(work) = &mut state.egresses[egress].work else {
        return;
    };
    if let Doing::Answered { is_told, .. } = &mut work.step {
        *is_told = true;
    }
    let (transaction, results) = (state.jobs[work.job].transaction, work.results);
    tell(state, transaction, &results);
}

/// A notice reaches an ingress that still has the transaction, or nobody.
pub(crate) fn tell(state: &mut State, transaction: usize, results: &Answers) {
    if !matches!(state.sessions[transaction].at, At::Ahead | At::Over) {
        answer(state, transaction, results);
    }
}

/// What becomes of a verdict whose content is gone.
pub(crate) fn without_content(state: &State, mut work: Work, end: &End) -> Work {
    let job = &state.jobs[work.job];
    let End::Looked { results, attempt, .. } = end else {
        return Work { step: Doing::Removing, ..work };
    };
    fill(&mut work.results, results);
    let is_known = each(job.recipients).all(|recipient| work.results[recipient].is_some());
    let is_first = job.verdicts[work.verdict] == Verdict::Held { again: false };
    // Of what nobody knows anything: damaged on its way, unless it was removed by whoever finished it.
    let is_damaged = attempt.is_none() && is_first;
    if is_damaged {
        work.results = Answers::default();
    }
    let step = if is_damaged || is_known { Doing::Telling } else { Doing::Removing };
    Work { step, ..work }
}
