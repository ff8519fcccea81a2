//! What Mailweir promises its client and its next hop, one behaviour per test, against standalone and distributed.
//!
//! A test cannot tell which of the two it has: it gets a mode, hands it to the builder and never looks at it again. So
//! the expectations are the same, byte for byte.

mod content;
mod delivery;
mod drain;
mod large;
mod limits;
mod next_hop;
mod parameters;
mod policy;
mod session;

/// Configuration for tests in which the deadline is reached: the client is answered after six seconds.
const IMPATIENT: &str = "[ingress]\nreply_deadline = \"6s\"\n[egress]\nretry_pause = \"200ms\"\n[ledger]\nsettle_timeout = \"2s\"\n";
