//! Brings a mail into the queue, or finds that it is there already: the client tried before, here or at another ingress.
//!
//! The server tells a second job of the same mail by its message id. Then the ledger is asked: a mail that was delivered
//! is answered from its record, one that is under way is waited for, and one whose last try came to an end that lets
//! the client try again is published as the next attempt. A mail that is not known costs nothing for all this, unless it
//! is so old or so large that a look is cheaper than finding out too late.

use std::time::Duration;

use jiff::Timestamp;
use proto::failpoint::Point;
use proto::wire::{ContentAt, Job, decode};
use proto::{Deadline, Position, Reply, TxId};
use tokio::time::{Instant, sleep};

use crate::api;
use crate::content::{self, ContentError};
use crate::ledger::{Looked, look};
use crate::link::Unanswered;
use crate::metrics::Join;
use crate::orphan;
use crate::put::{Put, Stored};
use crate::retried::may_be_retried;
use crate::settings::LedgerSettings;

/// First pause between two looks at what another transaction is doing; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest of them.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A claim whose job is gone and that stayed for so many times the age at which a claim is stale has no owner.
const DEAD_CLAIMS: u32 = 2;

/// Where a mail is.
pub(crate) enum Entered {
    /// In the queue, as a job of this transaction: its outcome comes to the inbox.
    Queued,
    /// Every recipient has an answer from an earlier try.
    Known(Vec<(Position, Reply)>),
    /// Not in the queue; this is why.
    Refused(Reply),
}

/// What a job that was there before means.
enum Attached {
    /// It is this transaction's own: the answer to an earlier try of publishing was lost.
    Ours,
    /// Every recipient has an answer.
    Known(Vec<(Position, Reply)>),
    /// It came to an end that lets the client try again, which is this attempt.
    Over(u32),
}

/// The job of another transaction.
struct Theirs {
    tx: TxId,
    has_chunks: bool,
}

/// A job that was there before.
enum Found {
    /// Put there by this transaction.
    Ours,
    /// By another one.
    Theirs,
    /// Not there any more.
    Gone,
}

/// Returns when the mail is in the queue, or needs not be. Waits as long as another transaction works on it: the caller
/// has the clock.
pub(crate) async fn enter(put: &mut Put<'_>, deadline: Deadline) -> Entered {
    let inner = put.inner;
    let known = inner.settings.ledger.filter(|_| !put.mail.key.is_of(put.mail.tx));
    let mut attempt = 0;
    if let Some(ledger) = known
        && (!put.is_inline() || may_be_retried(&put.mail.content, Timestamp::now()))
        && let Ok(looked) = look_at(put, &ledger, deadline).await
    {
        if let Some(results) = complete(put, &looked) {
            inner.metrics.joined(Join::Answered);
            return Entered::Known(results);
        }
        attempt = looked.next_attempt();
    }
    loop {
        let stored = match put.publish(attempt, deadline).await {
            Ok(stored) => stored,
            Err(reply) => return Entered::Refused(reply),
        };
        let sequence = match stored {
            Stored::Fresh | Stored::Unknown => {
                inner.settings.failpoints.reached(Point::AfterJobStored);
                return Entered::Queued;
            }
            Stored::Before { sequence } => sequence,
        };
        let Some(ledger) = known else {
            // Without an identity nobody else could have put it there.
            return Entered::Queued;
        };
        match attach(put, &ledger, (attempt, sequence), deadline).await {
            Attached::Ours => return Entered::Queued,
            Attached::Known(results) => {
                put.discard().await;
                return Entered::Known(results);
            }
            Attached::Over(next) => {
                inner.metrics.joined(Join::Again);
                attempt = next;
            }
        }
    }
}

/// Waits until the job at `sequence`, which is `attempt`, has come to an end.
async fn attach(
    put: &Put<'_>,
    ledger: &LedgerSettings,
    (attempt, sequence): (u32, u64),
    deadline: Deadline,
) -> Attached {
    let inner = put.inner;
    let mut pause = PAUSE_MIN;
    let mut theirs = None;
    let mut gone: Option<Instant> = None;
    let mut has_waited = false;
    loop {
        if let Ok(looked) = look_at(put, ledger, deadline).await {
            if let Some(results) = complete(put, &looked) {
                inner.metrics.joined(if has_waited { Join::Attached } else { Join::Answered });
                return Attached::Known(results);
            }
            // What is recorded may be of one group of its recipients, or of an egress that lost it. The job is removed
            // when all is recorded, and the record was looked for behind that.
            let is_dead = |gone: Instant| gone.elapsed() >= ledger.claim_stale * DEAD_CLAIMS;
            if gone.is_some_and(|gone| !looked.pending || is_dead(gone)) {
                return Attached::Over(looked.next_attempt().max(attempt.saturating_add(1)));
            }
        }
        if gone.is_none() {
            match find(put, &mut theirs, sequence).await {
                Ok(Found::Ours) => return Attached::Ours,
                Ok(Found::Theirs) if pause < PAUSE_MAX => {}
                Ok(Found::Theirs) => {
                    if let Some(job) = &theirs
                        && orphan::is_orphan(inner, put.mail.class(), job.tx, sequence).await.unwrap_or(false)
                    {
                        orphan::remove(inner, job.tx, sequence, job.has_chunks).await;
                    }
                }
                Ok(Found::Gone) => {
                    gone = Some(Instant::now());
                    continue;
                }
                Err(error) => tracing::debug!(tx = %put.mail.tx, %error, "the job that was there before"),
            }
        }
        has_waited = true;
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Looks for the job at `sequence`. `theirs` keeps what it is, by which it is looked for again at less cost.
async fn find(put: &Put<'_>, theirs: &mut Option<Theirs>, sequence: u64) -> Result<Found, ContentError> {
    let inner = put.inner;
    if let Some(job) = theirs {
        let subject = inner.names.job(put.mail.class(), job.tx);
        let unanswered =
            |error: Unanswered| ContentError::Unavailable { what: subject.clone(), why: error.to_string() };
        let holds = api::holds(inner, &inner.names.mail, &subject).await.map_err(unanswered)?;
        return Ok(if holds { Found::Theirs } else { Found::Gone });
    }
    let message = match content::get(inner, &inner.names.mail, sequence).await {
        Ok(message) => message,
        Err(ContentError::Missing(_)) => return Ok(Found::Gone),
        Err(error @ (ContentError::Corrupt(_) | ContentError::Unavailable { .. })) => return Err(error),
    };
    let (job, _) = decode::<Job>(&message).map_err(|_| ContentError::Corrupt("a job that cannot be read"))?;
    if job.tx == put.mail.tx {
        return Ok(Found::Ours);
    }
    let has_chunks = matches!(job.content, ContentAt::Chunks(_));
    *theirs = Some(Theirs { tx: job.tx, has_chunks });
    Ok(Found::Theirs)
}

async fn look_at(put: &Put<'_>, ledger: &LedgerSettings, deadline: Deadline) -> Result<Looked, ()> {
    let mail = put.mail;
    let until = Instant::from_std(deadline.at());
    let looked = look(put.inner, ledger, (mail.tx, mail.key), &mail.envelope, until).await;
    looked.map_err(|error| tracing::debug!(tx = %mail.tx, %error, "ledger not read"))
}

fn complete(put: &Put<'_>, looked: &Looked) -> Option<Vec<(Position, Reply)>> {
    (looked.results.len() == put.mail.envelope.recipients().len()).then(|| looked.results.clone())
}
