//! Harness of the end-to-end tests: real servers and scripted peers, each in a file of its own.
//!
//! Whatever is started here has its own directory, picks its own port, and is gone when it is dropped. A failed
//! expectation prints the conversation, and the last lines of the log of each process that took part. Nothing sleeps
//! and hopes: tests wait for an event, or, where a foreign process has none, ask its state until a generous deadline
//! ([`wait`]).
//!
//! Deliberately absent: anything of Mailweir's own crates. What is proven here is what a client, a next hop and an
//! operator see from outside; a shared mistake in encoding and decoding would cancel itself out.

#![expect(
    clippy::expect_used,
    reason = "a fixture that cannot be set up has nobody to tell but the test, which it fails at once"
)]

pub mod checker;
pub mod clamd;
pub mod client;
pub mod fake_clamd;
pub mod fake_scanner;
pub mod http;
pub mod io;
pub mod link;
pub mod machine;
pub mod mails;
pub mod nats;
pub mod next_hop;
pub mod node;
pub mod pattern;
pub mod port;
pub mod postfix;
pub mod process;
pub mod smtp_source;
pub mod spam_daemon;
pub mod system;
pub mod tmpfs;
pub mod transcript;
pub mod wait;
pub mod zip;
