//! What runs in the caged child of a worker: parsing of hostile content, and the cage around it.
//!
//! A parser of mails written by attackers will one day overflow its stack, loop, eat memory or worse. So it runs in a
//! process of its own that can neither open a file nor a socket, with little memory and time, and that may die at any
//! moment: [`serve`] takes one mail after the other from a pipe and answers with what was found. Only the binary's
//! `inspect` command may call it; a worker knows the messages ([`proto::inspection`]) and not this crate.
//! [`Confinement`] holds a scanner that is not ours, started by the `confine` command.
//! Deliberately absent: async, configuration, the formats of archives (crate `unpack`).

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

mod attachments;
mod attempt;
mod banned;
mod cage;
mod confine;
mod faults;
#[cfg(fuzzing)]
pub mod fuzzing;
mod serve;
mod walk;

pub use attempt::Attempt;
pub use banned::{RULE_BYTES_MAX, RULES_MAX, RuleError, Why, check};
pub use cage::{Cage, Lock};
pub use confine::{ConfineError, Confinement};
pub use serve::{Held, ServeError, Server};
