//! What must hold in every state, and what must be possible so that this means something.

use proto::ReplyClass;
use proto::ledger::State as Said;
use stateright::Property;

use crate::setup::{RECIPIENTS, Setup};
use crate::state::{At, State, Verdict};

pub(crate) const DELIVERED: &str = "who hears 2xx has a copy";
pub(crate) const BOUNDED: &str = "no more copies than one and the faults between the dot and its record";
pub(crate) const REFUSED: &str = "who hears 5xx has no copy";
pub(crate) const ABORTED: &str = "no copy is made once an abort has won";
pub(crate) const SETTLED: &str = "every run settles once faults stop";
pub(crate) const HONEST: &str = "without a fault and in time the client hears what the next hop said";

pub(crate) const WELL: &str = "everybody can be served";
pub(crate) const JOINED: &str = "a retry can join what is under way";
pub(crate) const AGAIN: &str = "a next attempt can be made";
pub(crate) const GIVEN_UP: &str = "an abort can win";
pub(crate) const DOUBLED: &str = "the window can cost a second copy";
pub(crate) const WITHDRAWN: &str = "a claim can be withdrawn";

pub(crate) fn all() -> Vec<Property<Setup>> {
    vec![
        Property::always(DELIVERED, |_, state: &State| {
            recipients_told(state, ReplyClass::Positive).all(|recipient| copies(state, recipient) >= 1)
        }),
        Property::always(BOUNDED, is_bounded),
        Property::always(REFUSED, |setup, state| {
            let faults = |recipient| tolerated(setup, state, recipient);
            recipients_told(state, ReplyClass::Permanent)
                .all(|recipient| copies(state, recipient) <= faults(recipient))
        }),
        Property::always(ABORTED, |_, state: &State| !state.history.is_late),
        Property::always(SETTLED, |setup, state| is_settled(setup, state) || !setup.moves(state).is_empty()),
        Property::always(HONEST, is_honest),
        Property::sometimes(WELL, |setup, state| {
            let served = recipients_told(state, ReplyClass::Positive).count();
            served == setup.first.iter().map(|recipients| recipients.count_ones() as usize).sum::<usize>()
        }),
        Property::sometimes(JOINED, |_, state: &State| {
            state.sessions.iter().any(|session| matches!(session.at, At::Attached(_)))
        }),
        Property::sometimes(AGAIN, |_, state: &State| state.jobs.iter().any(|job| job.attempt > 0)),
        Property::sometimes(GIVEN_UP, |_, state: &State| state.history.aborted.iter().any(|set| *set != 0)),
        Property::sometimes(DOUBLED, |_, state: &State| {
            (0..RECIPIENTS).any(|recipient| copies(state, recipient) > 1)
        }),
        Property::sometimes(WITHDRAWN, |_, state: &State| {
            let mut records = state.lines.iter().flatten();
            records.any(|record| matches!(&record.state, Said::Done(replies) if replies.is_empty()))
        }),
    ]
}

fn recipients_told(state: &State, class: ReplyClass) -> impl Iterator<Item = usize> {
    let told = state.answers.iter().enumerate();
    told.filter(move |(_, answer)| **answer == Some(class)).map(|(recipient, _)| recipient)
}

fn copies(state: &State, recipient: usize) -> u8 {
    state.history.copies.iter().map(|copies| copies[recipient]).sum()
}

fn hits(state: &State, recipient: usize) -> u8 {
    state.history.hits.iter().map(|hits| hits[recipient]).sum()
}

/// Copies that are allowed beyond what was answered: where a retry cannot be known, any fault may cost one.
fn tolerated(setup: &Setup, state: &State, recipient: usize) -> u8 {
    if setup.has_ident { hits(state, recipient) } else { setup.faults - state.faults_left }
}

fn is_bounded(setup: &Setup, state: &State) -> bool {
    let history = &state.history;
    (0..RECIPIENTS).all(|recipient| {
        let mut each = history.copies.iter().zip(&history.hits);
        copies(state, recipient) <= 1 + tolerated(setup, state, recipient)
            && each.all(|(copies, hits)| copies[recipient] <= 1 + hits[recipient])
    })
}

/// Nobody waits, nothing is left, and without a fault every claim has an outcome.
fn is_settled(setup: &Setup, state: &State) -> bool {
    let mut records = state.lines.iter().flatten();
    let is_left = |verdict: &Verdict| matches!(verdict, Verdict::Due { .. } | Verdict::Held { .. });
    state.sessions.iter().all(|session| matches!(session.at, At::Ahead | At::Over))
        && state.egresses.iter().all(|egress| egress.work.is_none())
        && state.jobs.iter().all(|job| !job.is_stored && !job.verdicts.iter().any(is_left))
        && (state.faults_left < setup.faults
            || records.all(|record| !matches!(record.state, Said::Claim { .. })))
}

/// Where nothing went wrong and no deadline passed, a 4xx or 5xx is one of the next hop.
fn is_honest(setup: &Setup, state: &State) -> bool {
    let is_undisturbed = state.faults_left == setup.faults && !state.history.was_slow;
    let can_say = |class: &ReplyClass| setup.replies.contains(class);
    !is_undisturbed || state.answers.iter().flatten().all(can_say)
}
