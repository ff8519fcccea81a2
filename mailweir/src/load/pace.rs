//! When each mail may start: at a fixed rate, or as soon as a session is free.
//!
//! The start of mail number n is due n/rate after the beginning, whatever happened before: a slow answer does not make
//! the generator slow down, or the measured latencies would hide exactly what they should show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Hands out the numbers of mails.
#[derive(Debug)]
pub(crate) struct Pace {
    next: AtomicU64,
    mails: u64,
    rate: u32,
    begun: Instant,
}

impl Pace {
    /// `rate` mails each second, or as fast as possible with 0.
    pub(crate) fn new(mails: u64, rate: u32, begun: Instant) -> Self {
        Self { next: AtomicU64::new(0), mails, rate, begun }
    }

    /// The number of the next mail, once it is due; `None` when all were handed out.
    pub(crate) async fn next(&self) -> Option<u64> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.mails {
            return None;
        }
        if self.rate > 0 {
            tokio::time::sleep_until(self.begun + self.due(index)).await;
        }
        Some(index)
    }

    fn due(&self, index: u64) -> Duration {
        let nanoseconds = u128::from(index) * 1_000_000_000 / u128::from(self.rate.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn mails_start_at_the_rate() {
        let begun = Instant::now();
        let pace = Pace::new(11, 10, begun);
        let mut count = 0;
        while pace.next().await.is_some() {
            count += 1;
        }
        assert_eq!((count, begun.elapsed()), (11, Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_waits() {
        let begun = Instant::now();
        let pace = Pace::new(1_000, 0, begun);
        while pace.next().await.is_some() {}
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(pace.next().await, None);
    }
}
