//! What NATS may do to us, row by row of the fault matrix: nothing is lost, and how long until all is normal again.
//!
//! Mails flow all the time, from a client that behaves like a mail server. Each row says what it did, what the client
//! saw, how many copies beyond the first there were, and times; `cargo test faults_nats -- --nocapture` prints them.
//!
//! Not done here: power cuts under the store (F30). They need a file system that forgets what was not synced.

mod by_hand;
mod cluster;
mod flow;
mod single;
