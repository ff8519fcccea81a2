//! Which target a transaction tries next: healthy ones first, those with room before those without, then as they are
//! configured.
//!
//! A round tries each target once. When none could be reached, the next round begins after a pause, or as soon as
//! some other mail reached one. A target that refused this mail is not asked again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::health::Permit;
use crate::pool::Lane;

/// What to do next.
pub(super) enum Next {
    /// Try this one. `probe`: it is believed down.
    Try { index: usize, lane: Arc<Lane>, probe: bool },
    /// No target is left that could take the mail.
    Exhausted,
    /// The time is up.
    OutOfTime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Tried,
    Struck,
}

pub(super) struct Route<'a> {
    lanes: &'a [Arc<Lane>],
    recovered: &'a Notify,
    pause: Duration,
    marks: Vec<Mark>,
    round_over_at: Option<Instant>,
}

impl<'a> Route<'a> {
    pub(super) fn new(lanes: &'a [Arc<Lane>], recovered: &'a Notify, pause: Duration) -> Self {
        Self { lanes, recovered, pause, marks: vec![Mark::Open; lanes.len()], round_over_at: None }
    }

    /// The next target, which may mean to wait for one.
    pub(super) async fn next(&mut self, until: Instant) -> Next {
        loop {
            if self.marks.iter().all(|mark| *mark == Mark::Struck) {
                return Next::Exhausted;
            }
            // Listening begins before looking, so that no recovery in between is missed.
            let mut recovered = std::pin::pin!(self.recovered.notified());
            recovered.as_mut().enable();
            let now = Instant::now();
            if until <= now {
                return Next::OutOfTime;
            }
            let not_before = match self.permitted() {
                Ok(next) => return next,
                Err(not_before) => not_before,
            };
            let mut wake_at = until;
            if self.marks.contains(&Mark::Tried) {
                wake_at = wake_at.min(*self.round_over_at.get_or_insert(now + self.pause));
            }
            if let Some(not_before) = not_before {
                wake_at = wake_at.min(not_before);
            }
            tokio::select! {
                () = sleep_until(wake_at) => {
                    if self.round_over_at.is_some_and(|over| over <= Instant::now()) {
                        self.next_round();
                    }
                }
                () = recovered => self.next_round(),
            }
        }
    }

    /// A target of this round that may be tried, or when one may at the earliest.
    fn permitted(&mut self) -> Result<Next, Option<Instant>> {
        let mut order: Vec<_> = self.lanes.iter().enumerate().collect();
        order.retain(|(index, _)| self.marks.get(*index) == Some(&Mark::Open));
        order.sort_by_key(|(index, lane)| (lane.failures(), !lane.has_room(), *index));
        let mut earliest: Option<Instant> = None;
        for (index, lane) in order {
            let probe = match lane.permit() {
                Permit::Yes => false,
                Permit::Probe => true,
                Permit::NotBefore(at) => {
                    earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
                    continue;
                }
            };
            self.mark(index, Mark::Tried);
            return Ok(Next::Try { index, lane: Arc::clone(lane), probe });
        }
        Err(earliest)
    }

    /// The target may be tried again at once: nothing went wrong with it.
    pub(super) fn again(&mut self, index: usize) {
        self.mark(index, Mark::Open);
    }

    /// The target will not take this mail.
    pub(super) fn strike(&mut self, index: usize) {
        self.mark(index, Mark::Struck);
    }

    fn mark(&mut self, index: usize, mark: Mark) {
        if let Some(slot) = self.marks.get_mut(index) {
            *slot = mark;
        }
    }

    fn next_round(&mut self) {
        self.round_over_at = None;
        for mark in self.marks.iter_mut().filter(|mark| **mark == Mark::Tried) {
            *mark = Mark::Open;
        }
    }
}
