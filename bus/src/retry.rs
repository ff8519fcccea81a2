//! Delays between tries. The one place that knows `backoff`, which is used as a generator of delays and nothing else.

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// Growing, jittered delays without end; whoever asks knows its own deadline.
pub(crate) struct Delays {
    generator: ExponentialBackoff,
    longest: Duration,
}

impl Delays {
    /// Between two publishes of the same message: 100 to 250 ms.
    pub(crate) fn publish() -> Self {
        Self::between(Duration::from_millis(100), Duration::from_millis(250))
    }

    /// Between two looks at a server that did not answer: 100 ms to 2 s.
    pub(crate) fn look() -> Self {
        Self::between(Duration::from_millis(100), Duration::from_secs(2))
    }

    /// Between two notices to an ingress that may be reconnecting: 200 ms to 2 s.
    pub(crate) fn notice() -> Self {
        Self::between(Duration::from_millis(200), Duration::from_secs(2))
    }

    /// Before what vanished is created anew: 1 to 3 s, different in each process.
    pub(crate) fn create() -> Self {
        Self::scattered(Duration::from_secs(2), Duration::from_secs(3), 0.5)
    }

    /// Between a stream and its consumers: 100 to 300 ms, different in each process.
    pub(crate) fn set_up() -> Self {
        Self::scattered(Duration::from_millis(200), Duration::from_millis(300), 0.5)
    }

    fn between(first: Duration, longest: Duration) -> Self {
        Self::scattered(first, longest, 0.2)
    }

    fn scattered(first: Duration, longest: Duration, share: f64) -> Self {
        let generator = ExponentialBackoffBuilder::new()
            .with_initial_interval(first)
            .with_max_interval(longest)
            .with_multiplier(2.0)
            .with_randomization_factor(share)
            .with_max_elapsed_time(None)
            .build();
        Self { generator, longest }
    }

    /// The next delay.
    pub(crate) fn next(&mut self) -> Duration {
        self.generator.next_backoff().unwrap_or(self.longest).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_their_limit_and_never_end() {
        let mut delays = Delays::publish();
        let drawn: Vec<_> = (0..50).map(|_| delays.next()).collect();
        assert!(drawn[0] >= Duration::from_millis(80) && drawn[0] <= Duration::from_millis(120));
        assert!(drawn.iter().all(|delay| *delay <= Duration::from_millis(250)));
        assert!(drawn[49] >= Duration::from_millis(200));
    }

    #[test]
    fn processes_create_at_different_times() {
        let drawn: Vec<_> = (0..50).map(|_| Delays::create().next()).collect();
        let (first, last) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
        assert!(*first >= Duration::from_secs(1) && *last <= Duration::from_secs(3));
        assert!(*last - *first >= Duration::from_millis(500), "{first:?} to {last:?}");
    }
}
