//! The ingress's side: a mail in, a reply for every recipient out.
//!
//! There is no error. What goes wrong on the way is a 4xx reply, and the client's server keeps the mail. A publish
//! whose answer is missing is waited for like one that was answered, since the mail may be in the queue.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subject};
use bytes::Bytes;
use futures_util::StreamExt as _;
use proto::wire::{ContentAt, Job, Notice, decode, encode};
use proto::{Deadline, Early, Mail, Outcomes, Reply};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::bus::{Bus, Inner, kib};
use crate::content::{self, HEADER_BYTES, Sizes};
use crate::due::remaining_ms;
use crate::fill::{Fill, measure};
use crate::metrics::To;
use crate::monitor::Reachability;
use crate::notice::{LATE, TAKEN, UNKNOWN};
use crate::publish::{Address, NotPublished, WhenFull, publish};
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

/// Why a mail is not in the queue.
enum NotAsked {
    /// To be said to the client.
    Reply(Reply),
    /// Perhaps it is.
    Unknown,
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

    /// Puts the mail into the queue and waits for its outcome, at most until `deadline`. Whatever goes wrong is a 4xx
    /// reply. `early` gets replies that are final before the whole is known.
    ///
    /// Dropping the future ends the waiting; the mail stays in the queue.
    pub async fn ask(&self, mail: Mail, deadline: Deadline, early: Arc<dyn Early>) -> Outcomes {
        let inner = &*self.bus.inner;
        let start = Instant::now();
        let until = Instant::from_std(deadline.at());
        let mut waiter = self.inbox.waiting.open(mail.tx, mail.envelope.recipients().len());
        inner.metrics.waiting.inc();
        let _counted = OnDrop(|| {
            inner.metrics.waiting.dec();
        });
        let mut outcomes = Outcomes::all(&mail.envelope, &too_late());
        let asked = self.put(&mail, deadline);
        tokio::pin!(asked);
        let mut published = false;
        loop {
            tokio::select! {
                biased;
                complete = hear(&mut waiter, &mut outcomes, &*early) => if complete {
                    inner.metrics.observe_round_trip(start.elapsed());
                    return outcomes;
                },
                () = sleep_until(until) => {
                    tracing::debug!(tx = %mail.tx, published, "no outcome by the deadline");
                    return outcomes;
                }
                put = &mut asked, if !published => match put {
                    Ok(()) | Err(NotAsked::Unknown) => published = true,
                    Err(NotAsked::Reply(reply)) => return Outcomes::all(&mail.envelope, &reply),
                },
            }
        }
    }

    /// Puts content and job into the queue.
    async fn put(&self, mail: &Mail, deadline: Deadline) -> Result<(), NotAsked> {
        let inner = &*self.bus.inner;
        let now = Instant::now();
        let until = Instant::from_std(deadline.at()).min(now + inner.settings.publish_timeout);
        let busy = || NotAsked::Reply(Reply::enhanced(451, 4, 5, "mail queue is busy, try again later"));
        let away =
            || NotAsked::Reply(Reply::enhanced(451, 4, 1, "mail queue cannot be reached, try again later"));
        let mut reachability = inner.reachability.subscribe();
        let usable = reachability.wait_for(Reachability::is_reachable);
        if !matches!(timeout_at(until, usable).await, Ok(Ok(_))) {
            return Err(away());
        }
        let mut subscribed = self.inbox.subscribed.subscribe();
        if !matches!(timeout_at(until, subscribed.wait_for(|is| *is)).await, Ok(Ok(_))) {
            return Err(away());
        }
        let share = share(inner, mail.content.len());
        let Ok(Ok(_share)) = timeout_at(until, share).await else {
            return Err(busy());
        };
        let server_max = inner.control.client.max_payload().min(inner.bulk.client.max_payload());
        let sizes = Sizes::new(inner.settings.inline_bytes_max, inner.settings.chunk_bytes, server_max);
        let mut job = Job {
            tx: mail.tx,
            key: mail.key,
            envelope: (*mail.envelope).clone(),
            bytes: mail.content.len() as u64,
            digest: mail.digest,
            content: ContentAt::Inline,
            reply_to: format!("{}.{}", self.inbox.subject, mail.tx),
            remaining_ms: 0,
            attempt: 0,
        };
        let header_bytes = encode(&job, b"").map_err(|error| unwritable(mail, &error.to_string()))?.len();
        if header_bytes > sizes.payload.saturating_sub(HEADER_BYTES) / 2 {
            // Half, since a verdict carries it again with edits of its own.
            return Err(NotAsked::Reply(Reply::enhanced(452, 5, 3, "envelope too large for the mail queue")));
        }
        let has_chunks = header_bytes + mail.content.len() > sizes.inline;
        if has_chunks {
            job.content = ContentAt::Chunks(self.put_chunks(mail, &sizes, until).await?);
        }
        let stored = self.put_job(mail, job, deadline, until).await;
        match stored {
            Ok(()) => Ok(()),
            Err(NotPublished::Unknown) => Err(NotAsked::Unknown),
            Err(error) => {
                if has_chunks {
                    content::remove_chunks(inner, mail.tx).await;
                }
                Err(refused(mail, &error))
            }
        }
    }

    async fn put_chunks(
        &self,
        mail: &Mail,
        sizes: &Sizes,
        until: Instant,
    ) -> Result<Vec<proto::wire::Chunk>, NotAsked> {
        let inner = &*self.bus.inner;
        let count = mail.content.len().div_ceil(sizes.chunk) as u64;
        if count > inner.settings.body_messages_max || mail.content.len() > inner.settings.content_bytes_max {
            return Err(NotAsked::Reply(Reply::enhanced(552, 3, 4, "message too large for the mail queue")));
        }
        match content::put_chunks(inner, mail, sizes.chunk, until).await {
            Ok(chunks) => Ok(chunks),
            Err(error) => {
                content::remove_chunks(inner, mail.tx).await;
                Err(refused(mail, &error))
            }
        }
    }

    async fn put_job(
        &self,
        mail: &Mail,
        mut job: Job,
        deadline: Deadline,
        until: Instant,
    ) -> Result<(), NotPublished> {
        let inner = &*self.bus.inner;
        let deadline = deadline.reserve(inner.settings.notice_reserve);
        let address = Address {
            to: To::Mail,
            stream: &inner.names.mail,
            subject: inner.names.job(mail.class(), mail.tx),
            id: Some(mail.tx.to_string()),
            expected: None,
            when_full: WhenFull::Refuse,
        };
        let inline: &[u8] = match job.content {
            ContentAt::Inline => &mail.content,
            ContentAt::Chunks(_) => &[],
        };
        let payload = || {
            job.remaining_ms = remaining_ms(deadline);
            encode(&job, inline)
        };
        publish(inner, &inner.control, &address, until, payload).await.map(drop)
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

/// The share of a mail in what may be on its way to the server: at most all of it.
async fn share(
    inner: &Inner,
    bytes: usize,
) -> Result<tokio::sync::OwnedSemaphorePermit, tokio::sync::AcquireError> {
    let permits = kib(bytes).min(kib(inner.settings.publish_bytes_max));
    let publishing: Arc<Semaphore> = inner.publishing.clone();
    publishing.acquire_many_owned(u32::try_from(permits).unwrap_or(u32::MAX)).await
}

fn too_late() -> Reply {
    Reply::enhanced(451, 4, 7, "no outcome in time, try again later")
}

fn unwritable(mail: &Mail, why: &str) -> NotAsked {
    tracing::error!(tx = %mail.tx, why, "mail cannot be written for the queue");
    NotAsked::Reply(Reply::unknown())
}

/// What the client is told. The chunks and the job are cut to what the server takes, so "too large" is a server that
/// changed its mind, and not the mail's fault.
fn refused(mail: &Mail, error: &NotPublished) -> NotAsked {
    tracing::debug!(tx = %mail.tx, %error, "mail not queued");
    NotAsked::Reply(match error {
        NotPublished::Full => Reply::enhanced(452, 3, 1, "mail queue is full, try again later"),
        NotPublished::TooLarge | NotPublished::Conflict => {
            Reply::enhanced(451, 3, 0, "mail queue did not take the message, try again later")
        }
        NotPublished::Unwritable(why) => return unwritable(mail, why),
        NotPublished::Unreachable(_) | NotPublished::Unknown => {
            Reply::enhanced(451, 4, 1, "mail queue cannot be reached, try again later")
        }
    })
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
