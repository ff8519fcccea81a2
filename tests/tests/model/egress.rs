//! The egress: claim, dot, record beside telling, remove, ack; and what it does with a verdict whose content is gone.

use proto::ReplyClass;
use proto::ledger::{End, Freshness, State as Said, Walk};

use crate::ledger::{end, fill, record, reply, sights, step, wanted};
use crate::moves::Move;
use crate::mutants::Mutant;
use crate::outcome::{tell, without_content, write};
use crate::setup::{Set, Setup, each, one};
use crate::state::{Answers, Doing, Draft, State, Verdict, Work};

pub(crate) fn moves(setup: &Setup, state: &State, moves: &mut Vec<Move>) {
    if state.egresses.iter().any(|egress| egress.work.is_none() && !egress.is_paused) {
        for (index, job) in state.jobs.iter().enumerate() {
            for (number, verdict) in job.verdicts.iter().enumerate() {
                if let Verdict::Due { .. } = verdict {
                    moves.push(Move::Take(index, number));
                }
            }
        }
    }
    for (index, egress) in state.egresses.iter().enumerate() {
        let Some(work) = &egress.work else { continue };
        if egress.is_paused {
            moves.push(Move::Resume(index));
            continue;
        }
        match &work.step {
            Doing::Claiming(walk) | Doing::Looking(walk) => {
                let line = setup.line(state.jobs[work.job].transaction);
                let sights = sights(setup, state, line, walk);
                moves.extend(sights.into_iter().map(|freshness| Move::Deliver(index, freshness)));
            }
            Doing::AtDot { .. } => {
                moves.extend(setup.replies.iter().map(|class| Move::Dot(index, *class)));
            }
            Doing::Answered { is_told, .. } => {
                moves.push(Move::Deliver(index, Freshness::Fresh));
                if !is_told && work.open == 0 && work.is_held {
                    moves.push(Move::TellEarly(index));
                }
            }
            Doing::BeforeClaim | Doing::Granted(_) | Doing::Telling | Doing::Removing | Doing::Acking => {
                moves.push(Move::Deliver(index, Freshness::Fresh));
            }
        }
    }
}

/// The next idle egress gets a verdict and reads the content.
pub(crate) fn take(setup: &Setup, state: &mut State, job: usize, verdict: usize) {
    let stored = &mut state.jobs[job];
    let Verdict::Due { again } = stored.verdicts[verdict] else {
        return;
    };
    stored.verdicts[verdict] = Verdict::Held { again };
    let step = if stored.is_stored {
        Doing::BeforeClaim
    } else {
        Doing::Looking(Walk::look(setup.tx(stored.transaction), wanted(setup, stored.recipients)))
    };
    let mut work = Work {
        job,
        verdict,
        is_held: true,
        open: stored.recipients,
        group: 0,
        results: Answers::default(),
        decided: 0,
        owner: None,
        step,
    };
    next_group(setup, &mut work);
    let idle = state.egresses.iter_mut().find(|egress| egress.work.is_none() && !egress.is_paused);
    if let Some(egress) = idle {
        egress.work = Some(work);
    }
}

fn next_group(setup: &Setup, work: &mut Work) {
    work.group = match each(work.open).next() {
        Some(first) if setup.is_split => one(first),
        Some(_) | None => work.open,
    };
    work.open &= !work.group;
}

/// One step of an egress.
pub(crate) fn deliver(setup: &Setup, state: &mut State, egress: usize, freshness: Freshness) {
    let Some(mut work) = state.egresses[egress].work.take() else {
        return;
    };
    let transaction = state.jobs[work.job].transaction;
    let line = setup.line(transaction);
    let left = match work.step.clone() {
        Doing::BeforeClaim => begin(setup, state, work),
        Doing::Claiming(mut walk) => {
            let draft = draft(setup, state, &work);
            step(setup, &mut state.lines[line], &mut walk, draft.as_ref(), freshness);
            match end(&walk).cloned() {
                None => Some(Work { step: Doing::Claiming(walk), ..work }),
                Some(end) => claimed(setup, state, work, &end),
            }
        }
        Doing::Granted(generation) if work.is_held || setup.is(Mutant::HoldNotChecked) => {
            Some(Work { step: Doing::AtDot { generation, is_hit: false }, ..work })
        }
        Doing::Granted(generation) => {
            // Withdrawn; and mute, since somebody else has the delivery.
            state.lines[line][generation as usize].state = Said::Done(Vec::new());
            None
        }
        Doing::Answered { generation, is_told } => {
            write(setup, state, &work, generation);
            work.decided |= work.group;
            work.owner = None;
            onward(setup, state, work, is_told)
        }
        Doing::Looking(mut walk) => {
            step(setup, &mut state.lines[line], &mut walk, None, freshness);
            match end(&walk) {
                None => Some(Work { step: Doing::Looking(walk), ..work }),
                Some(end) => Some(without_content(state, work, end)),
            }
        }
        Doing::Telling => {
            tell(state, transaction, &work.results);
            Some(Work { step: Doing::Removing, ..work })
        }
        Doing::Removing => {
            state.jobs[work.job].is_stored = false;
            Some(Work { step: Doing::Acking, ..work })
        }
        Doing::Acking => {
            if work.is_held {
                state.jobs[work.job].verdicts[work.verdict] = Verdict::Gone;
            }
            None
        }
        Doing::AtDot { .. } => Some(work),
    };
    state.egresses[egress].work = left;
}

fn begin(setup: &Setup, state: &State, mut work: Work) -> Option<Work> {
    if setup.is(Mutant::ClaimSkipped) {
        work.step = Doing::AtDot { generation: 0, is_hit: false };
    } else if work.is_held {
        let owner = state.mint();
        let tx = setup.tx(state.jobs[work.job].transaction);
        work.owner = Some(owner);
        work.step = Doing::Claiming(Walk::claim(tx, owner, wanted(setup, work.group)));
    } else {
        // Whoever has lost the delivery is mute.
        return None;
    }
    Some(work)
}

/// The claim of the group.
pub(crate) fn draft(setup: &Setup, state: &State, work: &Work) -> Option<proto::ledger::Record> {
    let job = &state.jobs[work.job];
    let said = if setup.is(Mutant::RecordBeforeClaim) {
        Said::Done(each(work.group).map(|_| reply(ReplyClass::Positive)).collect())
    } else {
        Said::Claim { beat: 0 }
    };
    let draft = Draft { owner: work.owner?, attempt: job.attempt };
    Some(record(setup, job.transaction, draft, work.group, said))
}

fn claimed(setup: &Setup, state: &State, mut work: Work, end: &End) -> Option<Work> {
    if let End::Mine { generation } = end {
        return Some(Work { step: Doing::Granted(*generation), ..work });
    }
    work.owner = None;
    let mut rest: Set = 0;
    if let End::Taken(results) = end {
        fill(&mut work.results, results);
        let is_taken = |recipient: usize| results.iter().any(|(position, _)| position.index() == recipient);
        rest = each(work.group).filter(|recipient| !is_taken(*recipient)).map(one).sum();
        work.decided |= work.group & !rest;
    }
    // The transaction at the next hop is begun anew without those who are answered; who was refused stays without.
    work.group = 0;
    work.open |= rest;
    onward(setup, state, work, false)
}

/// The next group, or the end of the work; none when it ends without a word.
pub(crate) fn onward(setup: &Setup, state: &State, mut work: Work, is_told: bool) -> Option<Work> {
    if work.open != 0 {
        next_group(setup, &mut work);
        return Some(Work { step: Doing::BeforeClaim, ..work });
    }
    let is_sure = work.decided == state.jobs[work.job].recipients;
    let step = if is_told { Doing::Removing } else { Doing::Telling };
    (is_told || is_sure || work.is_held).then_some(Work { step, ..work })
}
