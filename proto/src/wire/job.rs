//! What a worker and an egress get to do.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Digest, Envelope, MessageKey, TxId, Verdict};

/// One chunk of a large content: where it lies, in the order of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Sequence in the stream of bodies.
    pub sequence: u64,
    /// Length in bytes.
    pub bytes: u32,
}

/// Where the content of a mail is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContentAt {
    /// Behind the header of the job.
    Inline,
    /// In chunks of their own.
    Chunks(Vec<Chunk>),
}

/// A mail for a worker: the header of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The transaction.
    pub tx: TxId,
    /// The identity across retries.
    pub key: MessageKey,
    /// Who sends what to whom.
    pub envelope: Envelope,
    /// Length of the content in bytes.
    pub bytes: u64,
    /// BLAKE3 of the content.
    pub digest: Digest,
    /// Where the content is.
    pub content: ContentAt,
    /// Inbox of the ingress that waits for the outcome.
    pub reply_to: String,
    /// What was left of the deadline when this was published, in milliseconds.
    pub remaining_ms: u64,
    /// How many times the client's mail was published before, after outcomes that let it be tried again.
    #[serde(default)]
    pub attempt: u32,
}

/// A judged mail for an egress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The job, with what was left of the deadline when this was published.
    pub job: Job,
    /// Sequence of the job in its stream, where an inline content is read.
    pub job_sequence: u64,
    /// What is to be done.
    pub verdict: Verdict,
}

impl Job {
    /// Whether `content` is what the job says: length and digest.
    pub fn matches(&self, content: &Bytes) -> bool {
        content.len() as u64 == self.bytes && Digest::of(content) == self.digest
    }
}
