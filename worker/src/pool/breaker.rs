//! When to leave a failing host alone, as a function of results and time.
//!
//! Open after a number of failures in a row. After a pause, one caller at a time may probe; the pause before the next
//! probe starts with the probe itself, so that a probe whose caller went away holds nothing up.

use std::time::{Duration, Instant};

/// What a caller may do with the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Use it.
    Use,
    /// See whether it lives, then use it.
    Probe,
    /// Leave it alone.
    Refused,
}

/// Failures in a row of one host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause: Duration,
    failures: u32,
    /// When the next probe may go; `None` while closed.
    probe_at: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self { failures_max, pause, failures: 0, probe_at: None }
    }

    pub(super) fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }

    /// Asks before use. `chance` (any number) spreads the probes of many processes.
    pub(super) fn admit(&mut self, now: Instant, chance: u64) -> Admission {
        match self.probe_at {
            None => Admission::Use,
            Some(at) if now < at => Admission::Refused,
            Some(_) => {
                self.probe_at = Some(now + self.pause_with(chance));
                Admission::Probe
            }
        }
    }

    /// It is left alone at once, and may be probed at `probe_at`.
    pub(super) fn open(&mut self, probe_at: Instant) {
        self.failures = self.failures_max;
        self.probe_at = Some(probe_at);
    }

    /// It answered.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.probe_at = None;
    }

    /// It did not answer, or not in its grammar.
    pub(super) fn failed(&mut self, now: Instant, chance: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.failures_max {
            self.probe_at = Some(now + self.pause_with(chance));
        }
    }

    /// The pause and up to a quarter more.
    fn pause_with(&self, chance: u64) -> Duration {
        let quarter = self.pause / 4;
        self.pause + quarter * u32::try_from(chance % 1024).unwrap_or(0) / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(5);

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn it_opens_at_the_limit_and_not_before() {
        let (mut breaker, now) = (Breaker::new(5, PAUSE), start());
        for _ in 0..4 {
            breaker.failed(now, 0);
            assert_eq!(breaker.admit(now, 0), Admission::Use);
        }
        breaker.failed(now, 0);
        assert_eq!(breaker.admit(now, 0), Admission::Refused);
        assert!(breaker.is_open());
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let (mut breaker, now) = (Breaker::new(5, PAUSE), start());
        for _ in 0..100 {
            for _ in 0..4 {
                breaker.failed(now, 0);
            }
            breaker.succeeded();
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn it_can_be_opened_at_once() {
        let (mut breaker, now) = (Breaker::new(5, PAUSE), start());
        breaker.open(now + PAUSE);
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(now, 0), Admission::Refused);
        assert_eq!(breaker.admit(now + PAUSE, 0), Admission::Probe);
        breaker.succeeded();
        assert_eq!(breaker.admit(now + PAUSE, 0), Admission::Use);
    }

    #[test]
    fn one_probe_per_pause_and_success_closes() {
        let (mut breaker, now) = (Breaker::new(1, PAUSE), start());
        breaker.failed(now, 0);
        assert_eq!(breaker.admit(now + PAUSE - Duration::from_nanos(1), 0), Admission::Refused);
        let later = now + PAUSE;
        assert_eq!(breaker.admit(later, 0), Admission::Probe);
        assert_eq!(breaker.admit(later, 0), Admission::Refused);
        assert_eq!(breaker.admit(later + PAUSE, 0), Admission::Probe);
        breaker.succeeded();
        assert_eq!(breaker.admit(later + PAUSE, 0), Admission::Use);
    }

    #[test]
    fn chance_adds_less_than_a_quarter() {
        let breaker = Breaker::new(1, PAUSE);
        assert_eq!(breaker.pause_with(0), PAUSE);
        assert_eq!(breaker.pause_with(1024), PAUSE);
        for chance in [1, 512, 1023, u64::MAX] {
            let pause = breaker.pause_with(chance);
            assert!(PAUSE < pause && pause < PAUSE * 5 / 4, "{pause:?}");
        }
    }
}
