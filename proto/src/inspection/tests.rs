//! Round trips, both sides of each limit, and bytes that are no frame.

use proptest::prelude::*;

use super::*;
use crate::{Category, Unchecked};

fn report(names: usize) -> Report {
    let found = Found::new(Category::Unchecked(Unchecked::Ambiguous), "x".repeat(REPORT_NAME_BYTES_MAX));
    Report { serial: 7, micros: 90, findings: vec![found; names], opened: 1, is_cut: false }
}

fn setup() -> Setup {
    Setup { rules: AttachmentRules::default(), memory_bytes_max: 1 << 30, cpu_seconds_max: 20 }
}

fn split(frame: &[u8]) -> ([u8; PREFIX_BYTES], &[u8]) {
    let (prefix, header) = frame.split_first_chunk().unwrap();
    (*prefix, header)
}

fn read<M: Message>(frame: &[u8], content_bytes_max: usize) -> Result<(Prefix, M), FrameError> {
    let (bytes, rest) = split(frame);
    let prefix = prefix::<M>(bytes, content_bytes_max)?;
    Ok((prefix, header(rest)?))
}

#[test]
fn every_message_comes_back() {
    let hello =
        Hello { in_force: InForce { landlock_abi: 6, missing: vec!["x".into()], ..InForce::default() } };
    let inspect = Inspect { serial: u64::MAX, wanted: Wanted::All };
    let part = Part { serial: 1, is_hidden: true };
    assert_eq!(read::<Setup>(&encode(&setup(), 0).unwrap(), 0).unwrap().1, setup());
    assert_eq!(read::<Hello>(&encode(&hello, 0).unwrap(), 0).unwrap().1, hello);
    assert_eq!(read::<Report>(&encode(&report(16), 0).unwrap(), 0).unwrap().1, report(16));
    assert_eq!(read::<Part>(&encode(&part, 9).unwrap(), 9).unwrap().1, part);
    let frame = encode(&inspect, 60_000).unwrap();
    let (prefix, back) = read::<Inspect>(&frame, 60_000).unwrap();
    assert_eq!(back, inspect);
    assert_eq!(prefix, Prefix { header_bytes: frame.len() - PREFIX_BYTES, content_bytes: 60_000 });
}

#[test]
fn lengths_at_both_sides_of_their_limits() {
    let frame = encode(&Inspect { serial: 0, wanted: Wanted::Nothing }, 100).unwrap();
    assert!(read::<Inspect>(&frame, 100).is_ok());
    assert!(matches!(read::<Inspect>(&frame, 99), Err(FrameError::ContentTooLong(100))));
    // 32 names of 4 KiB do not fit into 128 KiB.
    assert!(encode(&report(31), 0).is_ok());
    assert!(matches!(encode(&report(32), 0), Err(FrameError::HeaderTooLong(_))));
    let (mut bytes, _) = split(&encode(&report(0), 0).unwrap());
    let mut of = |length: usize| {
        bytes[2..6].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        prefix::<Report>(bytes, 0)
    };
    assert!(of(Report::HEADER_BYTES_MAX).is_ok());
    assert!(matches!(of(Report::HEADER_BYTES_MAX + 1), Err(FrameError::HeaderTooLong(_))));
}

#[test]
fn what_is_not_that_message_is_an_error() {
    let frame = encode(&report(1), 0).unwrap();
    assert!(matches!(read::<Hello>(&frame, 0), Err(FrameError::OutOfTurn(4))));
    let mut other = frame.clone();
    other[0] = 2;
    assert!(matches!(read::<Report>(&other, 0), Err(FrameError::Alien)));
    let (_, header_bytes) = split(&frame);
    for end in 0..header_bytes.len() {
        assert!(matches!(header::<Report>(&header_bytes[..end]), Err(FrameError::Decode(_))), "{end}");
    }
    let longer = [header_bytes, b"x"].concat();
    assert!(matches!(header::<Report>(&longer), Err(FrameError::Trailing(1))));
}

#[test]
fn the_next_message_is_told_by_its_kind() {
    let (part, _) = split(&encode(&Part { serial: 0, is_hidden: false }, 0).unwrap());
    let (report, _) = split(&encode(&report(0), 0).unwrap());
    assert!(is_next::<Part>(&part) && !is_next::<Part>(&report));
    assert!(is_next::<Report>(&report) && !is_next::<Report>(&part));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), PREFIX_BYTES..200)) {
        let (bytes, rest) = split(&bytes);
        drop((prefix::<Setup>(bytes, 0), prefix::<Inspect>(bytes, usize::MAX)));
        drop((header::<Setup>(rest), header::<Hello>(rest), header::<Inspect>(rest), header::<Report>(rest), header::<Part>(rest)));
    }

    #[test]
    fn no_change_of_a_frame_panics(at in 0usize..1_000, byte in any::<u8>()) {
        let mut frame = encode(&setup(), 0).unwrap();
        let at = at % frame.len();
        frame[at] = byte;
        drop(read::<Setup>(&frame, 1_000));
    }
}
