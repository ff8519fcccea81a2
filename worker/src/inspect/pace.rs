//! How long to wait before the next child is started, when they die before they have done anything.

use std::time::{Duration, Instant};

/// Behind the first of them.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// However many there were.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Children in a row that did nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    failures: u32,
    not_before: Option<Instant>,
}

impl Pace {
    /// When the next may be started.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// One has done its work.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// One was not started, or has died before it had done anything.
    pub(super) fn failed(&mut self, now: Instant) {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_end_with_success() {
        let now = tokio::time::Instant::now().into_std();
        let mut pace = Pace::default();
        let mut pauses = Vec::new();
        for _ in 0..40 {
            pace.failed(now);
            pauses.push(pace.not_before().unwrap() - now);
        }
        assert_eq!(pauses[..3], [1, 2, 4].map(|times| PAUSE_MIN * times));
        assert_eq!(pauses[39], PAUSE_MAX);
        pace.succeeded();
        assert_eq!(pace.not_before(), None);
    }
}
