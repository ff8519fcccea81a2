//! The ingress's side: a mail in, a reply for every recipient out.
//!
//! There is no error. What goes wrong on the way is a 4xx reply, and the client's server keeps the mail. A publish
//! whose answer is missing is waited for like one that was answered, since the mail may be in the queue.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subject};
use bytes::Bytes;
use futures_util::StreamExt as _;
use proto::failpoint::Point;
use proto::wire::{Notice, decode};
use proto::{Deadline, Early, Mail, Outcomes, Reply};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::bus::{Bus, Inner};
use crate::fill::{Fill, measure};
use crate::give_up::Abandon;
use crate::join::{Entered, enter};
use crate::notice::{LATE, TAKEN, UNKNOWN};
use crate::put::Put;
use crate::waiting::{Answer, Waiter, Waiting};

/// Pause before subscribing is tried again.
const SUBSCRIBE_PAUSE: Duration = Duration::from_secs(1);

/// Asks for outcomes. One per process: it owns the inbox that outcomes come to. A clone is the same one.
#[derive(Clone)]
pub struct Client {
    bus: Bus,
    inbox: Arc<Inbox>,
}

struct Inbox {
    /// Without the transaction at its end.
    subject: String,
    waiting: Waiting,
    /// Whether the subscription was sent to the server.
    subscribed: watch::Sender<bool>,
    fill: watch::Sender<Fill>,
}

impl Client {
    /// Subscribes the inbox in the background. Must be called inside a Tokio runtime.
    pub fn new(bus: &Bus) -> Self {
        let inbox = Arc::new(Inbox {
            subject: bus.inner.control.client.new_inbox(),
            waiting: Waiting::default(),
            subscribed: watch::Sender::new(false),
            fill: watch::Sender::new(Fill::default()),
        });
        let (inner, listening) = (bus.inner.clone(), inbox.clone());
        bus.inner.tasks.spawn(async move {
            tokio::select! {
                () = inner.stop.cancelled() => {}
                () = listen(&inner, &listening) => {}
                () = measure(&inner, &listening.fill) => {}
            }
        });
        Self { bus: bus.clone(), inbox }
    }

    /// How full the queue is, as it changes.
    pub fn fill(&self) -> watch::Receiver<Fill> {
        self.inbox.fill.subscribe()
    }

    /// Puts the mail into the queue and waits for its outcome, at most until `deadline`, or the ledger's
    /// `settle_timeout` longer where an egress is at the final dot of a mail without an IDENT. Whatever goes wrong is a
    /// 4xx reply. `early` gets replies that are final before the whole is known.
    ///
    /// Dropping the future ends the waiting. A mail with an IDENT stays in the queue, and its retry finds the outcome;
    /// one without is given up in the ledger.
    pub async fn ask(&self, mail: Mail, deadline: Deadline, early: Arc<dyn Early>) -> Outcomes {
        let inner = &*self.bus.inner;
        let start = Instant::now();
        let until = Instant::from_std(deadline.at());
        let mut waiter = self.inbox.waiting.open(mail.tx, mail.envelope.recipients().len());
        inner.metrics.waiting.inc();
        let _counted = OnDrop(|| {
            inner.metrics.waiting.dec();
        });
        let mut abandon = Abandon::new(&self.bus.inner, &mail);
        let mut outcomes = Outcomes::all(&mail.envelope, &too_late());
        let mut put = self.put(&mail, deadline, &abandon);
        let is_queued = {
            let entering = enter(&mut put, deadline);
            tokio::pin!(entering);
            let mut is_queued = false;
            loop {
                tokio::select! {
                    biased;
                    complete = hear(&mut waiter, &mut outcomes, &*early) => if complete {
                        inner.metrics.observe_round_trip(start.elapsed());
                        inner.settings.failpoints.reached(Point::AfterOutcome);
                        abandon.disarm();
                        return outcomes;
                    },
                    () = sleep_until(until) => break is_queued,
                    entered = &mut entering, if !is_queued => match entered {
                        Entered::Queued => is_queued = true,
                        Entered::Known(results) => {
                            results.into_iter().for_each(|(position, reply)| outcomes.set(position, reply));
                            return outcomes;
                        }
                        Entered::Refused(reply) => {
                            abandon.disarm();
                            return Outcomes::all(&mail.envelope, &reply);
                        }
                    },
                }
            }
        };
        tracing::debug!(tx = %mail.tx, is_queued, "no outcome by the deadline");
        if let Some((mail, ledger)) = abandon.take() {
            let settled = until + ledger.settle_timeout;
            let aborted = mail.abort(inner, &ledger, settled);
            tokio::pin!(aborted);
            loop {
                tokio::select! {
                    biased;
                    complete = hear(&mut waiter, &mut outcomes, &*early) => if complete {
                        return outcomes;
                    },
                    results = &mut aborted => {
                        results.into_iter().for_each(|(position, reply)| outcomes.set(position, reply));
                        return outcomes;
                    }
                }
            }
        }
        outcomes
    }

    fn put<'a>(&'a self, mail: &'a Mail, deadline: Deadline, abandon: &Abandon) -> Put<'a> {
        let inner = &*self.bus.inner;
        let runs_on = inner.settings.ledger.filter(|_| !mail.key.is_of(mail.tx)).map(|ledger| ledger.run_on);
        Put {
            inner,
            mail,
            job_deadline: runs_on.map_or(deadline, |run_on| deadline.extend(run_on)),
            reply_to: format!("{}.{}", self.inbox.subject, mail.tx),
            subscribed: self.inbox.subscribed.subscribe(),
            may_be_stored: abandon.may_be_stored.clone(),
        }
    }
}

/// Takes what has become known; whether nothing follows.
async fn hear(waiter: &mut Waiter<'_>, outcomes: &mut Outcomes, early: &dyn Early) -> bool {
    let news = waiter.news().await;
    for (position, reply) in news.replies {
        if !news.complete {
            early.known(position, &reply);
        }
        outcomes.set(position, reply);
    }
    news.complete
}

fn too_late() -> Reply {
    Reply::enhanced(451, 4, 7, "no outcome in time, try again later")
}

async fn listen(inner: &Inner, inbox: &Inbox) {
    loop {
        // The library subscribes anew after each reconnect; this ends only with the connection itself.
        let subject = Subject::from(format!("{}.>", inbox.subject));
        match inner.control.client.subscribe(subject).await {
            Ok(mut notices) => {
                inbox.subscribed.send_replace(true);
                while let Some(message) = notices.next().await {
                    answer(inner, inbox, message).await;
                }
            }
            Err(error) => tracing::warn!(%error, "cannot subscribe the inbox"),
        }
        sleep(SUBSCRIBE_PAUSE).await;
    }
}

async fn answer(inner: &Inner, inbox: &Inbox, message: Message) {
    let answer = match decode::<Notice>(&message.payload) {
        Ok((notice, _)) => inbox.waiting.take(&notice),
        Err(error) => {
            tracing::error!(%error, "a notice cannot be read");
            return;
        }
    };
    let Some(reply_to) = message.reply else { return };
    let word = match answer {
        Answer::Taken => TAKEN,
        Answer::Late => LATE,
        Answer::Unknown => UNKNOWN,
    };
    if let Err(error) = inner.control.client.publish(reply_to, Bytes::from_static(word)).await {
        tracing::debug!(%error, "a notice was not answered");
    }
}

/// Runs when it goes out of scope.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
