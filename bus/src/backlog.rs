//! How long a mail that comes now is going to wait for a worker: the mails before it, divided by how fast workers take
//! them.
//!
//! Only what is taken while others wait tells how fast they are; what comes to idle workers tells how much mail there
//! is. Where nothing is taken at all, a mail waits at least as long as it has been so. A function of what was measured
//! and when.

use std::time::Duration;

use tokio::time::Instant;

/// What was measured so long ago counts e times less in the rate.
const MEMORY: Duration = Duration::from_secs(20);
/// Fewer mails than this do not make a rate.
const MAILS_MIN: f64 = 0.5;
/// No estimate is longer.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// One measurement, over all lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lanes {
    /// Mails that no worker was given yet.
    pub(crate) pending: u64,
    /// Deliveries to workers so far.
    pub(crate) delivered: u64,
}

/// What was measured so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backlog {
    last: Option<(Instant, Lanes)>,
    /// Mails taken while others waited, and the seconds in which others waited; both fade.
    taken: f64,
    seconds: f64,
    /// Since when mails wait and none is taken.
    stalled: Option<Instant>,
}

impl Backlog {
    /// Takes one measurement; the wait that it stands for.
    pub(crate) fn observe(&mut self, now: Instant, lanes: Lanes) -> Duration {
        if let Some((then, before)) = self.last.replace((now, lanes)) {
            let taken = lanes.delivered.saturating_sub(before.delivered);
            if before.pending > 0 && lanes.pending > 0 {
                let seconds = now.saturating_duration_since(then).as_secs_f64();
                let fading = (-seconds / MEMORY.as_secs_f64()).exp();
                self.taken = self.taken * fading + taken as f64;
                self.seconds = self.seconds * fading + seconds;
            }
            if taken > 0 || before.pending == 0 {
                self.stalled = None;
            } else {
                self.stalled.get_or_insert(then);
            }
        }
        if lanes.pending == 0 {
            self.stalled = None;
            return Duration::ZERO;
        }
        let stalled = self.stalled.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let queued = if self.taken >= MAILS_MIN {
            let seconds = lanes.pending as f64 * self.seconds / self.taken;
            Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MAX)
        } else {
            Duration::ZERO
        };
        stalled.max(queued).min(WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimates in seconds after measurements of (second, pending, delivered).
    fn waits(measured: &[(u64, u64, u64)]) -> Vec<u64> {
        let start = Instant::now();
        let mut backlog = Backlog::default();
        let measured = measured.iter();
        measured
            .map(|&(second, pending, delivered)| {
                let now = start + Duration::from_secs(second);
                backlog.observe(now, Lanes { pending, delivered }).as_secs()
            })
            .collect()
    }

    #[test]
    fn the_wait_is_backlog_by_rate() {
        assert_eq!(waits(&[(0, 100, 0), (2, 100, 20)]), [0, 10]);
        assert_eq!(waits(&[(0, 100, 0), (2, 100, 20), (4, 700, 40)]), [0, 10, 70]);
    }

    #[test]
    fn idle_workers_say_nothing_about_the_rate() {
        assert_eq!(waits(&[(0, 0, 0), (60, 0, 1), (62, 50, 1), (64, 0, 51)]), [0, 0, 0, 0]);
        assert_eq!(waits(&[(0, 0, 0), (60, 1, 1), (62, 0, 2)]), [0, 0, 0], "one mail at a quiet hour");
    }

    #[test]
    fn without_a_worker_the_wait_grows_until_one_takes_a_mail() {
        let measured = [(0, 0, 0), (2, 10, 0), (4, 10, 0), (64, 10, 0), (66, 9, 1), (68, 0, 10)];
        let waits = waits(&measured);
        assert_eq!(waits[..4], [0, 0, 2, 62]);
        assert_eq!(waits[5], 0, "{waits:?}");
    }

    #[test]
    fn a_pause_of_busy_workers_is_no_end() {
        let measured = [(0, 100, 0), (2, 100, 20), (4, 100, 40), (6, 100, 40), (8, 100, 60)];
        let waits = waits(&measured);
        assert!(waits[1..].iter().all(|wait| (10..=16).contains(wait)), "{waits:?}");
    }

    #[test]
    fn a_consumer_that_was_made_anew_counts_from_zero() {
        assert_eq!(waits(&[(0, 10, 1_000), (2, 10, 5)]).len(), 2);
    }
}
