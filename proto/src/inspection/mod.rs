//! What a worker and the child that parses hostile content for it say to each other.
//!
//! The worker opens with a [`Setup`], the child locks itself in and says [`Hello`]; then each [`Inspect`] is followed
//! by the content of a mail and answered by as many [`Part`]s as were wanted, each with a content behind it, and one
//! [`Report`], until the worker closes. Both are always of the same
//! binary. A child may have been taken over by what it reads: whoever reads its answers believes nothing but what the
//! types say. Deliberately absent: pipes and processes.

mod banned;
mod frame;
mod messages;
mod rules;
#[cfg(test)]
mod tests;

pub use banned::{BannedRules, DEFAULT_SET};
pub use frame::{FrameError, Message, PREFIX_BYTES, Prefix, encode, header, is_next, prefix};
pub use messages::{Found, Hello, InForce, Inspect, Part, REPORT_NAME_BYTES_MAX, Report, Setup, Wanted};
pub use rules::{AttachmentRules, Limits};
