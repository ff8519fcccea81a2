//! The deadline of a delivered message, from what its sender said and how old it is.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use proto::Deadline;
use tokio::time::Instant;

use crate::age::{Skew, remaining};
use crate::bus::Inner;
use crate::pull::Arrival;

/// What is known of the clock behind one stream, shared by all lanes that pull from it.
pub(crate) struct Due {
    skew: Mutex<Skew>,
    max_age: Duration,
}

impl Due {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { skew: Mutex::new(Skew::new(max_age)), max_age }
    }

    /// How old an arrival is. To be asked once for each, since it learns from it.
    pub(crate) fn age(&self, inner: &Inner, arrival: &Arrival) -> Duration {
        let mut skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        let age = skew.age(arrival.delivery.apparent_age_ms, arrival.fresh);
        inner.metrics.observe_age(age);
        age
    }

    /// The deadline of a message of `age` whose sender had `remaining_ms` left; `None` when it has passed.
    pub(crate) fn deadline(&self, remaining_ms: u64, age: Duration) -> Option<Deadline> {
        let left = remaining(remaining_ms, age, self.max_age)?;
        Some(Deadline::after(Instant::now().into_std(), left))
    }
}

/// What is left of `deadline`, for the wire.
pub(crate) fn remaining_ms(deadline: Deadline) -> u64 {
    let left = deadline.remaining(Instant::now().into_std());
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}
