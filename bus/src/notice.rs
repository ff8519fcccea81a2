//! Telling an ingress what became of its mail: a core NATS request to the inbox that it named.
//!
//! The ingress answers that it got it, or that it is too late. Silence is tried a few times; an ingress that is gone
//! needs nothing, since its client tries the mail again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use proto::wire::{Job, Notice, encode};
use proto::{Deadline, Early, Envelope, Outcomes, Position, Reply, TxId};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::bus::Inner;
use crate::ledger::Claims;
use crate::link::Unanswered;
use crate::metrics::NoticeEnd;
use crate::retry::Delays;

/// The answer of an ingress that waited for it.
pub(crate) const TAKEN: &[u8] = b"taken";
/// The answer of an ingress that has already told its client something else.
pub(crate) const LATE: &[u8] = b"late";
/// The answer of an ingress that does not know the transaction.
pub(crate) const UNKNOWN: &[u8] = b"unknown";
/// Tries while connected.
const TRIES: u32 = 3;
/// Early replies that come together are told together.
const GATHER: Duration = Duration::from_millis(20);

/// Whether `subject` can be an ingress's inbox. What a job names is written to with our rights.
pub(crate) fn is_inbox(subject: &str) -> bool {
    let rest = subject.strip_prefix("_INBOX.");
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && rest.len() <= 200
            && rest.split('.').all(|token| !token.is_empty())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    })
}

/// Tells the outcome, and waits until the ingress has it or cannot be told.
pub(crate) async fn tell(inner: &Inner, job: &Job, outcomes: &Outcomes, deadline: Deadline) {
    if !is_inbox(&job.reply_to) {
        tracing::error!(tx = %job.tx, "job names no inbox");
        return;
    }
    let replies = outcomes.iter().map(|(position, reply)| (position, reply.clone())).collect();
    let Some(message) = message(job.tx, replies, true) else {
        return;
    };
    let until = Instant::from_std(deadline.at()) + inner.settings.notice_reserve;
    let mut delays = Delays::notice();
    let mut end = NoticeEnd::NoIngress;
    let mut tries = 0;
    while tries < TRIES && inner.control.ready_by(until).await {
        let answer =
            inner.control.request(&job.reply_to, message.clone(), inner.settings.notice_timeout).await;
        match answer {
            Ok(answer) => {
                end = read_answer(&answer);
                break;
            }
            Err(Unanswered::Disconnected) => continue,
            Err(error) => tracing::debug!(tx = %job.tx, %error, "outcome not told yet"),
        }
        tries += 1;
        if tries < TRIES {
            sleep(delays.next()).await;
        }
    }
    inner.metrics.notice(end);
    match end {
        NoticeEnd::Taken => {}
        NoticeEnd::Late | NoticeEnd::Unknown | NoticeEnd::NoIngress if inner.settings.ledger.is_some() => {
            tracing::info!(tx = %job.tx, ?end, "nobody took this outcome; the ledger has it for the next try");
        }
        NoticeEnd::Late => tracing::warn!(tx = %job.tx, "outcome came too late, a second copy is possible"),
        NoticeEnd::Unknown | NoticeEnd::NoIngress => {
            tracing::warn!(tx = %job.tx, "nobody waits for this outcome, a second copy is possible");
        }
    }
}

fn read_answer(answer: &[u8]) -> NoticeEnd {
    match answer {
        LATE => NoticeEnd::Late,
        UNKNOWN => NoticeEnd::Unknown,
        // A newer ingress may say more; that it answered is what counts.
        _ => NoticeEnd::Taken,
    }
}

fn message(tx: TxId, replies: Vec<(Position, Reply)>, last: bool) -> Option<Bytes> {
    match encode(&Notice { tx, replies, last }, b"") {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::error!(%tx, %error, "notice cannot be written");
            None
        }
    }
}

/// Takes the first replies of a mail and sends them ahead of the outcome.
pub(crate) struct EarlyNotices {
    known: Mutex<Known>,
    claims: Claims,
    wake: Notify,
}

struct Known {
    /// Not sent yet.
    fresh: Vec<(Position, Reply)>,
    /// By position.
    all: Vec<Option<Reply>>,
}

impl Early for EarlyNotices {
    fn known(&self, position: Position, reply: &Reply) {
        if self.claims.may_tell(position) && self.lock().take(position, reply) {
            self.wake.notify_one();
        }
    }
}

impl Known {
    fn new(recipients: usize) -> Self {
        Self { fresh: Vec::new(), all: vec![None; recipients] }
    }

    /// Takes the first reply for each recipient; whether it did.
    fn take(&mut self, position: Position, reply: &Reply) -> bool {
        let Some(slot @ None) = self.all.get_mut(position.index()) else {
            return false;
        };
        *slot = Some(reply.clone());
        self.fresh.push((position, reply.clone()));
        true
    }
}

impl EarlyNotices {
    pub(crate) fn new(recipients: usize, claims: Claims) -> Self {
        Self { known: Mutex::new(Known::new(recipients)), claims, wake: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what becomes known until every recipient has a reply, and returns those. Not retried: the outcome says
    /// all of it again.
    pub(crate) async fn send(&self, inner: &Inner, job: &Job) -> Outcomes {
        loop {
            self.wake.notified().await;
            let gathered = sleep(GATHER);
            tokio::pin!(gathered);
            loop {
                if let Some(outcomes) = self.all(&job.envelope) {
                    return outcomes;
                }
                tokio::select! {
                    () = &mut gathered => break,
                    () = self.wake.notified() => {}
                }
            }
            let replies = std::mem::take(&mut self.lock().fresh);
            if replies.is_empty() || !is_inbox(&job.reply_to) || !inner.control.is_connected() {
                continue;
            }
            let Some(message) = message(job.tx, replies, false) else {
                continue;
            };
            if let Err(error) = inner.control.client.publish(job.reply_to.clone(), message).await {
                tracing::debug!(tx = %job.tx, %error, "early replies not told");
            }
        }
    }

    /// What every recipient was answered, once that is known of all.
    fn all(&self, envelope: &Envelope) -> Option<Outcomes> {
        let known = self.lock();
        let mut outcomes = Outcomes::unknown(envelope);
        for (index, reply) in known.all.iter().enumerate() {
            outcomes.set(Position::new(index), reply.clone()?);
        }
        Some(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_inbox_is_written_to() {
        assert!(is_inbox("_INBOX.abcDEF0123.00000000000000000000000000000007"));
        for hostile in [
            "",
            "_INBOX.",
            "_INBOX.*",
            "_INBOX.>",
            "_INBOX.a b",
            "_INBOX.a..b",
            "_INBOX.a.",
            "_INBOX.a\r\nPUB x",
            "$JS.API.STREAM.DELETE.MAIL",
            "mail.job.s.1",
        ] {
            assert!(!is_inbox(hostile), "{hostile}");
        }
    }

    #[test]
    fn early_replies_are_bounded() {
        let mut known = Known::new(2);
        let taken = [0, 7, 1, 0, 1].map(|index| known.take(Position::new(index), &Reply::unknown()));
        assert_eq!(taken, [true, false, true, false, false]);
        let fresh: Vec<_> = known.fresh.iter().map(|(position, _)| position.index()).collect();
        assert_eq!(fresh, [0, 1]);
    }
}
