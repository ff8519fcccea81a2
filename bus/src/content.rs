//! Where a content lies: inside its job, or in chunks of a stream of their own.
//!
//! Chunks go first and the job with their list last, so that nothing is visible before it is whole. They are read
//! back by sequence from any replica, and from the leader where a replica is behind.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::{DirectGetErrorKind, RawMessageError, RawMessageErrorKind};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use proto::wire::{Chunk, Job};
use proto::{Mail, TxId};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use crate::bus::{Inner, kib};
use crate::link::{Link, Unanswered};
use crate::metrics::To;
use crate::publish::{Address, NotPublished, WhenFull, publish};
use crate::retry::Delays;
use crate::topology::MESSAGE_BYTES_MAX;

/// Chunks on their way at once.
const WINDOW: usize = 8;
/// Room that a job with its content leaves for NATS headers, and its header for what a verdict adds.
pub(crate) const HEADER_BYTES: usize = 16 * 1024;
/// Room that a chunk leaves for NATS headers.
const CHUNK_HEADER_BYTES: usize = 4 * 1024;
/// How long a removal is tried: above an election.
const REMOVE_WITHIN: Duration = Duration::from_secs(15);
/// Contents above this are hashed away from the threads that drive sockets.
const HASH_INLINE_BYTES: usize = 512 * 1024;

/// Why a content cannot be had.
#[derive(Debug, Error)]
pub(crate) enum ContentError {
    /// The server does not have it, or not any more.
    #[error("{0} is not there")]
    Missing(String),
    /// It is not what the job says.
    #[error("{0}")]
    Corrupt(&'static str),
    /// Nobody answered.
    #[error("reading {what}: {why}")]
    Unavailable { what: String, why: String },
}

/// A content in memory, with its share of the bound.
pub(crate) struct Held {
    pub(crate) content: Bytes,
    /// Given back when the work is done; `None` for a content that came with its delivery.
    pub(crate) _share: Option<OwnedSemaphorePermit>,
}

/// Sizes that the server to which we are connected allows.
pub(crate) struct Sizes {
    /// Largest payload of one message.
    pub(crate) payload: usize,
    /// Largest job with its content inside.
    pub(crate) inline: usize,
    /// Size of a chunk.
    pub(crate) chunk: usize,
}

impl Sizes {
    pub(crate) fn new(inline_bytes_max: usize, chunk_bytes: usize, server_max_payload: usize) -> Self {
        let payload = server_max_payload.min(MESSAGE_BYTES_MAX);
        let inline = inline_bytes_max.min(payload.saturating_sub(HEADER_BYTES));
        let chunk = chunk_bytes.min(payload.saturating_sub(CHUNK_HEADER_BYTES)).max(1);
        Self { payload, inline, chunk }
    }
}

/// Publishes the chunks of a mail and returns their list. Each attempt has its own, since an egress may have removed
/// those of the one before.
pub(crate) async fn put_chunks(
    inner: &Inner,
    mail: &Mail,
    attempt: u32,
    chunk_bytes: usize,
    until: Instant,
) -> Result<Vec<Chunk>, NotPublished> {
    let put = |index: usize, part: Bytes| async move {
        let address = Address {
            to: To::Body,
            stream: &inner.names.body,
            subject: inner.names.chunks_of(mail.tx),
            id: Some(format!("{}.{attempt}.{index}", mail.tx)),
            expected: None,
            when_full: WhenFull::Refuse,
        };
        let ack = publish(inner, &inner.bulk, &address, until, || Ok(part.clone())).await?;
        Ok(Chunk { sequence: ack.sequence, bytes: u32::try_from(part.len()).unwrap_or(u32::MAX) })
    };
    let count = mail.content.len().div_ceil(chunk_bytes);
    let parts = (0..count).map(|index| {
        let start = index * chunk_bytes;
        let end = (start + chunk_bytes).min(mail.content.len());
        put(index, mail.content.slice(start..end))
    });
    stream::iter(parts).buffered(WINDOW).try_collect().await
}

/// Reads the chunks of a job, checked against what the job says of them.
pub(crate) async fn get_chunks(inner: &Inner, job: &Job, chunks: &[Chunk]) -> Result<Held, ContentError> {
    let bytes = plausible(job, chunks, inner.settings.content_bytes_max)?;
    let permits = kib(bytes).min(kib(inner.settings.chunked_bytes_max));
    let permits = u32::try_from(permits).unwrap_or(u32::MAX);
    let share = Arc::clone(&inner.chunked)
        .acquire_many_owned(permits)
        .await
        .map_err(|_| ContentError::Unavailable { what: "chunks".into(), why: "stopping".into() })?;
    let mut content = BytesMut::with_capacity(bytes);
    let gets = chunks.iter().copied().map(|chunk| async move {
        get(inner, &inner.names.body, chunk.sequence).await.map(|part| (chunk, part))
    });
    let mut parts = stream::iter(gets).buffered(WINDOW);
    while let Some((chunk, part)) = parts.try_next().await? {
        if part.len() != chunk.bytes as usize {
            return Err(ContentError::Corrupt("a chunk has another length than its job says"));
        }
        content.extend_from_slice(&part);
    }
    drop(parts);
    let content = verified(job, content.freeze()).await?;
    Ok(Held { content, _share: Some(share) })
}

/// Whether a list of chunks can be true, before anything is allocated for it.
fn plausible(job: &Job, chunks: &[Chunk], content_bytes_max: usize) -> Result<usize, ContentError> {
    let listed: u64 = chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum();
    let bytes = usize::try_from(job.bytes).unwrap_or(usize::MAX);
    if bytes > content_bytes_max {
        return Err(ContentError::Corrupt("the content is larger than content_bytes_max"));
    }
    if listed != job.bytes || chunks.iter().any(|chunk| chunk.bytes == 0) {
        return Err(ContentError::Corrupt("the chunks do not add up to the content"));
    }
    Ok(bytes)
}

/// `content`, if it has the length and digest that the job says.
pub(crate) async fn verified(job: &Job, content: Bytes) -> Result<Bytes, ContentError> {
    let (bytes, digest) = (job.bytes, job.digest);
    let is_as_told =
        move |content: &Bytes| content.len() as u64 == bytes && proto::Digest::of(content) == digest;
    let matches = if content.len() <= HASH_INLINE_BYTES {
        is_as_told(&content)
    } else {
        let content = content.clone();
        tokio::task::spawn_blocking(move || is_as_told(&content)).await.unwrap_or(false)
    };
    if matches {
        Ok(content)
    } else {
        Err(ContentError::Corrupt("length or digest differ from what the job says"))
    }
}

/// One stored message by sequence.
pub(crate) async fn get(inner: &Inner, stream_name: &str, sequence: u64) -> Result<Bytes, ContentError> {
    let got = match get_by(inner, &inner.bulk, stream_name, sequence).await {
        // A leader that was cut off goes on for some seconds, and knows nothing of what came since. The other connection
        // may be to a server that does.
        Err(ContentError::Missing(_)) => get_by(inner, &inner.control, stream_name, sequence).await,
        got => got,
    };
    if let Err(ContentError::Unavailable { .. }) = got {
        inner.suspicion.notify_one();
    }
    got
}

async fn get_by(inner: &Inner, link: &Link, stream_name: &str, sequence: u64) -> Result<Bytes, ContentError> {
    let what = || format!("message {sequence} of {stream_name}");
    let unavailable = |why: String| ContentError::Unavailable { what: what(), why };
    let read = async {
        let stream =
            link.js.get_stream_no_info(stream_name).await.map_err(|error| unavailable(error.to_string()))?;
        match stream.direct_get(sequence).await {
            Ok(message) => return Ok(message.payload),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {}
            // No stream, perhaps, or one that is being set up: a server of 2.9.10 dies of a request for its messages.
            Err(error) => return Err(unavailable(error.to_string())),
        }
        if inner.reachability.borrow().is_incomplete() {
            return Err(unavailable("a stream is missing".into()));
        }
        // A replica may be behind; what the leader does not have is not there.
        inner.metrics.leader_reads.inc();
        match stream.get_raw_message(sequence).await {
            Ok(message) => Ok(message.payload),
            Err(error) if is_missing(&error) => Err(ContentError::Missing(what())),
            Err(error) => Err(unavailable(error.to_string())),
        }
    };
    if !link.is_connected() {
        return Err(unavailable(link.why()));
    }
    link.while_connected(read).await.unwrap_or_else(|| Err(unavailable("disconnected".into())))
}

fn is_missing(error: &RawMessageError) -> bool {
    let told = |error: &async_nats::jetstream::Error| {
        matches!(error.error_code(), ErrorCode::NO_MESSAGE_FOUND | ErrorCode::STREAM_NOT_FOUND)
    };
    match error.kind() {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(ref error) => told(error),
        RawMessageErrorKind::InvalidSubject | RawMessageErrorKind::Other => {
            error.source().and_then(|source| source.downcast_ref()).is_some_and(told)
        }
    }
}

/// Removes a job and, where it has chunks, those. Tries for as long as an election takes: a job that stays looks like a
/// mail under way to whoever retries it. Whatever stays is the janitor's.
pub(crate) async fn remove(inner: &Inner, tx: TxId, job_sequence: u64, has_chunks: bool) {
    let wait = inner.settings.request_timeout;
    // Without `no_erase` the server would overwrite the record with random bytes: up to 10 ms for 1 MB.
    let job = format!(r#"{{"seq":{job_sequence},"no_erase":true}}"#);
    let subject = format!("$JS.API.STREAM.MSG.DELETE.{}", inner.names.mail);
    let delete = async {
        let until = Instant::now() + REMOVE_WITHIN;
        let mut delays = Delays::publish();
        loop {
            inner.control.ready_by(until).await;
            let error = match inner.control.request(&subject, job.clone().into(), wait).await {
                Ok(answer) if !is_unavailable(&answer) => return Ok(()),
                Ok(_) => Unanswered::NoResponders,
                Err(error) => error,
            };
            let delay = delays.next();
            if Instant::now() + delay >= until {
                return Err(error);
            }
            sleep(delay).await;
        }
    };
    let purge = async {
        if has_chunks {
            remove_chunks(inner, tx).await;
        }
    };
    let (deleted, ()) = tokio::join!(delete, purge);
    if let Err(error) = deleted {
        tracing::debug!(%tx, %error, "job not removed, the janitor will");
    }
}

/// Whether JetStream says that it cannot do anything just now, as without a leader.
fn is_unavailable(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        error: Option<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        code: u16,
    }
    let told = serde_json::from_slice::<Answer>(answer).ok().and_then(|answer| answer.error);
    told.is_some_and(|error| error.code == 503)
}

/// Removes the chunks of a transaction.
pub(crate) async fn remove_chunks(inner: &Inner, tx: TxId) {
    let subject = format!("$JS.API.STREAM.PURGE.{}", inner.names.body);
    let filter = format!(r#"{{"filter":"{}"}}"#, inner.names.chunks_of(tx));
    let purge = inner.control.request(&subject, filter.into(), inner.settings.request_timeout);
    if let Err(error) = purge.await {
        tracing::debug!(%tx, %error, "chunks not removed, the janitor will");
    }
}

#[cfg(test)]
mod tests;
