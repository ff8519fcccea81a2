//! Overload: whether mails already wait so long that a further one had better stay with its client.
//!
//! A function of what was measured last, with a gap between closing and opening again, so that a load at the limit does
//! not make the answer flap. Measuring is the queue's, the gate is whoever asks this.

use std::time::Duration;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// How long a mail that comes now is going to wait.
    pub wait: Duration,
    /// How full the store is, from 0 to 1.
    pub fill: f64,
}

/// When it is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// A longer wait than this closes; two thirds of it open again.
    pub wait: Duration,
    /// A fuller store than this closes, from 0 to 1; 0.15 below opens again.
    pub fill: f64,
}

/// Where the fill opens again, below where it closed.
const FILL_GAP: f64 = 0.15;

/// Remembers whether it was too much.
#[derive(Clone, Debug)]
pub struct Overload {
    limits: Limits,
    is_closed: bool,
}

impl Overload {
    /// Nothing is too much yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, is_closed: false }
    }

    /// Takes a measurement; the reason for the client's log when it is too much.
    pub fn observe(&mut self, load: &Load) -> Option<String> {
        let limits = self.limits;
        let (wait, fill) = match self.is_closed {
            false => (limits.wait, limits.fill),
            true => (limits.wait * 2 / 3, limits.fill - FILL_GAP),
        };
        let reason = if load.wait > wait {
            Some(format!("mails wait for {} s, try again later", load.wait.as_secs().min(9_999)))
        } else if load.fill > fill {
            Some(format!("the queue is {:.0} % full, try again later", load.fill * 100.0))
        } else {
            None
        };
        self.is_closed = reason.is_some();
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { wait: Duration::from_secs(60), fill: 0.85 };

    /// Whether it is closed after each of these measurements: seconds and percent.
    fn closed(loads: &[(u64, u32)]) -> Vec<bool> {
        let mut overload = Overload::new(LIMITS);
        let load = |(seconds, percent): (u64, u32)| Load {
            wait: Duration::from_secs(seconds),
            fill: f64::from(percent) / 100.0,
        };
        loads.iter().map(|measured| overload.observe(&load(*measured)).is_some()).collect()
    }

    #[test]
    fn a_long_wait_closes_until_it_is_clearly_shorter() {
        let loads = [(60, 0), (61, 0), (41, 0), (40, 0), (60, 0)];
        assert_eq!(closed(&loads), [false, true, true, false, false]);
    }

    #[test]
    fn a_full_store_closes_until_it_is_clearly_emptier() {
        let loads = [(0, 85), (0, 86), (0, 71), (0, 69), (0, 85)];
        assert_eq!(closed(&loads), [false, true, true, false, false]);
    }

    #[test]
    fn one_of_them_is_enough_and_both_must_be_better() {
        assert_eq!(closed(&[(61, 90), (0, 90), (50, 0), (0, 0)]), [true, true, true, false]);
    }

    #[test]
    fn the_client_is_told_why() {
        let mut overload = Overload::new(LIMITS);
        let endless = Load { wait: Duration::MAX, fill: 0.0 };
        assert_eq!(overload.observe(&endless).unwrap(), "mails wait for 9999 s, try again later");
        let full = Load { wait: Duration::ZERO, fill: 0.9 };
        assert_eq!(overload.observe(&full).unwrap(), "the queue is 90 % full, try again later");
    }
}
