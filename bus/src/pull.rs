//! Our own pull loop: one request for all free slots, on one subscription per connection.
//!
//! The library's streams stall after a reconnect when several clients share a durable, and prefetch. Here a request
//! stands for a short time, ends with the server's word (408) or by our own clock, and is made anew; so a drain needs
//! no unsubscribing, which would lose what is on its way. Only as many messages are asked for as can be started.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{StatusCode, Subject, Subscriber};
use futures_util::StreamExt as _;
use prometheus_client::metrics::gauge::Gauge;
use proto::wire::{Job, decode};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::bus::Inner;
use crate::delivery::{Delivery, Settle};
use crate::ledger::back::note;
use crate::monitor::Reachability;

/// The server's end of a request may come this much after its time.
const GRACE: Duration = Duration::from_millis(500);
/// A message that comes this long after the one before it, with nothing behind it, came to an empty queue.
const IDLE: Duration = Duration::from_millis(250);
/// Messages asked for at once; well below what a subscription holds.
const BATCH_MAX: usize = 256;
/// Pause after the server refused a request (a change of leader, too many waiting).
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// Pause after nobody answered a request.
const NOBODY_PAUSE: Duration = Duration::from_millis(500);

/// One durable, pulled from.
pub(crate) struct Lane<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    pub(crate) stream: &'a str,
    pub(crate) durable: &'a str,
    /// Messages in work at once.
    pub(crate) slots: usize,
    /// How a message is given back that is not begun.
    pub(crate) back: Back,
}

/// How a message is given back that is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    /// As it is: nobody counts its deliveries.
    Plainly,
    /// It is a job, and too many deliveries make it poison: this one must not count.
    Uncounted,
}

/// A message, and whether it was delivered the moment it was stored.
pub(crate) struct Arrival {
    pub(crate) delivery: Delivery,
    pub(crate) fresh: bool,
}

/// One message in work, also when its task is dropped.
struct InWork(Gauge);

impl InWork {
    fn count(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All it asked for has come.
    Filled,
    /// Its time was up, by the server's word.
    Expired,
    /// The server refused it or took it back.
    Refused,
    /// No such consumer, stream or leader.
    Nobody,
    /// The server said nothing: the request or its end got lost, or an old server does not know the consumer.
    Silent,
    /// The connection broke.
    Lost,
}

/// The subscription that answers come to.
struct Inbox {
    subscriber: Subscriber,
    subject: Subject,
    generation: u64,
}

/// A request under way.
struct Asked {
    expected: usize,
    ends: Instant,
    /// When the request was sent or the last message came.
    last: Instant,
}

impl Lane<'_> {
    /// Pulls and hands over until `drain` is cancelled and everything handed over is finished.
    pub(crate) async fn run<H, F>(&self, drain: &CancellationToken, handle: H)
    where
        H: Fn(Arrival) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = JoinSet::new();
        let mut inbox = None;
        while !drain.is_cancelled() {
            if running.len() >= self.slots {
                tokio::select! {
                    () = drain.cancelled() => {}
                    done = running.join_next(), if !running.is_empty() => self.reap(done),
                }
                continue;
            }
            let ready = tokio::select! {
                () = drain.cancelled() => continue,
                done = running.join_next(), if !running.is_empty() => {
                    self.reap(done);
                    continue;
                }
                ready = self.ready(&mut inbox) => ready,
            };
            let Some(inbox) = ready else { continue };
            let end = self.one_request(inbox, &mut running, drain, &handle).await;
            self.after(end, drain).await;
        }
        while let Some(done) = running.join_next().await {
            self.reap(Some(done));
        }
    }

    fn reap(&self, done: Option<Result<(), tokio::task::JoinError>>) {
        let Some(done) = done else { return };
        if let Err(error) = done
            && error.is_panic()
        {
            // Neither acked nor handed back: it comes again after ack_wait, and counts as poison in the end.
            self.inner.metrics.panicked.inc();
            tracing::error!(durable = self.durable, "a handler panicked");
        }
    }

    /// Waits until the queue can be used and returns a subscription on the connection that stands.
    async fn ready<'i>(&self, inbox: &'i mut Option<Inbox>) -> Option<&'i mut Inbox> {
        let mut reachability = self.inner.reachability.subscribe();
        usable(&mut reachability).await;
        let link = &self.inner.control;
        link.ready().await;
        let generation = link.generation();
        if inbox.as_ref().is_none_or(|inbox| inbox.generation != generation) {
            // A new inbox for a new connection, so that no request of the old one is still answered.
            let subject = Subject::from(link.client.new_inbox());
            match link.client.subscribe(subject.clone()).await {
                Ok(subscriber) => {
                    *inbox = Some(Inbox { subscriber, subject, generation });
                }
                Err(error) => {
                    tracing::warn!(%error, durable = self.durable, "cannot subscribe");
                    sleep(NOBODY_PAUSE).await;
                    return None;
                }
            }
        }
        inbox.as_mut()
    }

    async fn one_request<H, F>(
        &self,
        inbox: &mut Inbox,
        running: &mut JoinSet<()>,
        drain: &CancellationToken,
        handle: &H,
    ) -> End
    where
        H: Fn(Arrival) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let free = self.slots.saturating_sub(running.len()).min(BATCH_MAX);
        let Some(mut asked) = self.ask(inbox, free).await else {
            return End::Lost;
        };
        let lost = self.inner.control.lost(inbox.generation);
        tokio::pin!(lost);
        while asked.expected > 0 {
            let message = tokio::select! {
                biased;
                message = inbox.subscriber.next() => message,
                done = running.join_next(), if !running.is_empty() => {
                    self.reap(done);
                    continue;
                }
                () = &mut lost => return End::Lost,
                () = sleep_until(asked.ends + GRACE) => return End::Silent,
            };
            let Some(message) = message else { return End::Lost };
            if let Some(end) = ending(message.status) {
                match end {
                    Some(end) => return end,
                    None => continue,
                }
            }
            asked.expected -= 1;
            self.take(message, &mut asked, running, drain, handle);
        }
        End::Filled
    }

    /// Sends a request for `batch` messages; `None` when it cannot be sent.
    async fn ask(&self, inbox: &Inbox, batch: usize) -> Option<Asked> {
        let expires = self.inner.settings.pull_expires;
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, self.durable);
        let request = format!(r#"{{"batch":{batch},"expires":{}}}"#, expires.as_nanos());
        let client = &self.inner.control.client;
        let sent = client.publish_with_reply(subject, inbox.subject.clone(), request.into());
        if let Err(error) = sent.await {
            tracing::debug!(%error, durable = self.durable, "pull request not sent");
            return None;
        }
        let now = Instant::now();
        Some(Asked { expected: batch, ends: now + expires, last: now })
    }

    /// Starts work on a message, or hands it back when draining or when there is no slot for it.
    fn take<H, F>(
        &self,
        message: async_nats::Message,
        asked: &mut Asked,
        running: &mut JoinSet<()>,
        drain: &CancellationToken,
        handle: &H,
    ) where
        H: Fn(Arrival) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let inner = self.inner;
        let Some(delivery) = Delivery::read(message, &inner.control.js, inner.settings.ack_wait) else {
            tracing::debug!(durable = self.durable, "a message that no consumer sent");
            return;
        };
        if delivery.deliveries > 1 {
            inner.metrics.redelivered.inc();
        }
        // More than were asked for come when a request was given up here and not at the server.
        if drain.is_cancelled() || running.len() >= self.slots {
            self.hand_back(delivery, asked.ends, running);
            return;
        }
        let now = Instant::now();
        let waited = now.saturating_duration_since(asked.last) >= IDLE;
        asked.last = now;
        let fresh = waited && delivery.deliveries == 1 && delivery.pending == 0;
        let counted = InWork::count(inner.metrics.in_work.clone());
        let work = handle(Arrival { delivery, fresh });
        running.spawn(async move {
            work.await;
            drop(counted);
        });
    }

    /// Gives a message to whoever asks next. Beside the loop, since the time of those behind it runs as well.
    fn hand_back(&self, delivery: Delivery, request_ends: Instant, running: &mut JoinSet<()>) {
        self.inner.metrics.handed_back.inc();
        let (inner, back) = (Arc::clone(self.inner), self.back);
        running.spawn(async move {
            let is_free = match back {
                Back::Plainly => true,
                Back::Uncounted => match decode::<Job>(&delivery.payload) {
                    Ok((job, _)) => note(&inner, &delivery, job.tx).await,
                    // It is never poison; whoever can read it looks after it.
                    Err(_) => false,
                },
            };
            // One that counts must not come here again, as it may while our request stands.
            let ended = request_ends + GRACE;
            let delay =
                if is_free { Duration::ZERO } else { ended.saturating_duration_since(Instant::now()) };
            delivery.settle(&inner, Settle::Nak(delay)).await;
        });
    }

    async fn after(&self, end: End, drain: &CancellationToken) {
        let pause = match end {
            End::Filled | End::Expired | End::Lost => return,
            End::Refused => REFUSED_PAUSE,
            End::Nobody | End::Silent => NOBODY_PAUSE,
        };
        self.inner.suspicion.notify_one();
        tracing::debug!(durable = self.durable, ?end, "pull request ended early");
        tokio::select! {
            () = drain.cancelled() => {}
            () = sleep(pause) => {}
        }
    }
}

/// How a status ends a request: `None` for a message, `Some(None)` for a status that ends nothing.
fn ending(status: Option<StatusCode>) -> Option<Option<End>> {
    match status.map_or(200, |status| status.as_u16()) {
        200 => None,
        100 => Some(None),
        404 | 408 => Some(Some(End::Expired)),
        409 => Some(Some(End::Refused)),
        _ => Some(Some(End::Nobody)),
    }
}

/// Waits until the queue can be used.
async fn usable(reachability: &mut watch::Receiver<Reachability>) {
    // An error means that the bus is gone; whoever waits is about to be dropped.
    drop(reachability.wait_for(Reachability::is_reachable).await.map(drop));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_means() {
        let status = |code: u16| Some(StatusCode::from_u16(code).unwrap());
        assert_eq!(ending(None), None);
        assert_eq!(ending(status(200)), None);
        assert_eq!(ending(status(100)), Some(None));
        assert_eq!(ending(status(404)), Some(Some(End::Expired)));
        assert_eq!(ending(status(408)), Some(Some(End::Expired)));
        assert_eq!(ending(status(409)), Some(Some(End::Refused)));
        assert_eq!(ending(status(503)), Some(Some(End::Nobody)));
    }
}
