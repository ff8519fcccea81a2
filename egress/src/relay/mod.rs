//! Gives a judged mail to the next hop: one outgoing transaction per group of recipients that are treated alike.
//!
//! There is no error: whatever goes wrong is a recipient's reply, and whatever is not known is 451. Groups to which
//! nothing is delivered take the same claim as the others, so that a retry finds their outcome as well.

mod route;
mod tally;
mod transaction;
mod withhold;

use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use proto::{Deadline, Early, Group, Mail, Outcomes, Position, Reply, ReplyClass, Verdict};

use crate::fence::{Claim, Fence, Results};
use crate::metrics::Metrics;
use crate::pool::Lane;
use crate::settings::Settings;
use tally::Tally;

/// The relay of one node: targets, their connections and their health. Share it by reference.
pub struct Relay {
    settings: Arc<Settings>,
    metrics: Metrics,
    lanes: Vec<Arc<Lane>>,
    /// Rung when a target answers again.
    recovered: Notify,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// One mail under way, as all of its groups see it.
struct Job<'a, F> {
    relay: &'a Relay,
    mail: &'a Mail,
    fence: &'a F,
    early: &'a dyn Early,
    /// By then everything before the final dot is done.
    until: Instant,
    /// By then every reply to it is known; what is left behind is for recording them.
    settled: Instant,
    /// The end.
    end: Instant,
}

impl Relay {
    /// Nothing is opened before the first mail.
    pub fn new(settings: Settings, metrics: Metrics) -> Self {
        let settings = Arc::new(settings);
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let lane = |target: &crate::Target| {
            Arc::new(Lane::new(
                target.clone(),
                Arc::clone(&settings),
                metrics.target(target),
                tasks.clone(),
                stopping.clone(),
            ))
        };
        Self {
            lanes: settings.targets.iter().map(lane).collect(),
            settings,
            metrics,
            recovered: Notify::new(),
            tasks,
            stopping,
        }
    }

    /// Carries out `verdict`: one reply for every recipient of `mail`, at the latest at `deadline`, or
    /// [`Settings::settle`] later when the next hop had the final dot by then. `early` hears each as soon as it is
    /// final.
    pub async fn deliver(
        &self,
        mail: &Mail,
        verdict: &Verdict,
        fence: &impl Fence,
        early: &dyn Early,
        deadline: Deadline,
    ) -> Outcomes {
        let began = Instant::now();
        let until = Instant::from_std(deadline.reserve(self.settings.reply_slack).at());
        let job = Job {
            relay: self,
            mail,
            fence,
            early,
            until,
            settled: until + self.settings.settle,
            end: Instant::from_std(deadline.at()) + self.settings.settle,
        };
        let mut outcomes = Outcomes::unknown(&mail.envelope);
        let groups = verdict.groups_of(&mail.envelope);
        let mut under_way = stream::iter(groups)
            .map(|(group, recipients)| job.group(group, recipients))
            .buffer_unordered(self.settings.groups_parallel_max.max(1));
        while let Some(results) = under_way.next().await {
            for (position, reply) in results {
                outcomes.set(position, reply);
            }
        }
        self.metrics.delivery.observe(began.elapsed().as_secs_f64());
        outcomes
    }

    /// Closes idle connections with QUIT, and those still in use when their mail is done. Call it when no delivery
    /// is under way; one that is will end as usual.
    pub async fn shutdown(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets = self.lanes.iter().map(|lane| &lane.label);
        f.debug_list().entries(targets).finish()
    }
}

impl<F: Fence> Job<'_, F> {
    /// One group to its end.
    async fn group(&self, group: Group, recipients: Vec<Position>) -> Vec<(Position, Reply)> {
        let began = Instant::now();
        let mut tally = Tally::new(recipients, self.early, &self.relay.metrics);
        if group.disposition.delivers() {
            self.inject(&group, &mut tally).await;
        } else {
            self.withhold(&group, &mut tally).await;
        }
        let mail = self.mail;
        tracing::info!(
            tx = %mail.tx,
            mk = %mail.key,
            ident = mail.envelope.origin().ident.as_deref(),
            queue_id = tally.queue_id(),
            peer = tally.peer(),
            class = mail.class().letter(),
            disposition = group.disposition.name(),
            codes = %tally.codes(),
            ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "relayed"
        );
        tally.into_results()
    }

    /// Asks the fence, for as long as there is time.
    async fn claim(&self, recipients: &[Position]) -> Claim {
        match timeout_at(self.until, self.fence.claim(recipients)).await {
            Ok(Claim::Refused(reply)) => Claim::Refused(transient(&reply)),
            Ok(claim @ (Claim::Granted | Claim::AlreadyDone(_))) => claim,
            Err(_) => Claim::Refused(Reply::enhanced(451, 4, 7, "no claim in time, try again later")),
        }
    }

    /// Has the fence keep the results; false when there was no time for it.
    async fn record(&self, results: &Results) -> bool {
        let recorded = timeout_at(self.end, self.fence.record(results)).await.is_ok();
        if !recorded {
            tracing::warn!(tx = %self.mail.tx, "results were not recorded in time");
        }
        recorded
    }

    /// Whether a final dot sent now would have time for its reply.
    fn has_time_for_dot(&self) -> bool {
        Instant::now() + self.relay.settings.dot_wait_min <= self.until
    }
}

/// A refused claim is no decision on the mail, so its reply never is final.
fn transient(reply: &Reply) -> Reply {
    match reply.class() {
        ReplyClass::Transient => reply.clone(),
        ReplyClass::Positive | ReplyClass::Permanent => Reply::unknown(),
    }
}

#[cfg(test)]
mod tests;
