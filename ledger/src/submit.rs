//! A mail with its ledger: answered from the record, joined to itself where it is under way, or worked on.
//!
//! The work outlives the client that brought the mail, and its deadline: the retry then joins it or finds the outcome.
//! As long as the client waits it is done in the client's own task, which saves waking another one for every reply;
//! then it goes on in one of its own. Only mails that can be known again come here; for others nobody could ever ask.

use std::pin::Pin;
use std::sync::Arc;

use proto::failpoint::Point;
use proto::ledger::{End, Walk, Wanted};
use proto::{Deadline, Early, Mail, Outcomes, Position, Reply};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use crate::claims::{Claims, unreadable, unusable};
use crate::flights::{Entered, Flight, Seat};
use crate::store::{StoreError, Walked};
use crate::{Ledger, Shared};

/// A mail to be worked on.
pub struct Work {
    /// The mail, for those of its recipients that have no answer yet.
    pub mail: Mail,
    /// To be asked before its final dot, and told behind it.
    pub claims: Claims,
    /// Takes replies that are final before the whole is known.
    pub early: Arc<dyn Early>,
    /// By then it is done: later than what the client that brought it waits for.
    pub deadline: Deadline,
}

/// One client's mail.
struct Visit {
    mail: Mail,
    deadline: Instant,
    early: Arc<dyn Early>,
    outcomes: Outcomes,
    /// Who has no answer yet.
    open: Vec<Position>,
}

impl Ledger {
    /// Answers for every recipient of `mail` by `deadline`, or [`crate::Settings::settle`] later where the mail is at
    /// the final dot: from the record, or by what `work` brings about. `work` goes on when this future is dropped.
    pub async fn submit<W, F>(
        &self,
        mail: Mail,
        deadline: Deadline,
        early: Arc<dyn Early>,
        work: W,
    ) -> Outcomes
    where
        W: FnOnce(Work) -> F + Send,
        F: Future<Output = Outcomes> + Send + 'static,
    {
        let mut visit = Visit {
            outcomes: Outcomes::unknown(&mail.envelope),
            open: mail.envelope.positions().collect(),
            deadline: Instant::from_std(deadline.at()),
            mail,
            early,
        };
        while !visit.open.is_empty() {
            let wanted = Wanted::of(&visit.mail.envelope, &visit.open);
            match self.shared.flights.enter(visit.mail.key, visit.mail.tx, &wanted) {
                Entered::Follow(flight) => visit.follow(&self.shared, &flight).await,
                Entered::Lead(seat) => {
                    if let Some(seat) = visit.recall(&self.shared, seat) {
                        let flight = seat.flight();
                        if let Some(running) = self.begin(&visit, deadline, seat, work) {
                            visit.attend(&self.shared, &flight, running).await;
                        }
                    }
                    break;
                }
            }
        }
        self.shared.failpoints.reached(Point::AfterOutcome);
        visit.outcomes
    }

    /// The work, to be waited for.
    fn begin<W, F>(&self, visit: &Visit, deadline: Deadline, seat: Seat, work: W) -> Option<Running>
    where
        W: FnOnce(Work) -> F,
        F: Future<Output = Outcomes> + Send + 'static,
    {
        let mail = visit.narrowed()?;
        let shared = self.shared.clone();
        let flight = seat.flight();
        let bytes = mail.content.len();
        let working = work(Work {
            claims: Claims::new(shared.clone(), flight.clone(), &mail),
            early: flight.clone(),
            deadline: Deadline::after(deadline.at(), self.run_on),
            mail,
        });
        let client_waits_until = visit.deadline;
        let work = async move {
            let _counted = Counted::new(&shared);
            tokio::select! {
                biased;
                () = shared.stop.cancelled() => {}
                outcomes = working => {
                    seat.end(outcomes.iter().map(|(_, reply)| reply.clone()).collect());
                }
                () = outstay(&shared, &flight, client_waits_until, bytes) => {}
            }
        };
        Some(Running { work: Some(Box::pin(work)), tasks: self.tasks.clone(), runtime: self.runtime.clone() })
    }
}

/// Work that goes on in a task of its own when this is dropped.
struct Running {
    /// Until it is done.
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    tasks: TaskTracker,
    runtime: Handle,
}

impl Running {
    /// Works until it is done, and never returns a second time.
    async fn done(&mut self) {
        match &mut self.work {
            Some(work) => work.await,
            None => std::future::pending().await,
        }
        self.work = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What has panicked cannot go on.
        if let Some(work) = self.work.take().filter(|_| !std::thread::panicking()) {
            self.tasks.spawn_on(work, &self.runtime);
        }
    }
}

/// Ends when the work must, for want of memory: what its client gave up counts among what is admitted no more.
async fn outstay(shared: &Shared, flight: &Flight, client_waits_until: Instant, bytes: usize) {
    sleep_until(client_waits_until).await;
    let kib = u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX);
    let share = shared.run_on_kib.try_acquire_many(kib);
    let is_at_the_dot = flight.progress().borrow().is_at_the_dot();
    if share.is_err() && !is_at_the_dot {
        shared.metrics.cut_short.inc();
        return;
    }
    shared.metrics.ran_on.inc();
    std::future::pending().await
}

/// In work while this lives.
struct Counted<'a>(&'a Shared);

impl<'a> Counted<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.metrics.in_work.inc();
        Self(shared)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.metrics.in_work.dec();
    }
}

impl Visit {
    fn settle(&mut self, results: Vec<(Position, Reply)>) {
        for (position, reply) in results {
            self.open.retain(|open| *open != position);
            self.outcomes.set(position, reply);
        }
    }

    fn settle_all(&mut self, reply: &Reply) {
        let open = std::mem::take(&mut self.open);
        self.settle(open.into_iter().map(|position| (position, reply.clone())).collect());
    }

    /// Takes from the record what is final there; gives the seat back where somebody is left to work for.
    fn recall(&mut self, shared: &Shared, seat: Seat) -> Option<Seat> {
        let wanted = Wanted::of(&self.mail.envelope, &self.open);
        let walk = Walk::look(self.mail.tx, wanted);
        // Pages that the kernel holds, so that this does not wait.
        let looked = shared.store.look(self.mail.key, walk, &shared.living.lock());
        match looked {
            Ok(Walked { end: Some(End::Looked { results, .. }), .. }) => self.settle(results),
            Ok(_) => {}
            Err(StoreError::Unreadable(why)) => {
                shared.metrics.unreadable.inc();
                tracing::error!(mk = %self.mail.key, why, "a record of the ledger cannot be read");
                self.settle_all(&unreadable());
                return None;
            }
            Err(error @ (StoreError::Database(_) | StoreError::Closed)) => {
                tracing::debug!(%error, "the ledger cannot be read");
                self.settle_all(&unusable());
                return None;
            }
        }
        if shared.is_broken() && !self.open.is_empty() {
            // It would be scanned for nothing.
            self.settle_all(&unusable());
            return None;
        }
        if !self.open.is_empty() {
            return Some(seat);
        }
        shared.metrics.answered.inc();
        None
    }

    /// The mail for those who are left.
    fn narrowed(&self) -> Option<Mail> {
        if self.open.len() == self.mail.envelope.recipients().len() {
            return Some(self.mail.clone());
        }
        let envelope = self.mail.envelope.narrowed(&self.open)?;
        Some(Mail { envelope: Arc::new(envelope), ..self.mail.clone() })
    }

    /// Does the work on the own mail, and waits for it; beyond the deadline only for what is at the dot.
    async fn attend(&mut self, shared: &Shared, flight: &Flight, mut running: Running) {
        let asked = self.open.clone();
        let own = |(index, reply): (Position, Reply)| Some((*asked.get(index.index())?, reply));
        let mut progress = flight.progress();
        let mut told = 0;
        let mut until = self.deadline;
        loop {
            let (known, replies, is_over) = {
                let now = progress.borrow_and_update();
                let known = now.known.get(told..).unwrap_or_default().to_vec();
                (known, now.replies.clone(), now.is_over)
            };
            told += known.len();
            if let Some(replies) = replies {
                let all = replies.into_iter().enumerate();
                self.settle(
                    all.map(|(index, reply)| (Position::new(index), reply)).filter_map(own).collect(),
                );
                return;
            }
            if is_over {
                return;
            }
            let known: Vec<_> = known.into_iter().filter_map(own).collect();
            if !known.is_empty() {
                shared.failpoints.reached(Point::AfterOutcome);
            }
            for (position, reply) in &known {
                self.early.known(*position, reply);
            }
            self.settle(known);
            tokio::select! {
                biased;
                changed = progress.changed() => if changed.is_err() { return },
                () = running.done() => {}
                () = sleep_until(until) => {
                    if until == self.deadline && progress.borrow().is_at_the_dot() {
                        until += shared.settle;
                    } else {
                        return self.settle_all(&too_late());
                    }
                }
            }
        }
    }

    /// Waits for somebody else's work on the same mail, and takes what it brings about.
    async fn follow(&mut self, shared: &Shared, flight: &Flight) {
        shared.metrics.joined.inc();
        let mut progress = flight.progress();
        let over = progress.wait_for(|progress| progress.is_over);
        if tokio::time::timeout_at(self.deadline, over).await.is_err() {
            return self.settle_all(&under_way());
        }
        let wanted = Wanted::of(&self.mail.envelope, &self.open);
        let results = flight.results(&wanted);
        if results.is_empty() {
            // It was cut off; the client tries again, and nothing is known of it here.
            return self.settle_all(&Reply::unknown());
        }
        self.settle(results);
    }
}

fn too_late() -> Reply {
    Reply::enhanced(451, 4, 7, "no outcome in time, try again later")
}

fn under_way() -> Reply {
    Reply::enhanced(451, 4, 7, "still under way, try again later")
}
