//! How large the buffer gets on its way, for mails that are announced rightly, wrongly and not at all.

use bytes::BytesMut;
use proptest::prelude::*;
use proto::{MailParams, Origin, Peer, ReversePath, With};

use crate::{Admission, Metrics, Settings};

use super::*;

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;

fn settings() -> Settings {
    Settings { size_bytes_max: 4 * MIB as u64, in_flight_bytes_max: 10 * MIB as u64, ..Settings::default() }
}

/// A content behind 354, its mail announced with `size`.
fn content(admission: &Admission, size: Option<u64>) -> Content {
    let settings = settings();
    let reserved = reserved_bytes(size, settings.size_bytes_max);
    let open = Open {
        sender: ReversePath::Null,
        params: MailParams { size, ..MailParams::default() },
        recipients: Vec::new(),
        origin: Origin::default(),
        peer: Peer { helo: String::new(), address: String::new(), with: With::Lmtp },
        permit: admission.session().admit(reserved).unwrap(),
    };
    Content::new(Box::new(open), &settings)
}

/// The largest capacity on the way, and what became of `lines` in reads of `read` bytes.
fn receive(
    admission: &Admission,
    size: Option<u64>,
    line: &[u8],
    lines: usize,
    read: usize,
) -> (usize, Ended) {
    let mut content = content(admission, size);
    let end: &[u8] = if line.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" };
    let wire = [&line.repeat(lines), end].concat();
    let mut largest = content.buffer.capacity();
    let mut ended = false;
    for piece in wire.chunks(read) {
        assert!(!ended);
        ended = content.take(&mut BytesMut::from(piece));
        largest = largest.max(content.buffer.capacity());
        let held = content.buffer.len() as u64;
        let permitted = content.open.permit.bytes() + SLACK_BYTES as u64;
        assert!(content.refused.is_some() || held <= permitted, "{held} held, {permitted} permitted");
    }
    assert!(ended);
    (largest, content.end())
}

fn admission() -> Admission {
    Admission::new(&settings(), &Metrics::default())
}

#[test]
fn reserved_is_what_was_announced_and_a_little_or_the_limit() {
    assert_eq!(reserved_bytes(None, 1_000_000), 1_000_000);
    assert_eq!(reserved_bytes(Some(0), 1_000_000), 1_024);
    assert_eq!(reserved_bytes(Some(32_000), 1_000_000), 34_024);
    assert_eq!(reserved_bytes(Some(999_999), 1_000_000), 1_000_000);
    assert_eq!(reserved_bytes(Some(u64::MAX), 1_000_000), 1_000_000);
}

#[test]
fn a_mail_announced_rightly_has_one_buffer_of_its_size() {
    let line = [b"x".repeat(62).as_slice(), b"\r\n"].concat();
    for lines in [1, 64, 16 * KIB] {
        let size = 64 * lines;
        let (largest, ended) = receive(&admission(), Some(size as u64), &line, lines, 32 * KIB);
        assert_eq!(largest, size + size / 32 + 1_024 + SLACK_BYTES);
        assert_eq!(ended.content.unwrap().len(), size);
        assert_eq!(ended.open.permit.bytes(), size as u64);
    }
}

#[test]
fn a_mail_that_is_not_announced_grows_in_few_steps() {
    let line = [b"x".repeat(62).as_slice(), b"\r\n"].concat();
    for (size, largest) in [
        (4 * KIB, 64 * KIB),
        (64 * KIB, 64 * KIB),
        (65 * KIB, MIB),
        (MIB, MIB),
        (MIB + KIB, 4 * MIB),
        (4 * MIB, 4 * MIB),
    ] {
        // A read that leaves less than a little room steps one up; small reads show the steps themselves.
        let (capacity, ended) = receive(&admission(), None, &line, size / 64, 64);
        assert_eq!(capacity, largest + SLACK_BYTES, "{size}");
        assert_eq!(ended.content.unwrap().len(), size);
        assert_eq!(ended.open.permit.bytes(), size as u64);
    }
}

#[test]
fn bare_newlines_never_make_it_larger_than_the_limit() {
    for size in [None, Some(0), Some(MIB as u64), Some(4 * MIB as u64)] {
        let (largest, ended) = receive(&admission(), size, b"\n", 2 * MIB - 1, 32 * KIB);
        assert!(largest <= 4 * MIB + SLACK_BYTES, "{largest}");
        assert_eq!(ended.content.unwrap().len(), 4 * MIB);
        // One more is above the limit; everything it held is given back.
        let admission = admission();
        let (largest, ended) = receive(&admission, size, b"\n", 2 * MIB, 32 * KIB);
        assert!(largest <= 4 * MIB + SLACK_BYTES, "{largest}");
        assert_eq!(ended.content, Err(ContentRefusal::Size));
        assert_eq!(admission.in_flight_bytes(), 0);
    }
}

#[test]
fn a_small_mail_does_not_keep_a_large_buffer() {
    let (_, ended) = receive(&admission(), None, b"x\r\n", 3, 100);
    let content = BytesMut::from(ended.content.unwrap());
    assert_eq!((content.len(), content.capacity()), (9, 9));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_lie_about_the_size_costs_no_more_than_the_truth(
        announced in proptest::option::of(0..4 * MIB as u64),
        lines in 0..60 * KIB,
        read in 1..40 * KIB,
    ) {
        let line = [b"x".repeat(62).as_slice(), b"\r\n"].concat();
        let size = 64 * lines;
        let (largest, ended) = receive(&admission(), announced, &line, lines, read.max(64));
        prop_assert!(largest <= 4 * MIB + SLACK_BYTES);
        if let Some(announced) = announced {
            let honest = size.max(usize::try_from(announced).unwrap()).max(64 * KIB);
            prop_assert!(largest <= honest + honest / 4 + 4 * SLACK_BYTES, "{} for {}", largest, honest);
        }
        prop_assert_eq!(ended.content.map(|content| content.len()), Ok(size));
    }
}
