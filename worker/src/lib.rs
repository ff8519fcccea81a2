//! Scanner of Mailweir: asks scanners in parallel, has attachments inspected, applies policy.
//!
//! One call, [`Scanner::scan`], takes a mail and gives a [`proto::Verdict`]. It never changes the mail, and it knows
//! nothing of queues, sessions or next hops. Whatever could not be looked into is a finding of its own and never
//! clean. Nothing here parses a mail: caged children do. Deliberately absent: policy per recipient.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

pub mod cache;
pub mod clamd;
pub mod command;
mod eicar;
mod fold;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod icap;
pub mod inspect;
mod metrics;
mod names;
pub mod policy;
pub mod pool;
mod rspamd;
mod scanner;
pub mod scanners;
mod settings;
pub mod spamd;
mod text;

pub use metrics::Metrics;
pub use scanner::Scanner;
pub use scanners::HostState;
pub use scanners::settings::OnFailure;
pub use settings::Settings;
