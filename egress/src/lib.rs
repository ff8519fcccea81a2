//! The SMTP and LMTP client of Mailweir: takes a mail with its verdict and gives it to the next hop.
//!
//! Three layers. [`dialogue`] is the protocol without a socket: bytes in, events and bytes out. [`Connection`] drives
//! one dialogue over a socket under time-outs, and is all that a load generator needs. [`Relay`] adds what a filter
//! needs: groups of recipients, header edits, the fence before the final dot, several targets with health, a pool.
//!
//! Deliberately absent: queues and retries beyond the deadline (the client keeps its mail until it is answered), MX
//! look-ups (the next hop is configured), conversion of content (it would break signatures).

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

mod connection;
pub mod dialogue;
mod fence;
mod health;
mod metrics;
mod pool;
mod relay;
mod settings;
mod splice;
mod stream;

pub use connection::{Answers, Connection, Failure, Offer, Sent};
pub use fence::{Claim, Fence, GrantAlways, Results};
pub use metrics::Metrics;
pub use relay::Relay;
pub use settings::{Protocol, Settings, Target, Timeouts};
pub use stream::Stream;
