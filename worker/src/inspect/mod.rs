//! Has mails parsed by caged children: a pool of processes that take one mail at a time.
//!
//! Whatever a mail does to its parser it does to a child. One that dies, hangs, or answers anything else than a report
//! is killed and its mail has failed; the next mail gets another child, and nobody else notices. What parses is not in
//! this crate and cannot be called from here: the binary passes the program that does. Deliberately absent: what the
//! cage is made of.

mod child;
mod failure;
mod launch;
mod pace;
mod parts;
mod pool;
mod settings;
#[cfg(test)]
pub(crate) mod tests;

pub use failure::Failure;
pub(crate) use launch::Launch;
pub use launch::Program;
pub(crate) use parts::{Inspected, Part};
pub(crate) use pool::Pool;
pub use settings::Settings;
