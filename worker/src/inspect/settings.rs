//! What an operator can set of the children.

use std::time::Duration;

/// The children and their limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Children at the same time. The binary's default: as many as mails are scanned at once.
    pub processes: usize,
    /// Wall time of one mail in a child. Default: 60 s.
    pub timeout: Duration,
    /// Address space of a child, in bytes. Default: 1 GiB.
    pub memory_bytes_max: u64,
    /// CPU time of one mail, in seconds. Default: 30.
    pub cpu_seconds_max: u64,
    /// Mails after which a child is replaced. Default: 1 000.
    pub mails_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            processes: 2,
            timeout: Duration::from_secs(60),
            memory_bytes_max: 1024 * 1024 * 1024,
            cpu_seconds_max: 30,
            mails_max: 1_000,
        }
    }
}
