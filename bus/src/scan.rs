//! The worker's side: jobs in, verdicts out.
//!
//! What cannot be worked on is never judged: an unknown version is left for a newer worker, a content that cannot be
//! read comes again after a delay and is given up as poison in the end, and bytes that are no job are parked in the
//! stream with an alarm. The verdict is stored before the job is acked, under an id by which a second one of the same
//! transaction is not stored again.

use std::future::Future;
use std::sync::Arc;

use proto::failpoint::Point;
use proto::wire::{ContentAt, Job, Judged, WireError, decode, encode};
use proto::{Class, Deadline, Envelope, Mail, MessageKey, TxId, Verdict};
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Inner};
use crate::content::{self, ContentError, Held};
use crate::delivery::{Delivery, Settle};
use crate::due::{Due, remaining_ms};
use crate::ledger::{LedgerError, back};
use crate::metrics::{Aside, To};
use crate::names::scan_durable;
use crate::publish::{Address, WhenFull, publish};
use crate::pull::{Arrival, Back, Lane};

/// Scans at once, by class, so that large mails never hold up small ones. 0 leaves a class to other workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Mails up to 256 KiB.
    pub small: usize,
    /// Mails up to 4 MiB.
    pub medium: usize,
    /// Larger mails.
    pub large: usize,
}

/// A mail to be judged.
#[derive(Clone, Debug)]
pub struct ScanJob {
    /// The mail, its content verified against the digest that the ingress took.
    pub mail: Mail,
    /// By when the verdict is needed. Nothing is kept of it for the delivery behind.
    pub deadline: Deadline,
    /// 1 for the first worker that gets it.
    pub deliveries: u64,
}

/// A mail that nobody finished: its workers died, or its content cannot be read.
#[derive(Clone, Debug)]
pub struct PoisonedJob {
    /// The transaction.
    pub tx: TxId,
    /// Its identity across retries.
    pub key: MessageKey,
    /// Who sends what to whom.
    pub envelope: Arc<Envelope>,
    /// By when the verdict is needed.
    pub deadline: Deadline,
    /// How often it was given to a worker.
    pub deliveries: u64,
}

/// What a worker gets.
#[derive(Clone, Debug)]
pub enum Work {
    /// Judge it.
    Scan(ScanJob),
    /// Judge it without looking: its content is not touched any more.
    Poisoned(PoisonedJob),
}

impl Bus {
    /// Pulls jobs, hands them over and publishes what comes back, until `drain` is cancelled and all that was handed
    /// over is finished. Waits, and says so, while the queue cannot be used. Dropping the future stops everything at
    /// once; other workers get the mails after `ack_wait`.
    ///
    /// The future that `work` returns is dropped when the right to the mail is lost.
    pub async fn serve_scan<F, Fut>(&self, slots: Slots, drain: CancellationToken, work: F)
    where
        F: Fn(Work) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Verdict> + Send + 'static,
    {
        let scan =
            Arc::new(Scan { inner: self.inner.clone(), due: Due::new(self.inner.settings.max_age), work });
        let lane = |class, slots| {
            let scan = scan.clone();
            let drain = &drain;
            async move {
                let lane = Lane {
                    inner: &self.inner,
                    stream: &self.inner.names.mail,
                    durable: scan_durable(class),
                    slots,
                    back: Back::Uncounted,
                };
                let handle = |arrival| {
                    let scan = scan.clone();
                    async move { scan.serve(arrival).await }
                };
                lane.run(drain, handle).await;
            }
        };
        tokio::join!(
            lane(Class::Small, slots.small),
            lane(Class::Medium, slots.medium),
            lane(Class::Large, slots.large),
        );
    }
}

struct Scan<F> {
    inner: Arc<Inner>,
    due: Due,
    work: F,
}

impl<F, Fut> Scan<F>
where
    F: Fn(Work) -> Fut + Send + Sync,
    Fut: Future<Output = Verdict> + Send,
{
    async fn serve(&self, arrival: Arrival) {
        let age = self.due.age(&self.inner, &arrival);
        let delivery = arrival.delivery;
        let (job, inline) = match decode::<Job>(&delivery.payload) {
            Ok(read) => read,
            Err(error) => {
                let how = unreadable(&self.inner, &delivery, &error);
                return delivery.settle(&self.inner, how).await;
            }
        };
        let Some(deadline) = self.due.deadline(job.remaining_ms, age) else {
            self.inner.metrics.expired.inc();
            tracing::debug!(tx = %job.tx, ?age, "job expired before its scan");
            let has_chunks = matches!(job.content, ContentAt::Chunks(_));
            content::remove(&self.inner, job.tx, delivery.sequence, has_chunks).await;
            return delivery.settle(&self.inner, Settle::Ack).await;
        };
        let judging = self.judge(&delivery, job, inline, deadline);
        // `None`: somebody else has it by now, and everything of ours is void.
        if let Some(how) = delivery.while_held(&self.inner, judging).await {
            delivery.settle(&self.inner, how).await;
        }
    }

    /// From the job to its stored verdict.
    async fn judge(&self, delivery: &Delivery, job: Job, inline: bytes::Bytes, deadline: Deadline) -> Settle {
        let deliveries = delivery.deliveries;
        let is_poison = match self.is_poison(delivery, job.tx, deadline).await {
            Ok(is) => is,
            Err(error) => {
                tracing::warn!(tx = %job.tx, deliveries, %error, "cannot tell whether a mail is poison, trying again");
                return Settle::Nak(self.inner.settings.retry_delay);
            }
        };
        let verdict = if is_poison {
            self.inner.metrics.poisoned.inc();
            tracing::error!(tx = %job.tx, deliveries, "mail given up: nobody finished its scan");
            let poisoned = PoisonedJob {
                tx: job.tx,
                key: job.key,
                envelope: Arc::new(job.envelope.clone()),
                deadline,
                deliveries,
            };
            (self.work)(Work::Poisoned(poisoned)).await
        } else {
            let held = match content_of(&self.inner, &job, inline).await {
                Ok(held) => held,
                Err(error) => {
                    put_aside(&self.inner, job.tx, &error);
                    return Settle::Nak(self.inner.settings.retry_delay);
                }
            };
            self.inner.settings.failpoints.reached(Point::BeforeScan);
            let mail = mail_of(&job, &held);
            let scan = ScanJob { mail, deadline, deliveries };
            (self.work)(Work::Scan(scan)).await
        };
        self.inner.settings.failpoints.reached(Point::BeforeVerdict);
        let settle = self.store(delivery, job, verdict, deadline).await;
        self.inner.settings.failpoints.reached(Point::AfterVerdict);
        settle
    }

    /// Whether so many workers began a job and none finished it that nobody should begin it again. Asks nobody as long
    /// as it was not delivered too often.
    async fn is_poison(
        &self,
        delivery: &Delivery,
        tx: TxId,
        deadline: Deadline,
    ) -> Result<bool, LedgerError> {
        let begun_max = self.inner.settings.poison_deliveries;
        if delivery.deliveries <= begun_max {
            return Ok(false);
        }
        let handed_back = back::times(&self.inner, tx, delivery.sequence, deadline.at().into()).await?;
        Ok(delivery.deliveries.saturating_sub(handed_back) > begun_max)
    }

    async fn store(&self, delivery: &Delivery, job: Job, verdict: Verdict, deadline: Deadline) -> Settle {
        let inner = &*self.inner;
        let address = Address {
            to: To::Verdict,
            stream: &inner.names.verdict,
            subject: inner.names.verdict_of(job.tx),
            id: Some(format!("{}.{}", job.tx, job.attempt)),
            expected: None,
            when_full: WhenFull::Wait,
        };
        let tx = job.tx;
        let mut judged = Judged { job, job_sequence: delivery.sequence, verdict };
        let payload = || {
            judged.job.remaining_ms = remaining_ms(deadline);
            encode(&judged, b"")
        };
        match publish(inner, &inner.control, &address, deadline.at().into(), payload).await {
            Ok(_) => Settle::Ack,
            Err(error) => {
                tracing::warn!(%tx, %error, "verdict not stored, the mail will be scanned again");
                Settle::Nak(inner.settings.retry_delay)
            }
        }
    }
}

/// The content of a job: behind its header, or in chunks.
pub(crate) async fn content_of(inner: &Inner, job: &Job, inline: bytes::Bytes) -> Result<Held, ContentError> {
    match &job.content {
        ContentAt::Inline => Ok(Held { content: content::verified(job, inline).await?, _share: None }),
        ContentAt::Chunks(chunks) => content::get_chunks(inner, job, chunks).await,
    }
}

/// The mail of a job, its digest and key as the ingress took them.
pub(crate) fn mail_of(job: &Job, held: &Held) -> Mail {
    Mail {
        tx: job.tx,
        key: job.key,
        envelope: Arc::new(job.envelope.clone()),
        content: held.content.clone(),
        digest: job.digest,
    }
}

/// What becomes of a message whose header cannot be read.
pub(crate) fn unreadable(inner: &Inner, delivery: &Delivery, error: &WireError) -> Settle {
    let sequence = delivery.sequence;
    match error {
        WireError::Newer(_) => {
            inner.metrics.put_aside(Aside::Newer);
            tracing::error!(%error, sequence, "message left for a newer release");
            Settle::Nak(inner.settings.newer_delay)
        }
        WireError::Alien | WireError::Encode(_) | WireError::Decode(_) => {
            inner.metrics.put_aside(Aside::Alien);
            tracing::error!(%error, sequence, "message parked: it is none of ours");
            Settle::Term
        }
    }
}

/// Counts and reports a content that cannot be had.
pub(crate) fn put_aside(inner: &Inner, tx: TxId, error: &ContentError) {
    match error {
        ContentError::Missing(_) => inner.metrics.put_aside(Aside::Missing),
        ContentError::Corrupt(_) => inner.metrics.put_aside(Aside::Corrupt),
        ContentError::Unavailable { .. } => {
            tracing::warn!(%tx, %error, "content not read, trying again");
            return;
        }
    }
    tracing::error!(%tx, %error, "content cannot be had");
}
