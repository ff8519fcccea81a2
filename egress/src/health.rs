//! Whether a target takes connections: how often it failed in a row, and when it may be tried again.
//!
//! A breaker per target, shared by all mails, as a function of its inputs; clock and chance are the caller's. It
//! looks only at reaching the target (socket, greeting, EHLO). What happens to a mail behind that may be the mail's
//! own fault, and one mail must not take a target down for all others.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Settings;

/// Doublings of the pause behind which it surely is at its maximum.
const DOUBLINGS_MAX: u32 = 16;

/// May a target be tried?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// It is believed to work.
    Yes,
    /// It is believed down, and this one try may find out.
    Probe,
    /// It is believed down until then.
    NotBefore(Instant),
}

/// One target's health.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failures: u32,
    /// Set while it is only probed.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    probes_failed: u32,
    probe_at: Instant,
}

impl Health {
    /// Failures in a row; the fewer, the earlier a target is tried.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Asks for a try. A probe that was permitted is the only one until its result, or for one pause.
    pub(crate) fn permit(&mut self, now: Instant, settings: &Settings) -> Permit {
        match &mut self.open {
            None => Permit::Yes,
            Some(open) if now < open.probe_at => Permit::NotBefore(open.probe_at),
            Some(open) => {
                open.probe_at = now + settings.retry_pause;
                Permit::Probe
            }
        }
    }

    /// It was reached. True when it had not been before, and those who wait should try.
    pub(crate) fn reached(&mut self) -> bool {
        let failed = self.failures > 0;
        *self = Self::default();
        failed
    }

    /// It was not. `chance`: any number, which spreads the probes of many nodes. `probe`: this try was a probe;
    /// those that were under way when the breaker opened do not make the pause longer.
    pub(crate) fn failed(&mut self, now: Instant, probe: bool, chance: u8, settings: &Settings) {
        self.failures = self.failures.saturating_add(1);
        match &mut self.open {
            None if self.failures < settings.breaker_failures => {}
            None => {
                self.open = Some(Open { probes_failed: 0, probe_at: now + pause(0, chance, settings) });
            }
            Some(open) if probe => {
                open.probes_failed = open.probes_failed.saturating_add(1);
                open.probe_at = now + pause(open.probes_failed, chance, settings);
            }
            Some(_) => {}
        }
    }

    /// Whether it is believed to work.
    pub(crate) fn is_up(&self) -> bool {
        self.open.is_none()
    }
}

/// Doubles up to its maximum, and is then shortened by up to a fifth.
fn pause(probes_failed: u32, chance: u8, settings: &Settings) -> Duration {
    let doubled = settings.retry_pause.saturating_mul(1 << probes_failed.min(DOUBLINGS_MAX));
    let most = doubled.min(settings.probe_pause_max.max(settings.retry_pause));
    most - most / 5 * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            breaker_failures: 3,
            retry_pause: Duration::from_secs(5),
            probe_pause_max: Duration::from_secs(15),
            ..Settings::default()
        }
    }

    fn opened(now: Instant) -> Health {
        let mut health = Health::default();
        for _ in 0..3 {
            assert_eq!(health.permit(now, &settings()), Permit::Yes);
            health.failed(now, false, 0, &settings());
        }
        health
    }

    #[test]
    fn it_opens_at_the_limit_and_not_before() {
        let now = Instant::now();
        let mut health = Health::default();
        health.failed(now, false, 0, &settings());
        health.failed(now, false, 0, &settings());
        assert!(health.is_up());
        health.failed(now, false, 0, &settings());
        assert!(!health.is_up());
    }

    #[test]
    fn while_open_one_probe_per_pause_is_permitted() {
        let now = Instant::now();
        let mut health = opened(now);
        let due = now + Duration::from_secs(5);
        assert_eq!(health.permit(now, &settings()), Permit::NotBefore(due));
        assert_eq!(health.permit(due, &settings()), Permit::Probe);
        let next = due + Duration::from_secs(5);
        assert_eq!(health.permit(due, &settings()), Permit::NotBefore(next));
    }

    #[test]
    fn failed_probes_double_the_pause_up_to_its_maximum() {
        let now = Instant::now();
        let mut health = opened(now);
        for seconds in [10, 15, 15] {
            health.failed(now, true, 0, &settings());
            let due = now + Duration::from_secs(seconds);
            assert_eq!(health.permit(now, &settings()), Permit::NotBefore(due));
        }
        health.failed(now, true, 255, &settings());
        let shortened = now + Duration::from_secs(12);
        assert_eq!(health.permit(now, &settings()), Permit::NotBefore(shortened));
    }

    #[test]
    fn stragglers_do_not_make_the_pause_longer() {
        let now = Instant::now();
        let mut health = opened(now);
        for _ in 0..20 {
            health.failed(now, false, 0, &settings());
        }
        let due = now + Duration::from_secs(5);
        assert_eq!(health.permit(now, &settings()), Permit::NotBefore(due));
    }

    #[test]
    fn one_success_closes_it() {
        let now = Instant::now();
        let mut health = opened(now);
        assert!(health.reached());
        assert_eq!((health.permit(now, &settings()), health.failures()), (Permit::Yes, 0));
        assert!(!health.reached());
    }
}
