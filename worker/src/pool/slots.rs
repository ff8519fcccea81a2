//! How many scans one host may run, those included that we gave up and it may still be running.
//!
//! No scanner is told that nobody waits for its answer any more. A scan that was given up keeps its slot for as long
//! again as it had taken, and not less than what scans take there, so that a slow host is not given more and more of
//! them, and a quick one is not held back by mails whose clients went away.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// The least that a scan which was given up is taken to go on.
const ABANDONED_MIN: Duration = Duration::from_secs(1);

/// The slots of one host.
pub(super) struct Slots {
    free: Semaphore,
    count: usize,
    waiting: AtomicUsize,
    /// When each abandoned scan is over.
    abandoned: Mutex<Vec<Instant>>,
    /// There is one more of them.
    more: Notify,
    /// What the longest of the latest scans took.
    recent: Mutex<Duration>,
    scan_time_max: Duration,
    gauge: Gauge,
}

impl Slots {
    pub(super) fn new(count: usize, scan_time_max: Duration, gauge: Gauge) -> Self {
        let count = count.max(1);
        Self {
            free: Semaphore::new(count),
            count,
            waiting: AtomicUsize::new(0),
            abandoned: Mutex::default(),
            more: Notify::new(),
            recent: Mutex::default(),
            scan_time_max,
            gauge,
        }
    }

    /// Scans that it runs or that wait for a slot.
    pub(super) fn taken(&self) -> usize {
        self.reclaim();
        let running = self.count.saturating_sub(self.free.available_permits());
        running + self.waiting.load(Ordering::Relaxed)
    }

    /// Whether a scan would have to wait.
    pub(super) fn is_full(&self) -> bool {
        self.taken() >= self.count
    }

    /// Waits for a slot.
    pub(super) async fn take(&self) -> Slot<'_> {
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let more = self.more.notified();
            let permit = match self.reclaim() {
                None => tokio::select! {
                    permit = self.free.acquire() => permit,
                    () = more => continue,
                },
                Some(next) => tokio::select! {
                    permit = self.free.acquire() => permit,
                    () = more => continue,
                    () = sleep_until(next) => continue,
                },
            };
            // It is never closed.
            let Ok(permit) = permit else { continue };
            return Slot { slots: self, permit: Some(permit), start: Instant::now() };
        }
    }

    /// The host is not there any more, and neither is what it ran.
    pub(super) fn forget_abandoned(&self) {
        let gone = std::mem::take(&mut *lock(&self.abandoned)).len();
        self.release(gone);
    }

    /// Frees the slots of abandoned scans that are over; when the next one is.
    fn reclaim(&self) -> Option<Instant> {
        let now = Instant::now();
        let (over, next) = {
            let mut abandoned = lock(&self.abandoned);
            let before = abandoned.len();
            abandoned.retain(|end| *end > now);
            (before - abandoned.len(), abandoned.iter().min().copied())
        };
        self.release(over);
        next
    }

    fn release(&self, count: usize) {
        if count > 0 {
            self.free.add_permits(count);
            self.gauge.dec_by(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A scan was over after `time`. A long one is forgotten in the course of some dozens.
    fn observe(&self, time: Duration) {
        let mut recent = lock(&self.recent);
        *recent = time.max(*recent - *recent / 16);
    }

    /// How long a scan is taken to go on that is given up after `time`, counted from its start.
    fn estimate(&self, time: Duration) -> Duration {
        let recent = *lock(&self.recent);
        (time * 2).max(recent * 2).max(ABANDONED_MIN).min(self.scan_time_max)
    }

    fn abandon(&self, end: Instant) {
        lock(&self.abandoned).push(end);
        self.gauge.inc();
        self.more.notify_waiters();
    }
}

/// One scan's slot. Dropping it without [`Slot::finish`] abandons the scan.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    permit: Option<SemaphorePermit<'a>>,
    start: Instant,
}

impl Slot<'_> {
    /// The host is done with the scan, or never had it.
    pub(super) fn finish(mut self) {
        self.permit = None;
        self.slots.observe(self.start.elapsed());
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let end = self.start + self.slots.estimate(self.start.elapsed());
        if end > Instant::now() {
            permit.forget();
            self.slots.abandon(end);
        }
    }
}

/// Counts who waits, also when the wait is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// No code panics while it holds this lock; if it did, the data are still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn slots(count: usize) -> Slots {
        Slots::new(count, MINUTE, Gauge::default())
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_scan_keeps_its_slot_for_as_long_again() {
        let slots = slots(2);
        let slot = slots.take().await;
        advance(Duration::from_secs(20)).await;
        drop(slot);
        assert_eq!((slots.taken(), slots.is_full(), slots.gauge.get()), (1, false, 1));
        slots.take().await.finish();
        advance(Duration::from_secs(19)).await;
        assert_eq!(slots.taken(), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!((slots.taken(), slots.gauge.get()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_not_less_than_scans_take_nor_more_than_they_can() {
        let slots = slots(1);
        let seconds = Duration::from_secs;
        assert_eq!(slots.estimate(Duration::ZERO), seconds(1));
        assert_eq!(slots.estimate(seconds(29)), seconds(58));
        assert_eq!(slots.estimate(seconds(31)), MINUTE);
        let slot = slots.take().await;
        advance(seconds(8)).await;
        slot.finish();
        assert_eq!(slots.estimate(Duration::ZERO), seconds(16));
        // Short ones, until the long one is forgotten.
        for _ in 0..100 {
            slots.take().await.finish();
        }
        assert_eq!(slots.estimate(Duration::ZERO), seconds(1));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_woken_when_an_abandoned_scan_is_over() {
        let slots = slots(1);
        let first = slots.take().await;
        let start = Instant::now();
        let waiting = async {
            slots.take().await.finish();
            start.elapsed()
        };
        // It waits for the first, which is then abandoned.
        let abandoning = async {
            tokio::task::yield_now().await;
            assert!(slots.taken() == 2 && slots.is_full());
            drop(first);
        };
        let (waited, ()) = tokio::join!(waiting, abandoning);
        assert!(ABANDONED_MIN <= waited && waited < 2 * ABANDONED_MIN, "{waited:?}");
        assert_eq!(slots.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_held_where_giving_up_ends_the_scan_or_it_is_over_anyway() {
        let none = Slots::new(1, Duration::ZERO, Gauge::default());
        drop(none.take().await);
        assert_eq!(none.taken(), 0);
        let slots = slots(1);
        let slot = slots.take().await;
        advance(MINUTE).await;
        drop(slot);
        assert_eq!(slots.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_gone_runs_nothing() {
        let slots = slots(2);
        drop(slots.take().await);
        drop(slots.take().await);
        assert!(slots.is_full());
        assert!(timeout(ABANDONED_MIN / 2, slots.take()).await.is_err());
        slots.forget_abandoned();
        assert_eq!((slots.taken(), slots.gauge.get()), (0, 0));
    }
}
