//! The admin port: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever starts and stops us.
//!
//! On a port of its own, so that a probe never takes an LMTP session. Deliberately absent: anything that changes
//! something; whoever reaches this port can only read numbers.

mod readiness;
mod server;

pub(crate) use readiness::{Readiness, State};
pub(crate) use server::AdminServer;

#[cfg(test)]
mod tests;
