//! Admission: whether one more mail may come, decided at MAIL, before its content travels.
//!
//! Bytes are counted by what the client announced, so that what was admitted fits; where it announced nothing, a little,
//! and more as the content comes. A permit is the right to hold that much; whoever drops it gives it back. Counting
//! only: what the queue or the scanners have to say comes in through a [`crate::Gate`].

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use proto::Reply;
use tokio::sync::Notify;

use crate::gate::Gates;
use crate::metrics::{Label, Metrics};
use crate::{Gate, Settings};

/// Why a MAIL was refused although it was well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// A gate is closed.
    Gate,
    /// The server is being shut down.
    Drain,
    /// More than [`Settings::sessions_max`] sessions.
    Sessions,
    /// More than [`Settings::transactions_max`] transactions.
    Transactions,
    /// More than [`Settings::in_flight_bytes_max`] bytes.
    InFlightBytes,
    /// SIZE= above [`Settings::size_bytes_max`]: 552, since waiting does not help.
    Size,
}

impl Label for RefusalReason {
    const ALL: &'static [Self] =
        &[Self::Gate, Self::Drain, Self::Sessions, Self::Transactions, Self::InFlightBytes, Self::Size];

    fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Drain => "drain",
            Self::Sessions => "sessions",
            Self::Transactions => "transactions",
            Self::InFlightBytes => "in_flight_bytes",
            Self::Size => "size",
        }
    }
}

/// A refusal at MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which limit it was.
    pub reason: RefusalReason,
    text: Cow<'static, str>,
}

impl Refusal {
    fn new(reason: RefusalReason, text: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, text: text.into() }
    }

    /// `451 4.3.2` and why.
    pub fn reply(&self) -> Reply {
        Reply::enhanced(451, 3, 2, &self.text)
    }
}

/// The counts of one server. Clones share them.
#[derive(Clone)]
pub struct Admission(Arc<Shared>);

struct Shared {
    in_flight_bytes_max: u64,
    transactions_max: usize,
    sessions_max: usize,
    in_flight_bytes: AtomicU64,
    transactions: AtomicUsize,
    sessions: AtomicUsize,
    draining: AtomicBool,
    /// Told whenever a transaction ends.
    ended: Notify,
    gates: Gates,
    metrics: Metrics,
}

impl Admission {
    /// Nothing in flight yet.
    pub fn new(settings: &Settings, metrics: &Metrics) -> Self {
        Self(Arc::new(Shared {
            in_flight_bytes_max: settings.in_flight_bytes_max.max(settings.size_bytes_max),
            transactions_max: settings.transactions_max,
            sessions_max: settings.sessions_max,
            in_flight_bytes: AtomicU64::new(0),
            transactions: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            ended: Notify::new(),
            gates: Gates::default(),
            metrics: metrics.clone(),
        }))
    }

    /// A gate of its own; see [`Gate`].
    pub fn gate(&self) -> Gate {
        self.0.gates.add()
    }

    /// A place for one more session. It is never refused; beyond the limit it just sends no mail.
    pub fn session(&self) -> SessionSlot {
        let before = self.0.sessions.fetch_add(1, Ordering::AcqRel);
        self.0.metrics.sessions.inc();
        SessionSlot { shared: self.0.clone(), is_beyond: before >= self.0.sessions_max }
    }

    /// Bytes that permits hold.
    pub fn in_flight_bytes(&self) -> u64 {
        self.0.in_flight_bytes.load(Ordering::Acquire)
    }

    /// Transactions that permits hold.
    pub fn transactions(&self) -> usize {
        self.0.transactions.load(Ordering::Acquire)
    }

    /// From now on nothing is admitted, for good.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Waits until no transaction is left.
    pub(crate) async fn drained(&self) {
        loop {
            let mut ended = std::pin::pin!(self.0.ended.notified());
            ended.as_mut().enable();
            if self.transactions() == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// The place of one session, given back when dropped.
pub struct SessionSlot {
    shared: Arc<Shared>,
    is_beyond: bool,
}

impl SessionSlot {
    /// Asks for one mail of at most `bytes`.
    ///
    /// # Errors
    /// The limit that stands against it.
    pub fn admit(&mut self, bytes: u64) -> Result<Permit, Refusal> {
        let shared = &self.shared;
        if shared.draining.load(Ordering::Acquire) {
            let text = "shutting down, try again later";
            return Err(Refusal::new(RefusalReason::Drain, text));
        }
        if let Some(reason) = shared.gates.closed() {
            return Err(Refusal::new(RefusalReason::Gate, reason));
        }
        self.is_beyond &= shared.sessions.load(Ordering::Acquire) > shared.sessions_max;
        if self.is_beyond {
            let text = "too many sessions, try again later";
            return Err(Refusal::new(RefusalReason::Sessions, text));
        }
        if !add_within(&shared.transactions, shared.transactions_max) {
            let text = "too many transactions, try again later";
            return Err(Refusal::new(RefusalReason::Transactions, text));
        }
        shared.metrics.transactions_in_flight.inc();
        let mut permit = Permit { shared: self.shared.clone(), bytes: 0 };
        if !permit.grow_to(bytes) {
            let text = "too much mail in flight, try again later";
            return Err(Refusal::new(RefusalReason::InFlightBytes, text));
        }
        Ok(permit)
    }
}

impl Drop for SessionSlot {
    fn drop(&mut self) {
        self.shared.sessions.fetch_sub(1, Ordering::AcqRel);
        self.shared.metrics.sessions.dec();
    }
}

/// The right to hold one transaction and so many bytes of content; given back when dropped.
pub struct Permit {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Permit {
    /// What it allows to hold.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Asks for `bytes` in all; false, and nothing changed, when they are not to be had.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes) else {
            return true;
        };
        let max = self.shared.in_flight_bytes_max;
        let taken = self.shared.in_flight_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            now.checked_add(more).filter(|sum| *sum <= max)
        });
        if taken.is_err() {
            return false;
        }
        self.shared.metrics.in_flight_bytes.inc_by(signed(more));
        self.bytes = bytes;
        true
    }

    /// Gives back what is above `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.shared.in_flight_bytes.fetch_sub(less, Ordering::AcqRel);
        self.shared.metrics.in_flight_bytes.dec_by(signed(less));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink_to(0);
        self.shared.transactions.fetch_sub(1, Ordering::AcqRel);
        self.shared.metrics.transactions_in_flight.dec();
        self.shared.ended.notify_waiters();
    }
}

/// Adds one unless that would be more than `max`.
fn add_within(count: &AtomicUsize, max: usize) -> bool {
    count.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < max).then_some(now + 1)).is_ok()
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
