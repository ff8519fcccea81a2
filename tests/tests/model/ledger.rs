//! The modelled store: lines of records, and the production walk stepped against them.

use proto::ledger::{End, Freshness, Record, Seen, State as Said, Step, Walk, Wanted};
use proto::{Position, Reply, ReplyClass};

use crate::mutants::Mutant;
use crate::setup::{Set, Setup, each};
use crate::state::{Answers, Draft, State};

/// The recipients as a walk wants them; the position is the number here.
pub(crate) fn wanted(setup: &Setup, recipients: Set) -> Vec<Wanted> {
    each(recipients)
        .map(|recipient| Wanted { position: Position::new(recipient), id: setup.name(recipient) })
        .collect()
}

/// A record about them.
pub(crate) fn record(
    setup: &Setup,
    transaction: usize,
    draft: Draft,
    recipients: Set,
    state: Said,
) -> Record {
    Record {
        tx: setup.tx(transaction),
        owner: draft.owner,
        attempt: draft.attempt,
        recipients: each(recipients).map(|recipient| setup.name(recipient)).collect(),
        state,
    }
}

pub(crate) fn reply(class: ReplyClass) -> Reply {
    let code = match class {
        ReplyClass::Positive => 250,
        ReplyClass::Transient => 451,
        ReplyClass::Permanent => 550,
    };
    Reply::new(code, None, "")
}

/// Adds results to answers.
pub(crate) fn fill(answers: &mut Answers, results: &[(Position, Reply)]) {
    for (position, reply) in results {
        answers[position.index()] = Some(reply.class());
    }
}

/// What the next step may take a claim for; nothing when there is nothing to be seen yet. A claim is first met fresh:
/// that it never changes, only watching it shows.
pub(crate) fn sights(setup: &Setup, state: &State, line: usize, walk: &Walk) -> Vec<Freshness> {
    let claim_at = |generation: &u32| {
        let record = state.lines[line].get(*generation as usize)?;
        matches!(record.state, Said::Claim { .. }).then_some(record)
    };
    let may_be_dead = |claim: &Record| match setup.mutant {
        Some(Mutant::LivingTakenForDead) => true,
        Some(Mutant::DeadTakenForLiving) => false,
        Some(_) | None => !state.is_living(claim.owner),
    };
    match walk.step() {
        Step::End(_) => Vec::new(),
        Step::Create(_) | Step::Read(_) => vec![Freshness::Fresh],
        Step::Watch(generation) => match claim_at(generation) {
            Some(claim) if may_be_dead(claim) => vec![Freshness::Stale],
            Some(_) => Vec::new(),
            None => vec![Freshness::Fresh],
        },
    }
}

/// One step of a walk; what it creates is `draft`.
pub(crate) fn step(
    setup: &Setup,
    line: &mut Vec<Record>,
    walk: &mut Walk,
    draft: Option<&Record>,
    freshness: Freshness,
) {
    match *walk.step() {
        Step::Create(generation) => {
            let is_created = draft.is_some_and(|draft| create(setup, line, generation, draft));
            walk.saw(if is_created { Seen::Created } else { Seen::Exists });
        }
        Step::Read(generation) | Step::Watch(generation) => match line.get(generation as usize) {
            Some(record) if setup.is(Mutant::AbortIgnored) && record.state == Said::Abort => {
                // As if another transaction had been aborted.
                let other = Record { tx: setup.tx(setup.retry()), ..record.clone() };
                walk.saw(Seen::Record(&other, freshness));
            }
            Some(record) => walk.saw(Seen::Record(record, freshness)),
            None => walk.saw(Seen::Missing),
        },
        Step::End(_) => {}
    }
}

/// Compare-and-set on a place that is empty.
pub(crate) fn create(setup: &Setup, line: &mut Vec<Record>, generation: u32, draft: &Record) -> bool {
    match line.get_mut(generation as usize) {
        None => {
            line.push(draft.clone());
            true
        }
        Some(record) if setup.is(Mutant::UpdateInsteadOfCreate) => {
            record.clone_from(draft);
            true
        }
        Some(_) => false,
    }
}

/// A whole look as the line stands, every claim of somebody who is gone being `freshness`.
pub(crate) fn look(setup: &Setup, state: &State, line: usize, mut walk: Walk, freshness: Freshness) -> Walk {
    loop {
        let (Step::Read(generation) | Step::Create(generation) | Step::Watch(generation)) = *walk.step()
        else {
            return walk;
        };
        let mut records = state.lines[line].clone();
        let owner = records.get(generation as usize).map(|record| record.owner);
        let freshness = match owner {
            Some(owner) if !state.is_living(owner) => freshness,
            Some(_) | None => Freshness::Fresh,
        };
        step(setup, &mut records, &mut walk, None, freshness);
    }
}

/// How a walk ended.
pub(crate) fn end(walk: &Walk) -> Option<&End> {
    match walk.step() {
        Step::End(end) => Some(end),
        Step::Create(_) | Step::Read(_) | Step::Watch(_) => None,
    }
}
