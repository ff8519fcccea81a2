//! The release before this one, in one cluster with it: each reads what the other wrote.
//!
//! Golden bytes are kept beside a frozen codec ([`codec`]), so that the codec cannot drift with the code, and what this
//! release writes is compared with them byte by byte. A field that is added changes those bytes on purpose: then the
//! new bytes get a file of their own, and these stay what is read.

mod codec;
mod samples;

use std::fmt::Write as _;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{ContentAt, Job, Judged, Notice, decode, encode};
use crate::{Category, Disposition, Points, Position, SpamResult, SpamScore, Symbol, With};

const FULL_JOB: &str = include_str!("previous/fixtures/full_job.hex");
const BARE_JOB: &str = include_str!("previous/fixtures/bare_job.hex");
const OTHER_JOB: &str = include_str!("previous/fixtures/other_job.hex");
const JUDGED: &str = include_str!("previous/fixtures/judged.hex");
const NOTICE: &str = include_str!("previous/fixtures/notice.hex");

fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for line in bytes.chunks(48) {
        line.iter().for_each(|byte| write!(out, "{byte:02x}").unwrap());
        out.push('\n');
    }
    out
}

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// `Old` is the frozen type, `New` ours. Returns what ours reads.
fn both_ways<Old, New>(golden: &str, sample: &Old, content: &[u8]) -> New
where
    Old: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    New: Serialize + DeserializeOwned,
{
    let golden_bytes = bytes(golden);
    assert_eq!(hex(&codec::encode(sample, content)), golden, "the frozen codec is not what it was");
    let (new, new_content) = decode::<New>(&golden_bytes).unwrap();
    assert_eq!(new_content, content);
    let written = encode(&new, content).unwrap();
    let (old, old_content) = codec::decode::<Old>(&written);
    assert_eq!((&old, &old_content[..]), (sample, content), "the previous release reads something else");
    assert_eq!(hex(&written), golden, "this release writes other bytes than the previous");
    new
}

#[test]
fn a_job_with_everything_is_the_same_in_both() {
    let sample = samples::full_job();
    let job: Job = both_ways(FULL_JOB, &sample, samples::CONTENT);
    assert_eq!((job.tx.as_bytes(), job.key.as_bytes()), (sample.tx.0.as_bytes(), &sample.key.0));
    assert!(job.matches(&Bytes::from_static(samples::CONTENT)));
    assert_eq!((job.content, job.remaining_ms, job.attempt), (ContentAt::Inline, 240_000, 3));
    assert_eq!(job.reply_to, "_INBOX.abc.1");
    let envelope = &job.envelope;
    assert_eq!(envelope.sender().as_str(), "a@example.net");
    assert_eq!(envelope.params().size, Some(70_000));
    assert_eq!(envelope.origin().ident.as_deref(), Some("4F9DA2"));
    assert_eq!(envelope.peer().unwrap().with, With::Lmtp);
    let first = envelope.recipient(Position::new(0)).unwrap();
    assert_eq!(first.path.as_str(), "jörg@example.org");
    assert_eq!(first.params.orcpt.as_ref().unwrap().address, "old@example.org");
}

#[test]
fn a_job_with_nothing_is_the_same_in_both() {
    let job: Job = both_ways(BARE_JOB, &samples::bare_job(), b"");
    assert_eq!((job.envelope.sender().as_str(), job.envelope.peer()), ("", None));
    assert!(matches!(job.content, ContentAt::Chunks(chunks) if chunks[1].sequence == 9));
    let job: Job = both_ways(OTHER_JOB, &samples::other_job(), b"");
    assert_eq!(job.envelope.peer().unwrap().with, With::Smtp);
}

#[test]
fn a_verdict_is_the_same_in_both() {
    let judged: Judged = both_ways(JUDGED, &samples::judged(), b"");
    assert_eq!(judged.job_sequence, 4_000_000_000);
    assert_eq!(judged.verdict.category(), Category::Virus);
    assert_eq!(judged.verdict.findings().len(), 11);
    let groups = judged.verdict.groups_of(&judged.job.envelope);
    let dispositions: Vec<_> =
        groups.iter().map(|(group, members)| (group.disposition, members[0].index())).collect();
    let expected = [
        (Disposition::Pass, 4),
        (Disposition::Tag, 3),
        (Disposition::Reject, 2),
        (Disposition::Discard, 1),
        (Disposition::Tempfail, 0),
    ];
    assert_eq!(dispositions, expected);
    assert_eq!(groups[2].0.final_reply().to_string(), "550 5.7.1 infected");
}

#[test]
fn a_notice_is_the_same_in_both() {
    let notice: Notice = both_ways(NOTICE, &samples::notice(), b"");
    let replies: Vec<_> =
        notice.replies.iter().map(|(position, reply)| (position.index(), reply.to_string())).collect();
    assert_eq!(replies, [(0, "250 2.0.0 Ok: queued as 4F9DA2".to_owned()), (300, "451".to_owned())]);
    assert!(notice.last);
}

/// What a later release may add: the previous one, which is frozen, and this one pass over it.
#[test]
fn both_ignore_a_field_that_they_do_not_know() {
    #[derive(Serialize)]
    struct Later<'a, T> {
        colour: &'a str,
        #[serde(flatten)]
        rest: T,
    }
    let later = encode(&Later { colour: "blue", rest: samples::full_job() }, b"x").unwrap();
    assert_eq!(codec::decode::<codec::Job>(&later), (samples::full_job(), Bytes::from_static(b"x")));
    assert_eq!(decode::<Job>(&later).unwrap().0.attempt, 3);
    let later = encode(&Later { colour: "blue", rest: samples::judged() }, b"").unwrap();
    assert_eq!(codec::decode::<codec::Judged>(&later).0, samples::judged());
    assert_eq!(decode::<Judged>(&later).unwrap().0.job_sequence, 4_000_000_000);
}

/// What spam scanners said came later: the previous release passes over it, and a verdict of it has none.
#[test]
fn the_previous_release_passes_over_what_spam_scanners_said() {
    let (judged, _) = decode::<Judged>(&bytes(JUDGED)).unwrap();
    assert!(judged.verdict.spam().is_empty());
    let symbol = Symbol { name: "GTUBE".into(), score: Some(Points::ONE) };
    let result = SpamScore { symbols: vec![symbol], report: Some("x".into()), ..SpamScore::default() };
    let spam = vec![SpamResult { check: "spamd".into(), result }];
    let later = Judged { verdict: judged.verdict.with_spam(spam.clone()), ..judged };
    let written = encode(&later, b"").unwrap();
    assert_ne!(hex(&written), JUDGED);
    assert_eq!(codec::decode::<codec::Judged>(&written).0, samples::judged());
    assert_eq!(decode::<Judged>(&written).unwrap().0.verdict.spam(), spam);
}
