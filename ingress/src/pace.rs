//! How long a content may still take: the longest silence, the longest time in all, and the slowest rate, as one moment
//! that moves as bytes come in.
//!
//! A client that sends a byte every ten seconds is never silent for long, yet holds what admission reserved for it; so
//! once a while has passed, what came in so far must be worth the time that it took.

use std::time::Duration;

use tokio::time::Instant;

use crate::Settings;

/// The pace of one content.
#[derive(Debug)]
pub(crate) struct Pace {
    started: Instant,
    last: Instant,
    bytes: u64,
}

impl Pace {
    /// The content begins `now`.
    pub(crate) fn start(now: Instant) -> Self {
        Self { started: now, last: now, bytes: 0 }
    }

    /// `bytes` came in.
    pub(crate) fn received(&mut self, now: Instant, bytes: usize) {
        self.last = now;
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// When the content is given up unless more comes in.
    pub(crate) fn deadline(&self, settings: &Settings) -> Instant {
        let silence = self.last + settings.data_stall;
        let total = self.started + settings.data_total;
        let paid_for = self.bytes.checked_div(settings.data_rate_min);
        let slowest = paid_for.map_or(total, |seconds| {
            let seconds = Duration::from_secs(seconds).min(settings.data_total);
            self.started + seconds.max(settings.data_rate_after)
        });
        silence.min(total).min(slowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deadline in seconds since the start, after reads of (second, bytes).
    fn deadline(reads: &[(u64, usize)], data_rate_min: u64) -> u64 {
        let settings = Settings { data_rate_min, ..Settings::default() };
        let start = Instant::now();
        let mut pace = Pace::start(start);
        for (second, bytes) in reads {
            pace.received(start + Duration::from_secs(*second), *bytes);
        }
        pace.deadline(&settings).duration_since(start).as_secs()
    }

    #[tokio::test]
    async fn silence_time_and_rate_each_end_a_content() {
        // The slowest rate counts from the 60th second on, 500 bytes pay for one.
        assert_eq!(deadline(&[], 500), 60);
        assert_eq!(deadline(&[(10, 1)], 500), 60);
        assert_eq!(deadline(&[(10, 30_499)], 500), 60);
        assert_eq!(deadline(&[(10, 30_500)], 500), 61);
        // Silence of 180 s.
        assert_eq!(deadline(&[(10, 10_000_000)], 500), 190);
        assert_eq!(deadline(&[(10, 1)], 0), 190);
        // 600 s in all.
        assert_eq!(deadline(&[(500, 10_000_000)], 500), 600);
    }
}
