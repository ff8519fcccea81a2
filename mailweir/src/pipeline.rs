//! Both ways of a mail through Mailweir, side by side: two calls on one machine, ask and wait over the queue.
//!
//! The ingress cannot tell which it has. There is no queue in memory for the first: the client's server keeps the mail
//! until we answer, so a node without NATS needs none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egress::{Fence, Relay};
use ingress::Pipeline;
use ledger::{Ledger, Work};
use proto::failpoint::{Failpoints, Point};
use proto::{Class, Deadline, Early, Mail, Outcomes, Reply};
use tokio::sync::{Semaphore, SemaphorePermit};
use worker::Scanner;

use crate::config::Worker;
use crate::fence::{Open, OwnClaims};

/// One machine: scan, then deliver.
pub(crate) struct Direct {
    pub(crate) filter: Arc<Filter>,
    /// None when it is switched off.
    pub(crate) ledger: Option<Ledger>,
    pub(crate) failpoints: Failpoints,
}

/// What is done with a mail on one machine.
pub(crate) struct Filter {
    pub(crate) scanner: Scanner,
    pub(crate) relay: Relay,
    pub(crate) lanes: Lanes,
    pub(crate) budget: ScanBudget,
}

impl Pipeline for Direct {
    async fn submit(&self, mail: Mail, deadline: Deadline, early: Arc<dyn Early>) -> Outcomes {
        match &self.ledger {
            // Whose retry cannot be known, of that nothing is ever asked.
            Some(ledger) if !mail.key.is_of(mail.tx) => {
                let filter = self.filter.clone();
                let work = |work: Work| async move {
                    let Work { mail, claims, early, deadline } = work;
                    filter.pass(&mail, &OwnClaims(claims), &*early, deadline).await
                };
                ledger.submit(mail, deadline, early, work).await
            }
            Some(_) | None => {
                let outcomes = self.filter.pass(&mail, &Open(&self.failpoints), &*early, deadline).await;
                self.failpoints.reached(Point::AfterOutcome);
                outcomes
            }
        }
    }
}

impl Filter {
    async fn pass(&self, mail: &Mail, fence: &impl Fence, early: &dyn Early, deadline: Deadline) -> Outcomes {
        let scan_by = self.budget.deadline(deadline, tokio::time::Instant::now().into_std());
        let verdict = {
            let entered = self.lanes.enter(mail.class());
            let Ok(Some(_slot)) = tokio::time::timeout_at(scan_by.at().into(), entered).await else {
                let busy = Reply::enhanced(451, 3, 2, "too many mails are being scanned, try again later");
                return Outcomes::all(&mail.envelope, &busy);
            };
            self.scanner.scan(mail, scan_by).await
        };
        self.relay.deliver(mail, &verdict, fence, early, deadline).await
    }
}

/// Many machines: put it into the queue and wait for the outcome.
pub(crate) struct Queued(pub(crate) bus::Client);

impl Pipeline for Queued {
    async fn submit(&self, mail: Mail, deadline: Deadline, early: Arc<dyn Early>) -> Outcomes {
        self.0.ask(mail, deadline, early).await
    }
}

/// How much of a mail's deadline a scan may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanBudget {
    timeout: Duration,
    reserve: Duration,
}

impl ScanBudget {
    /// As the settings say.
    pub(crate) fn new(settings: &Worker) -> Self {
        Self { timeout: settings.scan_timeout, reserve: settings.relay_reserve }
    }

    /// The scan's own deadline: the delivery keeps its reserve, but never more than a quarter of what is left, or a
    /// short deadline would leave nothing for the scan.
    pub(crate) fn deadline(&self, deadline: Deadline, now: Instant) -> Deadline {
        let reserve = self.reserve.min(deadline.remaining(now) / 4);
        deadline.reserve(reserve).within(now, self.timeout)
    }
}

/// Places for scans, by class, so that large mails never hold up small ones.
pub(crate) struct Lanes {
    small: Semaphore,
    medium: Semaphore,
    large: Semaphore,
}

impl Lanes {
    /// At least one place in each: there is no other worker here that would take such a mail.
    pub(crate) fn new(slots: bus::Slots) -> Self {
        Self {
            small: Semaphore::new(slots.small.max(1)),
            medium: Semaphore::new(slots.medium.max(1)),
            large: Semaphore::new(slots.large.max(1)),
        }
    }

    /// Waits for a place; they are never closed, so there always is one.
    async fn enter(&self, class: Class) -> Option<SemaphorePermit<'_>> {
        let lane = match class {
            Class::Small => &self.small,
            Class::Medium => &self.medium,
            Class::Large => &self.large,
        };
        lane.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(deadline_s: u64) -> Duration {
        let now = tokio::time::Instant::now().into_std();
        let budget = ScanBudget { timeout: Duration::from_secs(180), reserve: Duration::from_secs(60) };
        budget.deadline(Deadline::after(now, Duration::from_secs(deadline_s)), now).remaining(now)
    }

    #[test]
    fn a_scan_leaves_time_for_the_delivery() {
        assert_eq!(budget(240), Duration::from_secs(180));
        assert_eq!(budget(480), Duration::from_secs(180));
        assert_eq!(budget(200), Duration::from_secs(150));
        assert_eq!(budget(4), Duration::from_secs(3));
        assert_eq!(budget(0), Duration::ZERO);
    }

    #[tokio::test]
    async fn large_mails_do_not_hold_up_small_ones() {
        let lanes = Lanes::new(bus::Slots { small: 1, medium: 0, large: 1 });
        let _large = lanes.enter(Class::Large).await.unwrap();
        let _small = lanes.enter(Class::Small).await.unwrap();
        let _medium = lanes.enter(Class::Medium).await.unwrap();
        assert_eq!(lanes.large.available_permits(), 0);
    }
}
