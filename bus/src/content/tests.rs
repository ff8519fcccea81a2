//! Sizes, and lists of chunks that cannot be true.

use bytes::Bytes;
use proto::wire::ContentAt;
use proto::{Envelope, ForwardPath, MailParams, Recipient, ReversePath};

use super::*;

fn job(bytes: u64) -> Job {
    let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
    let envelope = Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient]).unwrap();
    let tx = TxId::parse("00000000000000000000000000000007").unwrap();
    let mail = Mail::new(tx, envelope, Bytes::from_static(b"x: y\r\n"));
    Job {
        tx,
        key: mail.key,
        envelope: (*mail.envelope).clone(),
        bytes,
        digest: mail.digest,
        content: ContentAt::Inline,
        reply_to: "_INBOX.x".into(),
        remaining_ms: 1_000,
        attempt: 0,
    }
}

fn chunks(bytes: &[u32]) -> Vec<Chunk> {
    bytes.iter().map(|&bytes| Chunk { sequence: 1, bytes }).collect()
}

#[test]
fn sizes_stay_below_what_the_server_takes() {
    let megabyte = 1_048_576;
    let sizes = Sizes::new(usize::MAX, 900_000, megabyte);
    assert_eq!((sizes.payload, sizes.inline, sizes.chunk), (megabyte, megabyte - 16_384, 900_000));
    let sizes = Sizes::new(usize::MAX, 900_000, 64 * megabyte);
    assert_eq!((sizes.payload, sizes.inline), (8 * megabyte, 8 * megabyte - 16_384));
    let sizes = Sizes::new(100, 900_000, 65_536);
    assert_eq!((sizes.inline, sizes.chunk), (100, 61_440));
    let sizes = Sizes::new(100, 900_000, 10);
    assert_eq!((sizes.inline, sizes.chunk), (0, 1));
}

#[test]
fn a_list_of_chunks_must_add_up_and_fit() {
    let check =
        |bytes, list: &[u32]| plausible(&job(bytes), &chunks(list), 1_000).map_err(|error| error.to_string());
    assert_eq!(check(1_000, &[600, 400]), Ok(1_000));
    assert_eq!(check(0, &[]), Ok(0));
    let adds_up = Err("the chunks do not add up to the content".to_owned());
    assert_eq!(check(1_000, &[600, 399]), adds_up);
    assert_eq!(check(1_000, &[600, 0, 400]), adds_up);
    let too_large = Err("the content is larger than content_bytes_max".to_owned());
    assert_eq!(check(1_001, &[1_001]), too_large);
    assert_eq!(check(u64::MAX, &[u32::MAX]), too_large);
}

#[tokio::test]
async fn another_content_is_not_taken() {
    let told = job(6);
    assert!(verified(&told, Bytes::from_static(b"x: y\r\n")).await.is_ok());
    assert!(verified(&told, Bytes::from_static(b"x: z\r\n")).await.is_err());
    assert!(verified(&told, Bytes::from_static(b"x: y\r\n\r\n")).await.is_err());
}
