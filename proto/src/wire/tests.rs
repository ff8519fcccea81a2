//! Round trips, unknown fields, unknown versions, and bytes that are no message.

use bytes::Bytes;
use proptest::prelude::*;
use serde::Serialize;
use uuid::Uuid;

use super::{Chunk, ContentAt, Job, Judged, Notice, VERSION, WireError, decode, encode};
use crate::{
    Category, Digest, Disposition, Envelope, Finding, ForwardPath, Group, HeaderEdit, Mail, MailParams,
    Origin, Peer, Position, Recipient, Reply, ReversePath, TxId, Unchecked, Verdict, With,
};

fn job(content: ContentAt) -> Job {
    let recipient = Recipient::new(ForwardPath::parse("<jörg@example.org>", true).unwrap());
    let params = MailParams { smtputf8: true, ..MailParams::default() };
    let envelope = Envelope::new(ReversePath::parse("<a@b>", false).unwrap(), params, vec![recipient; 2])
        .unwrap()
        .with_origin(Origin { ident: Some("4F".into()), ..Origin::default() })
        .with_peer(Peer { helo: "mx".into(), address: "127.0.0.1".into(), with: With::Lmtp });
    let mail = Mail::new(TxId::new(Uuid::from_u128(7)), envelope, Bytes::from_static(b"x: y\r\n"));
    Job {
        tx: mail.tx,
        key: mail.key,
        envelope: (*mail.envelope).clone(),
        bytes: mail.content.len() as u64,
        digest: mail.digest,
        content,
        reply_to: "_INBOX.x".into(),
        remaining_ms: 1_000,
        attempt: 0,
    }
}

#[test]
fn a_job_comes_back_with_its_content() {
    let job = job(ContentAt::Inline);
    let message = encode(&job, b"x: y\r\n").unwrap();
    let (back, content) = decode::<Job>(&message).unwrap();
    assert_eq!(back, job);
    assert!(back.matches(&content));
    assert!(!back.matches(&Bytes::from_static(b"x: z\r\n")));
}

#[test]
fn a_verdict_comes_back() {
    let job = job(ContentAt::Chunks(vec![Chunk { sequence: 9, bytes: 6 }]));
    let finding =
        Finding { check: "clamd".into(), category: Category::Unchecked(Unchecked::Failed), name: "t".into() };
    let edits = vec![HeaderEdit::Prepend { name: "X-Virus-Scanned".into(), value: "y".into() }];
    let group = Group { disposition: Disposition::Tag, reply: Some(Reply::enhanced(451, 7, 1, "x")), edits };
    let verdict = Verdict::uniform(&job.envelope, vec![finding], group);
    let judged = Judged { job, job_sequence: 3, verdict };
    let (back, content) = decode::<Judged>(&encode(&judged, b"").unwrap()).unwrap();
    assert_eq!((back, content.len()), (judged, 0));
}

#[test]
fn a_notice_comes_back() {
    let replies = vec![(Position::new(1), Reply::enhanced(250, 0, 0, "ok"))];
    let notice = Notice { tx: TxId::new(Uuid::from_u128(7)), replies, last: true };
    assert_eq!(decode::<Notice>(&encode(&notice, b"").unwrap()).unwrap().0, notice);
}

#[test]
fn a_field_of_a_newer_release_is_ignored() {
    #[derive(Serialize)]
    struct NewerNotice {
        colour: &'static str,
        tx: TxId,
        replies: Vec<(Position, Reply)>,
        last: bool,
    }
    let newer =
        NewerNotice { colour: "blue", tx: TxId::new(Uuid::from_u128(7)), replies: Vec::new(), last: true };
    assert!(decode::<Notice>(&encode(&newer, b"").unwrap()).unwrap().0.last);
}

#[test]
fn another_version_is_told_from_garbage() {
    let mut message = encode(&job(ContentAt::Inline), b"").unwrap().to_vec();
    message[0] = VERSION + 1;
    assert!(matches!(decode::<Job>(&message.into()), Err(WireError::Newer(_))));
    assert!(matches!(decode::<Job>(&Bytes::new()), Err(WireError::Alien)));
    assert!(matches!(decode::<Job>(&Bytes::from_static(b"\0x")), Err(WireError::Alien)));
}

#[test]
fn an_envelope_without_recipients_or_with_a_hostile_address_is_not_read() {
    #[derive(Serialize)]
    struct Raw<'a> {
        sender: ReversePath,
        recipients: Vec<RawRecipient<'a>>,
    }
    #[derive(Serialize)]
    struct RawRecipient<'a> {
        path: &'a str,
    }
    let read = |recipients| {
        let raw = Raw { sender: ReversePath::Null, recipients };
        decode::<Envelope>(&encode(&raw, b"").unwrap())
    };
    assert!(read(vec![RawRecipient { path: "a@b" }]).is_ok());
    assert!(read(vec![]).is_err());
    assert!(read(vec![RawRecipient { path: "a@b>\r\nRSET" }]).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), flips in prop::collection::vec((0_usize..400, any::<u8>()), 0..4)) {
        bytes.insert(0, VERSION);
        drop(decode::<Judged>(&bytes.into()));
        let mut message = encode(&job(ContentAt::Inline), b"x").unwrap().to_vec();
        for (at, byte) in flips {
            let length = message.len();
            message[at % length] = byte;
        }
        if let Ok((job, content)) = decode::<Job>(&message.into()) {
            job.matches(&content);
        }
    }
}

#[test]
fn digests_differ_by_content() {
    assert_ne!(Digest::of(b"a"), Digest::of(b"b"));
}
