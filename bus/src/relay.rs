//! The egress's side: verdicts in, outcomes out.
//!
//! With a ledger the outcome is recorded beside telling the ingress, and the job is removed and acked behind that: a
//! verdict that comes a second time finds the outcome, or no content. An egress that lost the right to the message is
//! mute, unless the ledger has a result for every recipient.
//!
//! Without a ledger the job is removed as soon as the outcome exists, so that a verdict that comes a second time is
//! dropped instead of delivered again. Removing and telling are done even when the right to the message was lost
//! meanwhile, because they are true; only the ack is not sent then.

use std::future::Future;
use std::sync::Arc;

use proto::wire::{ContentAt, Job, Judged, decode};
use proto::{Deadline, Early, Mail, Outcomes, Reply, Verdict};
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Inner};
use crate::content::{self, ContentError, Held};
use crate::delivery::{Delivery, Settle};
use crate::due::Due;
use crate::hold::Hold;
use crate::janitor;
use crate::ledger::{Claims, look};
use crate::names::RELAY_DURABLE;
use crate::notice::{self, EarlyNotices};
use crate::pull::{Arrival, Back, Lane};
use crate::scan::{content_of, mail_of, put_aside, unreadable};

/// A judged mail to be delivered.
#[derive(Clone)]
pub struct RelayJob {
    /// The mail, its content verified against the digest that the ingress took.
    pub mail: Mail,
    /// What is to be done.
    pub verdict: Verdict,
    /// By when the ingress needs the outcome.
    pub deadline: Deadline,
    /// Tells the ingress replies that are final before the whole is known.
    pub early: Arc<dyn Early>,
    /// 1 for the first egress that gets it.
    pub deliveries: u64,
    /// Whether the mail is still this egress's; the work itself is never interrupted.
    pub hold: Hold,
    /// To be asked right before the next hop is given the final dot, and told what became of it.
    pub claims: Claims,
}

/// What the ledger knows of a mail whose content is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It came to an end, and the ingress was told what is known.
    Told,
    /// Nobody has claimed it.
    Open,
    /// There is no ledger, or no answer.
    Unknown,
}

impl Bus {
    /// Pulls verdicts, hands them over, tells the ingress what came back and cleans up, until `drain` is cancelled
    /// and all that was handed over is finished. Waits, and says so, while the queue cannot be used. Also sweeps away
    /// what nobody removed.
    pub async fn serve_relay<F, Fut>(&self, slots: usize, drain: CancellationToken, relay: F)
    where
        F: Fn(RelayJob) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcomes> + Send + 'static,
    {
        let lane = Lane {
            inner: &self.inner,
            stream: &self.inner.names.verdict,
            durable: RELAY_DURABLE,
            slots,
            back: Back::Plainly,
        };
        let relay =
            Arc::new(Relay { inner: self.inner.clone(), due: Due::new(self.inner.settings.max_age), relay });
        let handle = |arrival| {
            let relay = relay.clone();
            async move { relay.serve(arrival).await }
        };
        tokio::select! {
            () = lane.run(&drain, handle) => {}
            never = janitor::sweep(&self.inner) => match never {},
        }
    }
}

struct Relay<F> {
    inner: Arc<Inner>,
    due: Due,
    relay: F,
}

impl<F, Fut> Relay<F>
where
    F: Fn(RelayJob) -> Fut + Send + Sync,
    Fut: Future<Output = Outcomes> + Send,
{
    async fn serve(&self, arrival: Arrival) {
        let age = self.due.age(&self.inner, &arrival);
        let delivery = arrival.delivery;
        let judged = match decode::<Judged>(&delivery.payload) {
            Ok((judged, _)) => judged,
            Err(error) => {
                let how = unreadable(&self.inner, &delivery, &error);
                return delivery.settle(&self.inner, how).await;
            }
        };
        let how = match self.due.deadline(judged.job.remaining_ms, age) {
            Some(deadline) => {
                delivery.keeping(&self.inner, self.carry_out(&delivery, &judged, deadline)).await
            }
            None => {
                self.inner.metrics.expired.inc();
                tracing::debug!(tx = %judged.job.tx, ?age, "verdict expired before its delivery");
                self.remove(&judged).await;
                Settle::Ack
            }
        };
        delivery.settle(&self.inner, how).await;
    }

    async fn carry_out(&self, delivery: &Delivery, judged: &Judged, deadline: Deadline) -> Settle {
        let job = &judged.job;
        let held = match self.read(judged).await {
            Ok(held) => held,
            Err(error) => return self.without_content(delivery, judged, &error, deadline).await,
        };
        let mail = mail_of(job, &held);
        let hold = delivery.hold.clone();
        let claims = Claims::new(self.inner.clone(), &mail, job.attempt, hold.clone(), deadline);
        let early = Arc::new(EarlyNotices::new(job.envelope.recipients().len(), claims.clone()));
        let relayed = (self.relay)(RelayJob {
            mail,
            verdict: judged.verdict.clone(),
            deadline,
            early: early.clone(),
            deliveries: delivery.deliveries,
            hold,
            claims: claims.clone(),
        });
        tokio::pin!(relayed);
        let (outcomes, is_told) = tokio::select! {
            biased;
            outcomes = &mut relayed => (outcomes, false),
            // All are answered and the egress still writes that down: its ingress need not wait for it.
            known = early.send(&self.inner, job) => {
                let is_held = claims.is_held();
                let told = async {
                    if is_held {
                        notice::tell(&self.inner, job, &known, deadline).await;
                    }
                };
                let (outcomes, ()) = tokio::join!(relayed, told);
                (outcomes, is_held)
            }
        };
        self.finish(judged, &claims, &outcomes, is_told, deadline).await
    }

    /// Tells the ingress, records and cleans up, as far as this egress may.
    async fn finish(
        &self,
        judged: &Judged,
        claims: &Claims,
        outcomes: &Outcomes,
        is_told: bool,
        deadline: Deadline,
    ) -> Settle {
        let tell = async {
            if !is_told {
                notice::tell(&self.inner, &judged.job, outcomes, deadline).await;
            }
        };
        if self.inner.settings.ledger.is_none() {
            tokio::join!(tell, self.remove(judged));
            return Settle::Ack;
        }
        if claims.is_unsure() {
            // Saying "try again" here could be heard before the other's 250. The ingress has its deadline.
            claims.settled(outcomes).await;
            tracing::warn!(tx = %judged.job.tx, "the ledger did not say in time, nobody is told");
            return Settle::Mute;
        }
        if claims.is_held() {
            tokio::join!(tell, claims.settled(outcomes));
        } else {
            claims.settled(outcomes).await;
            if !claims.all_decided() {
                tracing::warn!(tx = %judged.job.tx, "given to another egress meanwhile, which will tell");
                return Settle::Mute;
            }
            tell.await;
        }
        if claims.has_unrecorded() {
            // The claim stands in its place, and the deadline has passed.
            return Settle::Mute;
        }
        self.remove(judged).await;
        Settle::Ack
    }

    async fn read(&self, judged: &Judged) -> Result<Held, ContentError> {
        let inline = match judged.job.content {
            ContentAt::Inline => {
                let message = content::get(&self.inner, &self.inner.names.mail, judged.job_sequence).await?;
                decode::<Job>(&message)
                    .map(|(_, content)| content)
                    .map_err(|_| ContentError::Corrupt("the stored job cannot be read"))?
            }
            ContentAt::Chunks(_) => bytes::Bytes::new(),
        };
        content_of(&self.inner, &judged.job, inline).await
    }

    async fn without_content(
        &self,
        delivery: &Delivery,
        judged: &Judged,
        error: &ContentError,
        deadline: Deadline,
    ) -> Settle {
        let job = &judged.job;
        let ended = match error {
            ContentError::Missing(_) => self.ended(judged, deadline).await,
            ContentError::Corrupt(_) | ContentError::Unavailable { .. } => Ended::Open,
        };
        if let Ended::Told = ended {
            self.remove(judged).await;
            return Settle::Ack;
        }
        put_aside(&self.inner, job.tx, error);
        match error {
            ContentError::Unavailable { .. } => Settle::Nak(self.inner.settings.retry_delay),
            ContentError::Missing(_) if ended == Ended::Unknown && delivery.deliveries > 1 => {
                // Removed by the egress that finished it before its ack was heard; what it told the ingress stands.
                self.remove(judged).await;
                Settle::Ack
            }
            ContentError::Missing(_) | ContentError::Corrupt(_) => {
                let damaged = Reply::enhanced(451, 3, 0, "content was damaged on its way, try again");
                let outcomes = Outcomes::all(&job.envelope, &damaged);
                tokio::join!(notice::tell(&self.inner, job, &outcomes, deadline), self.remove(judged),);
                Settle::Ack
            }
        }
    }

    /// Whether a mail without content was given up, or finished by another egress that may not have been heard.
    async fn ended(&self, judged: &Judged, deadline: Deadline) -> Ended {
        let Some(ledger) = self.inner.settings.ledger else {
            return Ended::Unknown;
        };
        let Job { tx, key, envelope, .. } = &judged.job;
        let until = deadline.at().into();
        let Ok(looked) = look(&self.inner, &ledger, (*tx, *key), envelope, until).await else {
            return Ended::Unknown;
        };
        if looked.attempt.is_none() {
            return Ended::Open;
        }
        if looked.results.len() == envelope.recipients().len() {
            let mut outcomes = Outcomes::unknown(envelope);
            looked.results.into_iter().for_each(|(position, reply)| outcomes.set(position, reply));
            notice::tell(&self.inner, &judged.job, &outcomes, deadline).await;
        }
        Ended::Told
    }

    async fn remove(&self, judged: &Judged) {
        let has_chunks = matches!(judged.job.content, ContentAt::Chunks(_));
        content::remove(&self.inner, judged.job.tx, judged.job_sequence, has_chunks).await;
    }
}
