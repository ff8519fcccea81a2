//! The protocol of the ledger, explored: every order of every step, with processes that die or stand still at any of
//! them, a queue that forgets and repeats, and answers that are lost.
//!
//! The walk is the production function itself; client, ingress, queue, egress and next hop around it are modelled as
//! the code does it. A discard takes the same claim, so it is a dot like another here. Deliberately absent are bytes and
//! time: what silence proves to others is in `state`; and faults of the ledger's own storage, which promises to keep
//! what it has acknowledged.

#![expect(clippy::print_stdout, reason = "each run says how much it explored")]
#![expect(clippy::unwrap_used, reason = "what cannot be built fails the test at once")]

mod client;
mod effects;
mod egress;
mod faults;
mod ingress;
mod ledger;
mod moves;
mod mutants;
mod outcome;
mod properties;
mod protocol;
mod queue;
mod run;
mod setup;
mod state;
