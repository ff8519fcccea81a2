//! Where the ledger is, how much it remembers and for how long.

use std::path::PathBuf;
use std::time::Duration;

use proto::failpoint::Failpoints;

/// When what was written is on the disk. The process may be killed at any time in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Within about a second.
    Lazy,
    /// Before anything is answered.
    Always,
}

/// Everything that a [`crate::Ledger`] can be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the file is; made when it is missing.
    pub directory: PathBuf,
    /// When it is on the disk.
    pub sync: Sync,
    /// How long a record is kept, counted from its claim.
    pub max_age: Duration,
    /// How many records are kept; the oldest go first.
    pub records_max: u64,
    /// How long work goes on beyond the deadline of the client that brought the mail.
    pub run_on: Duration,
    /// How long beyond its deadline a client waits for a mail that is at the final dot.
    pub settle: Duration,
    /// Content of the mails that go on beyond their deadline, together.
    pub run_on_bytes_max: u64,
    /// Of tests; none otherwise.
    pub failpoints: Failpoints,
}
