//! The LMTP and SMTP server of Mailweir: it takes mails and answers for every recipient.
//!
//! Inside out: [`session`] knows the protocol and no socket, a connection task drives it over any stream, and
//! [`Server`] accepts, counts and drains. What happens to a mail is the business of whoever implements [`Pipeline`].
//! Deliberately absent: scanning, queues, next hops, TLS, and any refusal outside the protocol — a mail server takes a
//! closed port or a dropped session for a dead filter and stops feeding it for minutes, a `451` at MAIL it does not.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

mod access;
mod admission;
mod connection;
mod early;
mod gate;
mod listener;
mod metrics;
pub mod overload;
mod pace;
mod pipeline;
mod server;
pub mod session;
mod settings;
#[cfg(test)]
mod testing;

pub use admission::{Admission, Permit, Refusal, RefusalReason, SessionSlot};
pub use gate::Gate;
pub use listener::{BindError, Listener};
pub use metrics::Metrics;
pub use pipeline::Pipeline;
pub use server::Server;
pub use settings::{BareNewlines, ClientLoss, Settings};
