//! How often a scan may be tried a second time: one for ten scans, and a few at once.
//!
//! When all hosts fail, second tries would double the load on those that are about to recover.

use std::sync::atomic::{AtomicU32, Ordering};

/// What a scan earns and a second try costs, in tenths.
const EARNED: u32 = 1;
const COST: u32 = 10;
/// Second tries at once.
const SAVED_MAX: u32 = 10 * COST;

/// A token bucket.
#[derive(Debug)]
pub(super) struct Retries(AtomicU32);

impl Retries {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(SAVED_MAX))
    }

    /// A scan begins.
    pub(super) fn earn(&self) {
        let more = |saved: u32| Some(saved.saturating_add(EARNED).min(SAVED_MAX));
        let _saved = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether a second try may be made; it is paid for then.
    pub(super) fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| saved.checked_sub(COST)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_long_run_one_scan_in_ten_has_a_second_try() {
        let retries = Retries::new();
        let at_once = (0..100).filter(|_| retries.take()).count();
        assert_eq!(at_once, 10);
        let later = (0..1_000)
            .filter(|_| {
                retries.earn();
                retries.take()
            })
            .count();
        assert_eq!(later, 100);
        // Nothing is saved up beyond the first ten.
        (0..10_000).for_each(|_| retries.earn());
        assert_eq!((0..100).filter(|_| retries.take()).count(), 10);
    }
}
