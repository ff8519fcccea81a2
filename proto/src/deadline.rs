//! A point on the monotonic clock by which an answer must exist.
//!
//! The clock itself is the caller's: every question takes `now`. A deadline never travels between processes, since
//! their monotonic clocks differ; the wire carries the time that remains (see [`crate::wire::Job`]).

use std::time::{Duration, Instant};

/// The moment by which the work must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline `after` from `now`.
    pub fn after(now: Instant, after: Duration) -> Self {
        Self(now + after)
    }

    /// The instant itself, for a timer.
    pub fn at(self) -> Instant {
        self.0
    }

    /// What is left at `now`; zero once it has passed.
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether nothing is left at `now`.
    pub fn is_past(self, now: Instant) -> bool {
        self.0 <= now
    }

    /// The earlier of this deadline and `limit` from `now`: the budget of one stage.
    pub fn within(self, now: Instant, limit: Duration) -> Self {
        Self(self.0.min(now + limit))
    }

    /// This deadline, `later` than it was.
    #[must_use]
    pub fn extend(self, later: Duration) -> Self {
        Self(self.0 + later)
    }

    /// This deadline, `earlier` sooner: what is left after keeping a reserve for the stages behind.
    pub fn reserve(self, earlier: Duration) -> Self {
        Self(self.0.checked_sub(earlier).unwrap_or(self.0))
    }
}
