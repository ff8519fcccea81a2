//! What a sink has seen, as numbers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counters that sessions raise.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(super) connections: AtomicU64,
    pub(super) mails: AtomicU64,
    pub(super) recipients: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) refused_recipients: AtomicU64,
    pub(super) refused_mails: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counted {
    pub(crate) connections: u64,
    /// Taken with a 2xx.
    pub(crate) mails: u64,
    /// Of mails that were taken.
    pub(crate) recipients: u64,
    /// Of mails that were taken.
    pub(crate) bytes: u64,
    pub(crate) refused_recipients: u64,
    /// Refused at the final dot.
    pub(crate) refused_mails: u64,
    /// Connections closed instead of answering the final dot.
    pub(crate) dropped: u64,
}

impl Totals {
    /// Now.
    pub(crate) fn counted(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            connections: of(&self.connections),
            mails: of(&self.mails),
            recipients: of(&self.recipients),
            bytes: of(&self.bytes),
            refused_recipients: of(&self.refused_recipients),
            refused_mails: of(&self.refused_mails),
            dropped: of(&self.dropped),
        }
    }
}

/// Raises a counter.
pub(super) fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, mails, recipients, bytes, refused_recipients, refused_mails, dropped } = self;
        write!(
            f,
            "{mails} mails for {recipients} recipients, {bytes} bytes, over {connections} connections; refused \
             {refused_recipients} recipients and {refused_mails} mails, dropped {dropped} connections"
        )
    }
}
