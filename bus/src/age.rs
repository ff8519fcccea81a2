//! How old a message is, although the server's clock and ours may differ by an hour.
//!
//! A delivery tells when the server stored the message, by the server's clock. What we measure is *apparent* age:
//! true age plus the difference of the clocks. That difference is learnt from messages that are known to be fresh,
//! because they came to a pull that was waiting at an empty queue; and it can never be more than the smallest
//! apparent age, since no message is younger than nothing. Until anything is learnt the clocks are believed.

use std::collections::VecDeque;
use std::time::Duration;

/// Fresh samples that are remembered; the smallest counts, since a stall of ours makes a sample too large.
const SAMPLES: usize = 8;

/// What is known of the difference between our clock and the server's, ours minus the server's.
#[derive(Debug)]
pub(crate) struct Skew {
    /// In milliseconds.
    estimate: i64,
    samples: VecDeque<i64>,
    /// Nothing in the stream is older than this, in milliseconds.
    oldest: i64,
}

impl Skew {
    /// Nothing known yet; the stream keeps nothing longer than `max_age`.
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { estimate: 0, samples: VecDeque::with_capacity(SAMPLES), oldest: millis(max_age) }
    }

    /// Learns from a message of `apparent` age in milliseconds, and returns its true age as far as that is known.
    /// `fresh` says that it was delivered the moment it was stored.
    pub(crate) fn age(&mut self, apparent: i64, fresh: bool) -> Duration {
        if fresh {
            if self.samples.len() == SAMPLES {
                self.samples.pop_front();
            }
            self.samples.push_back(apparent);
            self.estimate = self.samples.iter().copied().min().unwrap_or(apparent);
        }
        let impossible = apparent.saturating_sub(self.estimate) > self.oldest;
        if apparent < self.estimate || impossible {
            self.estimate = apparent;
            self.samples.clear();
        }
        let age = apparent.saturating_sub(self.estimate).max(0);
        Duration::from_millis(age.unsigned_abs())
    }
}

/// What remains of `remaining_ms` for a message of that age; `None` when nothing does. No deadline is longer than
/// the stream keeps a message.
pub(crate) fn remaining(remaining_ms: u64, age: Duration, max_age: Duration) -> Option<Duration> {
    Duration::from_millis(remaining_ms).min(max_age).checked_sub(age).filter(|left| !left.is_zero())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn skew() -> Skew {
        Skew::new(Duration::from_secs(30 * 60))
    }

    fn check(samples: &[(i64, bool)], expected_ms: &[u64]) {
        let mut skew = skew();
        let ages: Vec<_> =
            samples.iter().map(|&(apparent, fresh)| skew.age(apparent, fresh).as_millis() as u64).collect();
        assert_eq!(ages, expected_ms, "{samples:?}");
    }

    #[test]
    fn clocks_that_agree_give_the_age_itself() {
        check(&[(2, true), (90_000, false), (500, false)], &[0, 89_998, 498]);
        check(&[(90_000, false)], &[90_000]);
    }

    #[test]
    fn a_clock_an_hour_ahead_does_not_expire_a_fresh_job() {
        check(&[(HOUR + 1, true), (HOUR + 90_001, false)], &[0, 90_000]);
        check(&[(HOUR + 1, false), (HOUR + 5_001, false)], &[0, 5_000]);
    }

    #[test]
    fn a_clock_an_hour_behind_does_not_keep_a_job_for_ever() {
        check(&[(-HOUR, true), (-HOUR + 250_000, false)], &[0, 250_000]);
        check(
            &[(-HOUR + 100_000, false), (-HOUR + 50_000, false), (-HOUR + 250_000, false)],
            &[0, 0, 200_000],
        );
    }

    #[test]
    fn a_stall_of_ours_is_forgotten() {
        let mut skew = skew();
        skew.age(30_000, true);
        for _ in 0..2 {
            skew.age(1, true);
        }
        assert_eq!(skew.age(60_001, false), Duration::from_secs(60));
    }

    #[test]
    fn a_clock_that_is_set_is_learnt() {
        let mut skew = skew();
        skew.age(1, true);
        for _ in 0..SAMPLES {
            skew.age(60_000, true);
        }
        assert_eq!(skew.age(61_000, false), Duration::from_secs(1));
    }

    #[test]
    fn extreme_timestamps_do_not_overflow() {
        let mut skew = skew();
        for apparent in [i64::MIN, i64::MAX, 0, i64::MIN] {
            skew.age(apparent, false);
            skew.age(apparent, true);
        }
    }

    #[test]
    fn what_remains_ends_at_zero() {
        let max_age = Duration::from_secs(1_800);
        let left = |ms, age| remaining(ms, Duration::from_millis(age), max_age).map(|d| d.as_millis());
        assert_eq!(left(1_000, 999), Some(1));
        assert_eq!(left(1_000, 1_000), None);
        assert_eq!(left(1_000, 1_001), None);
        assert_eq!(left(u64::MAX, 0), Some(1_800_000));
    }
}
