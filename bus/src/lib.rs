//! The queue: mails, verdicts and outcomes over NATS JetStream. The only crate that names NATS.
//!
//! An ingress asks ([`Client`]), a worker serves scans, an egress serves relays ([`Bus`]). The client's server keeps
//! the mail until we answer, so whatever NATS forgets costs a delay and never a mail; every error here is a 4xx.
//!
//! Deliberately absent: outcomes anywhere but in the ledger and in the notice to the ingress that waits. Object store,
//! key-value buckets, the library's own pull streams and `drain()` are not used, since they stall or lose in ways that
//! were reproduced.

#![warn(missing_docs)]

mod age;
mod api;
mod backlog;
mod bus;
mod client;
mod content;
mod create;
mod delivery;
mod due;
mod fill;
mod give_up;
mod hold;
mod janitor;
mod join;
mod ledger;
mod link;
mod metrics;
mod monitor;
mod names;
mod notice;
mod orphan;
mod publish;
mod pull;
mod put;
mod relay;
mod retried;
mod retry;
mod scan;
mod settings;
mod topology;
mod version;
mod waiting;

pub use bus::Bus;
pub use client::Client;
pub use fill::Fill;
pub use hold::Hold;
pub use ledger::{Claimed, Claims};
pub use link::ConnectError;
pub use metrics::Metrics;
pub use monitor::Reachability;
pub use relay::RelayJob;
pub use scan::{PoisonedJob, ScanJob, Slots, Work};
pub use settings::{LedgerSettings, Settings};
pub use topology::{TopologyDiff, TopologyError};
