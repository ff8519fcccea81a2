//! What goes wrong: a process dies or stands still at any step, the queue forgets or repeats, an answer is lost.

use proto::ledger::Step;

use crate::client::ingress_of;
use crate::moves::Move;
use crate::setup::{Setup, Trouble};
use crate::state::{At, Doing, State, Verdict};

/// One fault. Transactions, jobs, verdicts and processes by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An ingress dies, with every transaction in it.
    IngressDies(usize),
    /// An egress dies; its delivery comes again.
    EgressDies(usize),
    /// An egress is stopped past `ack_wait` and past the time after which its claim is taken for dead.
    EgressStops(usize),
    /// The client loses its connection to an ingress that goes on.
    LinkCut(usize),
    /// The job is stored and the ingress does not hear so.
    StoredUnheard(usize),
    /// A claim is created and the egress does not hear so; it creates again.
    ClaimedUnheard(usize),
    /// A claim is created and the egress gives up before it hears so.
    ClaimLeft(usize),
    /// An abort is created and the ingress does not hear so; it creates again.
    AbortedUnheard(usize),
    /// The next hop takes the mail and its reply is lost.
    ReplyLost(usize),
    /// The server loses a job; and its message id, or not.
    JobLost { job: usize, with_id: bool },
    /// The server loses a verdict.
    VerdictLost(usize, usize),
    /// The server loses an ack.
    AckLost(usize, usize),
    /// A worker dies behind storing its verdict, and the server has lost its id: a second one.
    SecondVerdict(usize),
}

pub(crate) fn moves(setup: &Setup, state: &State, moves: &mut Vec<Move>) {
    let mut faults = Vec::new();
    stops(state, &mut faults);
    if setup.trouble != Trouble::Stops {
        deaths(state, &mut faults);
    }
    if setup.trouble == Trouble::Everything {
        ledger(state, &mut faults);
        client(state, &mut faults);
        server(state, &mut faults);
    }
    moves.extend(faults.into_iter().map(Move::Fault));
}

pub(crate) fn is_open(at: &At) -> bool {
    !matches!(at, At::Ahead | At::Over)
}

fn stops(state: &State, faults: &mut Vec<Fault>) {
    faults.extend(busy(state).map(Fault::EgressStops));
}

fn deaths(state: &State, faults: &mut Vec<Fault>) {
    for ingress in 0..2 {
        let mut sessions = state.sessions.iter().enumerate();
        if sessions.any(|(index, session)| ingress_of(index) == ingress && is_open(&session.at)) {
            faults.push(Fault::IngressDies(ingress));
        }
    }
    faults.extend(busy(state).map(Fault::EgressDies));
}

fn busy(state: &State) -> impl Iterator<Item = usize> {
    let egresses = state.egresses.iter().enumerate();
    egresses.filter(|(_, egress)| egress.work.is_some() && !egress.is_paused).map(|(index, _)| index)
}

fn ledger(state: &State, faults: &mut Vec<Fault>) {
    for (index, egress) in state.egresses.iter().enumerate() {
        let Some(work) = egress.work.as_ref().filter(|_| !egress.is_paused) else {
            continue;
        };
        match &work.step {
            Doing::Claiming(walk) if matches!(walk.step(), Step::Create(_)) => {
                faults.push(Fault::ClaimedUnheard(index));
                faults.push(Fault::ClaimLeft(index));
            }
            Doing::AtDot { .. } => faults.push(Fault::ReplyLost(index)),
            _ => {}
        }
    }
}

fn client(state: &State, faults: &mut Vec<Fault>) {
    for (index, session) in state.sessions.iter().enumerate() {
        if session.is_heard && is_open(&session.at) {
            faults.push(Fault::LinkCut(index));
        }
        match &session.at {
            At::Publishing(_) => faults.push(Fault::StoredUnheard(index)),
            At::Aborting(_, walk) if matches!(walk.step(), Step::Create(_)) => {
                faults.push(Fault::AbortedUnheard(index));
            }
            _ => {}
        }
    }
}

fn server(state: &State, faults: &mut Vec<Fault>) {
    for (index, job) in state.jobs.iter().enumerate() {
        if job.is_stored {
            faults.extend([false, true].map(|with_id| Fault::JobLost { job: index, with_id }));
        }
        for (number, verdict) in job.verdicts.iter().enumerate() {
            match verdict {
                Verdict::Due { .. } => faults.push(Fault::VerdictLost(index, number)),
                Verdict::Gone => faults.push(Fault::AckLost(index, number)),
                Verdict::Ahead | Verdict::Held { .. } => {}
            }
        }
        if job.verdicts[0] != Verdict::Ahead && job.verdicts[1] == Verdict::Ahead && job.is_stored {
            faults.push(Fault::SecondVerdict(index));
        }
    }
}
