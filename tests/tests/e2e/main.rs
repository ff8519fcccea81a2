//! Everything that needs the finished binary or a real server; one file per subject.

#![expect(
    clippy::unwrap_used,
    reason = "what cannot be set up or read fails the test at once"
)]

mod fixtures;
