//! Puts a mail into the queue: its chunks first where it has some, its job last.
//!
//! The message id of a job is the mail itself ([`job_id`]), not the transaction: when the client tries again while
//! the first try is still under way, the server says that it has this mail already. A mail without an IDENT has no
//! such identity, and without a ledger nobody could be asked about it; then the id is the transaction's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::ledger::Wanted;
use proto::wire::{Chunk, ContentAt, Job, encode};
use proto::{Deadline, Mail, Reply};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use crate::bus::{Inner, kib};
use crate::content::{self, HEADER_BYTES, Sizes};
use crate::due::remaining_ms;
use crate::metrics::To;
use crate::monitor::Reachability;
use crate::publish::{Address, NotPublished, WhenFull, publish};

/// One mail on its way into the queue.
pub(crate) struct Put<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) mail: &'a Mail,
    /// By when the job must be done.
    pub(crate) job_deadline: Deadline,
    /// Inbox that the outcome comes to.
    pub(crate) reply_to: String,
    /// Whether that inbox is listened to.
    pub(crate) subscribed: watch::Receiver<bool>,
    /// Becomes true before the first byte of a job is sent.
    pub(crate) may_be_stored: Arc<AtomicBool>,
}

/// What became of a job that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is in the queue.
    Fresh,
    /// A job of this id was put there before, by this transaction or another one.
    Before {
        /// Where it lies or lay.
        sequence: u64,
    },
    /// The answer is missing; it may be there.
    Unknown,
}

impl Put<'_> {
    /// Puts it there as the client's `attempt`.
    ///
    /// # Errors
    /// With what is to be said to the client; nothing of the mail is in the queue then.
    pub(crate) async fn publish(&mut self, attempt: u32, deadline: Deadline) -> Result<Stored, Reply> {
        let inner = self.inner;
        let until = Instant::from_std(deadline.at()).min(Instant::now() + inner.settings.publish_timeout);
        self.usable(until).await?;
        let Ok(Ok(_share)) = timeout_at(until, share(inner, self.mail.content.len())).await else {
            return Err(Reply::enhanced(451, 4, 5, "mail queue is busy, try again later"));
        };
        let sizes = sizes(inner);
        let mut job = self.job(attempt);
        let header_bytes =
            encode(&job, b"").map_err(|error| unwritable(self.mail, &error.to_string()))?.len();
        if header_bytes > sizes.payload.saturating_sub(HEADER_BYTES) / 2 {
            // Half, since a verdict carries it again with edits of its own.
            return Err(Reply::enhanced(452, 5, 3, "envelope too large for the mail queue"));
        }
        let has_chunks = header_bytes + self.mail.content.len() > sizes.inline;
        if has_chunks {
            job.content = ContentAt::Chunks(self.put_chunks(&sizes, attempt, until).await?);
        }
        match self.put_job(job, until).await {
            Ok(stored) => Ok(stored),
            Err(NotPublished::Unknown) => Ok(Stored::Unknown),
            Err(error) => {
                self.discard().await;
                Err(refused(self.mail, &error))
            }
        }
    }

    /// Whether a job of this mail carries its content.
    pub(crate) fn is_inline(&self) -> bool {
        self.mail.content.len() + HEADER_BYTES <= sizes(self.inner).inline
    }

    /// Removes what nobody will ask for, because no job of this transaction is in the queue.
    pub(crate) async fn discard(&self) {
        if !self.is_inline() {
            content::remove_chunks(self.inner, self.mail.tx).await;
        }
    }

    /// Waits until a job may be published and its outcome can be heard.
    async fn usable(&mut self, until: Instant) -> Result<(), Reply> {
        let mut reachability = self.inner.reachability.subscribe();
        let usable = async {
            reachability.wait_for(Reachability::is_reachable).await.map(drop)?;
            self.subscribed.wait_for(|is| *is).await.map(drop)
        };
        match timeout_at(until, usable).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(away()),
        }
    }

    fn job(&self, attempt: u32) -> Job {
        let mail = self.mail;
        Job {
            tx: mail.tx,
            key: mail.key,
            envelope: (*mail.envelope).clone(),
            bytes: mail.content.len() as u64,
            digest: mail.digest,
            content: ContentAt::Inline,
            reply_to: self.reply_to.clone(),
            remaining_ms: 0,
            attempt,
        }
    }

    async fn put_chunks(&self, sizes: &Sizes, attempt: u32, until: Instant) -> Result<Vec<Chunk>, Reply> {
        let (inner, mail) = (self.inner, self.mail);
        let count = mail.content.len().div_ceil(sizes.chunk) as u64;
        if count > inner.settings.body_messages_max || mail.content.len() > inner.settings.content_bytes_max {
            return Err(Reply::enhanced(552, 3, 4, "message too large for the mail queue"));
        }
        match content::put_chunks(inner, mail, attempt, sizes.chunk, until).await {
            Ok(chunks) => Ok(chunks),
            Err(error) => {
                content::remove_chunks(inner, mail.tx).await;
                Err(refused(mail, &error))
            }
        }
    }

    /// By which the server knows that it has this job. Without a ledger nobody could say what became of a job that was
    /// there before, so that each transaction is a job of its own.
    fn job_id(&self, attempt: u32) -> String {
        match self.inner.settings.ledger {
            Some(_) if !self.mail.key.is_of(self.mail.tx) => job_id(self.mail, attempt),
            Some(_) | None => self.mail.tx.to_string(),
        }
    }

    async fn put_job(&self, mut job: Job, until: Instant) -> Result<Stored, NotPublished> {
        let (inner, mail) = (self.inner, self.mail);
        let deadline = self.job_deadline.reserve(inner.settings.notice_reserve);
        let address = Address {
            to: To::Mail,
            stream: &inner.names.mail,
            subject: inner.names.job(mail.class(), mail.tx),
            id: Some(self.job_id(job.attempt)),
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
        self.may_be_stored.store(true, Ordering::Release);
        let ack = publish(inner, &inner.control, &address, until, payload).await?;
        Ok(if ack.duplicate { Stored::Before { sequence: ack.sequence } } else { Stored::Fresh })
    }
}

/// The mail, its recipients in any order, and how many tries of it came to an end that lets the client try again.
fn job_id(mail: &Mail, attempt: u32) -> String {
    let mut recipients: Vec<_> = Wanted::all(&mail.envelope).into_iter().map(|wanted| wanted.id).collect();
    recipients.sort_unstable();
    let mut hasher = blake3::Hasher::new_derive_key("mailweir 2026 job id");
    hasher.update(mail.key.as_bytes());
    for recipient in &recipients {
        hasher.update(recipient.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    format!("{}.{attempt}", hash.get(..32).unwrap_or(&hash))
}

fn sizes(inner: &Inner) -> Sizes {
    let server_max = inner.control.client.max_payload().min(inner.bulk.client.max_payload());
    Sizes::new(inner.settings.inline_bytes_max, inner.settings.chunk_bytes, server_max)
}

/// The share of a mail in what may be on its way to the server: at most all of it.
async fn share(inner: &Inner, bytes: usize) -> Result<OwnedSemaphorePermit, AcquireError> {
    let permits = kib(bytes).min(kib(inner.settings.publish_bytes_max));
    let publishing = Arc::clone(&inner.publishing);
    publishing.acquire_many_owned(u32::try_from(permits).unwrap_or(u32::MAX)).await
}

fn away() -> Reply {
    Reply::enhanced(451, 4, 1, "mail queue cannot be reached, try again later")
}

fn unwritable(mail: &Mail, why: &str) -> Reply {
    tracing::error!(tx = %mail.tx, why, "mail cannot be written for the queue");
    Reply::unknown()
}

/// What the client is told. The chunks and the job are cut to what the server takes, so "too large" is a server that
/// changed its mind, and not the mail's fault.
fn refused(mail: &Mail, error: &NotPublished) -> Reply {
    tracing::debug!(tx = %mail.tx, %error, "mail not queued");
    match error {
        NotPublished::Full => Reply::enhanced(452, 3, 1, "mail queue is full, try again later"),
        NotPublished::TooLarge | NotPublished::Conflict => {
            Reply::enhanced(451, 3, 0, "mail queue did not take the message, try again later")
        }
        NotPublished::Unwritable(why) => unwritable(mail, why),
        NotPublished::Unreachable(_) | NotPublished::Unknown => away(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proto::{Envelope, ForwardPath, MailParams, Origin, Recipient, ReversePath, TxId};

    use super::*;

    fn mail(tx: u8, ident: &str, names: &[&str]) -> Mail {
        let recipient = |name: &&str| {
            Recipient::new(ForwardPath::parse(&format!("<{name}@example.org>"), false).unwrap())
        };
        let recipients = names.iter().map(recipient).collect();
        let envelope = Envelope::new(ReversePath::Null, MailParams::default(), recipients).unwrap();
        let origin = Origin { ident: Some(ident.into()), ..Origin::default() };
        let tx = TxId::parse(&format!("{tx:032x}")).unwrap();
        Mail::new(tx, envelope.with_origin(origin), Bytes::from_static(b"x\r\n"))
    }

    #[test]
    fn a_job_is_known_by_mail_recipients_and_attempt() {
        let first = job_id(&mail(1, "4F", &["a", "b"]), 0);
        assert_eq!(first, job_id(&mail(2, "4F", &["b", "a"]), 0), "a retry, in another order");
        assert_ne!(first, job_id(&mail(2, "4F", &["a", "b"]), 1), "after an end that was not final");
        assert_ne!(first, job_id(&mail(2, "4F", &["a"]), 0), "fewer recipients");
        assert_ne!(first, job_id(&mail(2, "4F", &["a", "b", "b"]), 0), "one of them twice");
        assert_ne!(first, job_id(&mail(2, "50", &["a", "b"]), 0), "another queue file");
    }
}
