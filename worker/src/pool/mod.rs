//! Pools of scanners: which host is asked, for how long, and what becomes of a host that fails.
//!
//! One pool is one configured scanner with any number of hosts. It knows no protocol; that is its [`Client`]'s.

#![expect(dead_code, reason = "the pool itself follows")]

pub(crate) mod client;
pub(crate) mod socket;
