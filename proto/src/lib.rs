//! The vocabulary of Mailweir: what a mail, an envelope, a reply, a verdict and an outcome are, and how they look on the wire.
//!
//! Everything here is plain data and pure functions, so that every role means the same by the same word and every
//! rule can be tested without a socket. Deliberately absent: IO, clocks, async, NATS, configuration.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

mod address;
mod deadline;
pub mod dot;
mod endpoint;
mod envelope;
pub mod failpoint;
mod identity;
pub mod inspection;
pub mod ledger;
mod mail;
mod origin;
mod outcomes;
mod params;
mod points;
mod reply;
mod spam;
mod verdict;
pub mod wire;
mod xtext;

pub use address::{AddressError, ForwardPath, MAILBOX_BYTES_MAX, Mailbox, ReversePath, split_path};
pub use deadline::Deadline;
pub use endpoint::{Endpoint, EndpointError};
pub use envelope::{Envelope, EnvelopeError, Peer, Position, Recipient, With};
pub use identity::{MessageKey, TxId};
pub use mail::{Class, Digest, Mail};
pub use origin::{Origin, OriginAttribute, OriginError};
pub use outcomes::{Early, NoEarly, Outcomes};
pub use params::{Body, MailParams, Notify, Orcpt, ParamError, RcptParams, Ret};
pub use points::{Points, PointsError};
pub use reply::{Enhanced, Reply, ReplyClass};
pub use spam::{SpamResult, SpamScore, Symbol};
pub use verdict::{Category, Disposition, Finding, Group, HeaderEdit, Unchecked, Verdict};
pub use xtext::{xtext_decode, xtext_encode};
