//! Scanner of Mailweir: asks scanners in parallel, has attachments inspected, applies policy.
//!
//! One call, [`Scanner::scan`], takes a mail and gives a [`proto::Verdict`]. It never changes the mail, and it knows
//! nothing of queues, sessions or next hops. Whatever could not be looked into is a finding of its own and never
//! clean. Nothing here parses a mail: caged children do. Deliberately absent: archives, spam scanners, policy per
//! recipient.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

pub mod clamd;
pub mod command;
mod eicar;
mod fold;
pub mod icap;
pub mod inspect;
mod metrics;
mod names;
pub mod policy;
mod pool;
mod scanner;
mod settings;
mod text;

pub use clamd::{HostState, OnFailure};
pub use metrics::Metrics;
pub use scanner::Scanner;
pub use settings::Settings;
