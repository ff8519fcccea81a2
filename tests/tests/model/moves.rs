//! Every step that anybody can take, and the checker's view of the whole.

use proto::ReplyClass;
use proto::ledger::Freshness;
use stateright::{Model, Property};

use crate::faults::Fault;
use crate::setup::Setup;
use crate::state::State;
use crate::{client, effects, egress, faults, ingress, outcome, properties, queue};

/// Transactions, jobs and egresses by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// The client tries again.
    Retry,
    /// An ingress stores its job.
    Publish(usize),
    /// An ingress makes one step of its walk.
    Walk(usize, Freshness),
    /// An ingress that is attached asks the ledger again.
    Poll(usize, Freshness),
    /// The time of a transaction is up.
    Deadline(usize),
    /// A worker judges a job.
    Scan(usize),
    /// A job is dropped whose time is up.
    Expire(usize),
    /// An egress gets a verdict: job, number.
    Take(usize, usize),
    /// An egress does what is next.
    Deliver(usize, Freshness),
    /// An egress sends the dot and hears this.
    Dot(usize, ReplyClass),
    /// An egress tells the ingress before the outcome is recorded.
    TellEarly(usize),
    /// An egress that was stopped goes on.
    Resume(usize),
    /// Something goes wrong.
    Fault(Fault),
}

impl Setup {
    /// What can happen without a fault. Nothing in here leads back to where it came from.
    pub(crate) fn moves(&self, state: &State) -> Vec<Move> {
        let mut moves = Vec::new();
        if client::may_retry(self, state) {
            moves.push(Move::Retry);
        }
        ingress::moves(self, state, &mut moves);
        queue::moves(state, &mut moves);
        egress::moves(self, state, &mut moves);
        moves
    }

    fn apply(&self, state: &mut State, step: &Move) {
        match *step {
            Move::Retry => client::retry(self, state),
            Move::Publish(transaction) => ingress::publish(self, state, transaction),
            Move::Walk(transaction, freshness) => ingress::walk(self, state, transaction, freshness),
            Move::Poll(transaction, freshness) => ingress::polled(self, state, transaction, freshness),
            Move::Deadline(transaction) => ingress::deadline(self, state, transaction),
            Move::Scan(job) => queue::scan(state, job),
            Move::Expire(job) => queue::expire(state, job),
            Move::Take(job, verdict) => egress::take(self, state, job, verdict),
            Move::Deliver(egress, freshness) => egress::deliver(self, state, egress, freshness),
            Move::Dot(egress, class) => outcome::dot(state, egress, class),
            Move::TellEarly(egress) => outcome::tell_early(state, egress),
            Move::Resume(egress) => state.egresses[egress].is_paused = false,
            Move::Fault(fault) => effects::apply(self, state, fault),
        }
        state.sort();
    }
}

impl Model for Setup {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Move>) {
        actions.extend(self.moves(state));
        if state.faults_left > 0 {
            faults::moves(self, state, actions);
        }
    }

    fn next_state(&self, state: &State, step: Move) -> Option<State> {
        let mut next = state.clone();
        self.apply(&mut next, &step);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
