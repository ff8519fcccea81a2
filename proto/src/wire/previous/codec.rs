//! The wire forms as the release before the ledger wrote and read them, frozen: every type that serde sees, with the
//! names, orders, defaults and shapes of then. Never to be changed; a release that is no longer upgraded from is taken
//! out whole.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// What this release put in front.
pub(super) const VERSION: u8 = 1;

pub(super) fn encode<H: Serialize>(header: &H, content: &[u8]) -> Bytes {
    let mut out = BytesMut::new().writer();
    out.get_mut().put_u8(VERSION);
    rmp_serde::encode::write_named(&mut out, header).unwrap();
    let mut out = out.into_inner();
    out.extend_from_slice(content);
    out.freeze()
}

/// Header and content; panics on what that release would not have read.
pub(super) fn decode<H: DeserializeOwned>(message: &Bytes) -> (H, Bytes) {
    assert_eq!(message.first(), Some(&VERSION));
    let mut rest = &message[1..];
    let header = rmp_serde::decode::from_read(&mut rest).unwrap();
    (header, message.slice(message.len() - rest.len()..))
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) tx: TxId,
    pub(super) key: MessageKey,
    pub(super) envelope: Envelope,
    pub(super) bytes: u64,
    pub(super) digest: Digest,
    pub(super) content: ContentAt,
    pub(super) reply_to: String,
    pub(super) remaining_ms: u64,
    #[serde(default)]
    pub(super) attempt: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TxId(pub(super) Uuid);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MessageKey(pub(super) [u8; 16]);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Digest(pub(super) [u8; 32]);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ContentAt {
    Inline,
    Chunks(Vec<Chunk>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Chunk {
    pub(super) sequence: u64,
    pub(super) bytes: u32,
}

/// It was read through a type of its own, which had these defaults.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) sender: ReversePath,
    #[serde(default)]
    pub(super) params: MailParams,
    pub(super) recipients: Vec<Recipient>,
    #[serde(default)]
    pub(super) origin: Origin,
    #[serde(default)]
    pub(super) peer: Option<Peer>,
}

/// A mailbox was a string.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ReversePath {
    Null,
    Mailbox(String),
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct MailParams {
    pub(super) body: Option<Body>,
    pub(super) size: Option<u64>,
    pub(super) smtputf8: bool,
    pub(super) ret: Option<Ret>,
    pub(super) envid: Option<String>,
    pub(super) auth: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Body {
    SevenBit,
    EightBitMime,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Ret {
    Full,
    Hdrs,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recipient {
    pub(super) path: String,
    #[serde(default)]
    pub(super) params: RcptParams,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RcptParams {
    pub(super) notify: Option<Notify>,
    pub(super) orcpt: Option<Orcpt>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Notify {
    pub(super) success: bool,
    pub(super) failure: bool,
    pub(super) delay: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Orcpt {
    pub(super) kind: String,
    pub(super) address: String,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Origin {
    pub(super) name: Option<String>,
    pub(super) addr: Option<String>,
    pub(super) port: Option<String>,
    pub(super) proto: Option<String>,
    pub(super) helo: Option<String>,
    pub(super) ident: Option<String>,
    pub(super) source: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) helo: String,
    pub(super) address: String,
    pub(super) with: With,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum With {
    Lmtp,
    Esmtp,
    Smtp,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) job: Job,
    pub(super) job_sequence: u64,
    pub(super) verdict: Verdict,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) category: Category,
    pub(super) findings: Vec<Finding>,
    pub(super) groups: Vec<Group>,
    pub(super) membership: Vec<u32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Category {
    Clean,
    Oversized,
    BadHeader,
    Spammy,
    Spam,
    Unchecked(Unchecked),
    Banned,
    Virus,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Unchecked {
    Encrypted,
    OverLimit,
    Ambiguous,
    Failed,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) check: String,
    pub(super) category: Category,
    pub(super) name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) disposition: Disposition,
    #[serde(default)]
    pub(super) reply: Option<Reply>,
    #[serde(default)]
    pub(super) edits: Vec<HeaderEdit>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Disposition {
    Pass,
    Tag,
    Reject,
    Discard,
    Tempfail,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum HeaderEdit {
    Prepend { name: String, value: String },
    Strip { name: String },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) enhanced: Option<Enhanced>,
    pub(super) text: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Enhanced {
    pub(super) subject: u16,
    pub(super) detail: u16,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Notice {
    pub(super) tx: TxId,
    pub(super) replies: Vec<(Position, Reply)>,
    pub(super) last: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Position(pub(super) u32);
