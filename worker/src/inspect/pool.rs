//! The pool: as many children as set, each with one mail at a time, the one that has rested longest first.
//!
//! Children are started at the beginning and whenever a mail finds none that is free. There is no task of its own: a
//! child belongs to the pool or to the one mail that it has, and a mail that is given up takes its child along.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use proto::inspection::{AttachmentRules, InForce, Report, Setup, Wanted};
use proto::{Deadline, Unchecked};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::child::{Answer, Child};
use super::pace::Pace;
use super::parts::Allowance;
use super::{Failure, Inspected, Launch, Settings};
use crate::metrics::InspectMetrics;

/// How often a mail tries to have a child started.
const STARTS_MAX: u32 = 3;

/// The children of a worker.
pub(crate) struct Pool {
    launch: Box<dyn Launch>,
    setup: Setup,
    settings: Settings,
    metrics: InspectMetrics,
    slots: Semaphore,
    /// The one that has rested longest in front.
    idle: Mutex<VecDeque<Child>>,
    pace: Mutex<Pace>,
}

impl Pool {
    /// Starts nothing yet.
    pub(crate) fn new(
        launch: Box<dyn Launch>,
        rules: AttachmentRules,
        settings: Settings,
        metrics: InspectMetrics,
    ) -> Self {
        let setup = Setup {
            rules,
            memory_bytes_max: settings.memory_bytes_max,
            cpu_seconds_max: settings.cpu_seconds_max,
        };
        Self {
            launch,
            setup,
            slots: Semaphore::new(settings.processes.max(1)),
            idle: Mutex::default(),
            pace: Mutex::default(),
            settings,
            metrics,
        }
    }

    /// Starts one and says what holds it.
    ///
    /// # Errors
    /// Why it does not start; mails try again.
    pub(crate) async fn start(&self) -> Result<InForce, Failure> {
        let _slot = self.slots.acquire().await.map_err(|_| Failure::Busy)?;
        let (child, in_force) = self.launch().await?;
        self.put_back(child).await;
        Ok(in_force)
    }

    /// Starts the others, so that no mail has to wait for one; ends early when one does not start.
    pub(crate) async fn warm(&self) {
        while self.living() < self.settings.processes && self.start().await.is_ok() {}
    }

    /// What is found in `content`, by `deadline`, with those contents that are `wanted`.
    pub(crate) async fn inspect(&self, content: &Bytes, wanted: Wanted, deadline: Deadline) -> Inspected {
        if content.len() > self.setup.rules.limits.content_bytes_max {
            return Inspected::unchecked(Unchecked::OverLimit, "beyond the limit of content bytes");
        }
        let deadline = Instant::from_std(deadline.at());
        self.inspected(content, wanted, deadline).await.unwrap_or_else(|failure| {
            Inspected::unchecked(Unchecked::Failed, format!("the inspecting process {failure}"))
        })
    }

    async fn inspected(
        &self,
        content: &Bytes,
        wanted: Wanted,
        deadline: Instant,
    ) -> Result<Inspected, Failure> {
        let (_slot, child) = match timeout_at(deadline, self.take()).await {
            Ok(taken) => taken?,
            Err(_) => {
                self.metrics.ended("busy");
                return Err(Failure::Busy);
            }
        };
        let is_new = child.mails == 0;
        let start = Instant::now();
        let limit = self.settings.timeout.min(deadline.saturating_duration_since(start));
        let allowance = Allowance::new(wanted, &self.setup.rules.limits);
        let result = child.inspect(content, (wanted, allowance), limit).await;
        self.metrics.seconds.observe(start.elapsed().as_secs_f64());
        match result {
            Ok((child, Answer { report, parts })) => {
                self.metrics.parsing_seconds.observe(Duration::from_micros(report.micros).as_secs_f64());
                self.metrics.opened.inc_by(report.opened);
                locked(&self.pace).succeeded();
                self.put_back(child).await;
                let Report { findings, is_cut, .. } = report;
                Ok(Inspected { findings, parts, is_cut, ..Inspected::default() })
            }
            Err(failure) => {
                self.lost(&failure, is_new);
                Err(failure)
            }
        }
    }

    /// A place, and a child that lives.
    async fn take(&self) -> Result<(SemaphorePermit<'_>, Child), Failure> {
        let slot = self.slots.acquire().await.map_err(|_| Failure::Busy)?;
        if let Some(child) = self.rested() {
            return Ok((slot, child));
        }
        Ok((slot, self.launch_patiently().await?))
    }

    /// One that waits for a mail and lives.
    fn rested(&self) -> Option<Child> {
        loop {
            // The lock is not held any longer than this.
            let mut child = locked(&self.idle).pop_front()?;
            match child.ended() {
                None => return Some(child),
                Some(failure) => self.lost(&failure, child.mails == 0),
            }
        }
    }

    async fn launch_patiently(&self) -> Result<Child, Failure> {
        let mut starts = 0;
        loop {
            let not_before = locked(&self.pace).not_before();
            if let Some(at) = not_before {
                sleep_until(at.into()).await;
                // Another mail may be done with its child by now.
                if let Some(child) = self.rested() {
                    return Ok(child);
                }
            }
            starts += 1;
            match self.launch().await {
                Ok((child, _)) => return Ok(child),
                Err(failure) if starts == STARTS_MAX => return Err(failure),
                Err(_) => {}
            }
        }
    }

    async fn launch(&self) -> Result<(Child, InForce), Failure> {
        let started = Child::start(&*self.launch, &self.setup, &self.metrics.children).await;
        started.inspect_err(|failure| self.lost(failure, true))
    }

    /// A child that has done its work rests, or ends when that was enough.
    async fn put_back(&self, child: Child) {
        let is_worn = child.mails >= self.settings.mails_max;
        if is_worn {
            self.metrics.ended("recycled");
        }
        if is_worn || self.living() > self.settings.processes {
            child.end().await;
        } else {
            locked(&self.idle).push_back(child);
        }
    }

    /// A child is dead that should not be; `is_new` when it had done nothing.
    fn lost(&self, failure: &Failure, is_new: bool) {
        self.metrics.ended(failure.label());
        tracing::warn!("an inspecting process {failure}");
        if is_new {
            locked(&self.pace).failed(Instant::now().into_std());
        }
    }

    fn living(&self) -> usize {
        usize::try_from(self.metrics.children.get()).unwrap_or_default()
    }
}

/// What a panic leaves behind a lock here is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
