//! The state machine against the literal definition, over every short string and every split of it.

use bytes::BytesMut;
use proptest::prelude::*;

use super::{Decoder, Encoder, FINAL_DOT};

/// The definition, read off the RFC: the content ends at the first CRLF `.` CRLF (the start of the stream counts as
/// CRLF); each line, lines being what CRLF separates, loses one leading dot; then every bare CR or LF becomes CRLF.
/// Returns the content, the number of bytes used and the number of repairs; `None` where there is no end.
fn definition(wire: &[u8]) -> Option<(Vec<u8>, usize, u64)> {
    let preceded = [b"\r\n", wire].concat();
    let end = preceded.windows(5).position(|window| window == b"\r\n.\r\n")?;
    let stuffed = &preceded[2..end + 2];
    let mut content = Vec::new();
    for (number, line) in split_crlf(stuffed).into_iter().enumerate() {
        if number > 0 {
            content.extend_from_slice(b"\r\n");
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    let (content, bare) = canonical(&content);
    Some((content, end + 3, bare))
}

fn split_crlf(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut from = 0;
    for at in 0..bytes.len().saturating_sub(1) {
        if at >= from && &bytes[at..at + 2] == b"\r\n" {
            lines.push(&bytes[from..at]);
            from = at + 2;
        }
    }
    lines.push(&bytes[from..]);
    lines
}

/// Every CR without LF and every LF without CR becomes CRLF.
fn canonical(bytes: &[u8]) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    let mut bare = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let follows_cr = at > 0 && bytes[at - 1] == b'\r';
        let precedes_lf = bytes.get(at + 1) == Some(&b'\n');
        match byte {
            b'\r' if precedes_lf => {}
            b'\n' if follows_cr => out.extend_from_slice(b"\r\n"),
            b'\r' | b'\n' => {
                bare += 1;
                out.extend_from_slice(b"\r\n");
            }
            byte => out.push(byte),
        }
    }
    (out, bare)
}

/// What a content becomes by being sent: canonical, and with a line end behind its last line.
fn sent(content: &[u8]) -> Vec<u8> {
    let (mut content, _) = canonical(content);
    if !content.is_empty() && !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    content
}

fn decode(reads: &[&[u8]]) -> Option<(Vec<u8>, usize, u64)> {
    let mut decoder = Decoder::new();
    let mut content = BytesMut::new();
    let mut used = 0;
    for read in reads {
        let (taken, ended) = decoder.decode(read, &mut content);
        used += taken;
        if ended {
            return Some((content.to_vec(), used, decoder.bare()));
        }
        assert_eq!(taken, read.len(), "without the end, everything is used");
    }
    None
}

fn encode(pieces: &[&[u8]]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut wire = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while let Some(out) = encoder.next_piece(&mut rest) {
            wire.extend_from_slice(out);
        }
    }
    wire.extend_from_slice(encoder.finish());
    wire.extend_from_slice(FINAL_DOT);
    wire
}

/// Calls `check` with every string over {`.`, CR, LF, x} of up to `length` bytes, except the empty one.
fn enumerate(length: usize, mut check: impl FnMut(&[u8])) -> usize {
    let mut count = 0;
    for length in 1..=length {
        for number in 0..4_usize.pow(u32::try_from(length).unwrap()) {
            let string: Vec<u8> = (0..length).map(|at| b".\r\nx"[number >> (2 * at) & 3]).collect();
            check(&string);
            count += 1;
        }
    }
    count
}

#[test]
fn every_string_up_to_eight_bytes_in_every_split_decodes_as_defined() {
    let count = enumerate(8, |wire| {
        let expected = definition(wire);
        for split in 0..wire.len() {
            let (first, second) = wire.split_at(split);
            assert_eq!(
                decode(&[first, second]),
                expected,
                "{:?} split at {split}",
                wire.escape_ascii().to_string()
            );
        }
        let bytewise: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(decode(&bytewise), expected, "{:?} bytewise", wire.escape_ascii().to_string());
    });
    assert_eq!(count, 87_380);
}

#[test]
fn every_string_up_to_eight_bytes_in_every_split_survives_the_wire() {
    enumerate(8, |content| {
        for split in 0..content.len() {
            let (first, second) = content.split_at(split);
            let wire = encode(&[first, second]);
            check_wire(&wire);
            let (decoded, used, bare) = decode(&[&wire]).expect("what we send ends");
            assert_eq!((decoded, used, bare), (sent(content), wire.len(), 0));
        }
    });
}

/// CRLF.CRLF once and at the end, and no bare CR or LF.
fn check_wire(wire: &[u8]) {
    let preceded = [b"\r\n", wire].concat();
    let ends: Vec<_> =
        preceded.windows(5).enumerate().filter(|(_, w)| w == b"\r\n.\r\n").map(|(at, _)| at).collect();
    assert_eq!(ends, [preceded.len() - 5], "{:?}", wire.escape_ascii().to_string());
    assert_eq!(canonical(wire).1, 0, "{:?}", wire.escape_ascii().to_string());
}

#[test]
fn discarding_finds_the_same_end() {
    enumerate(7, |wire| {
        let mut decoder = Decoder::new();
        let (used, ended) = decoder.discard(wire);
        assert_eq!(ended.then_some(used), definition(wire).map(|(_, used, _)| used));
    });
}

#[test]
fn what_follows_the_end_is_left_alone() {
    let (content, used, _) = decode(&[b"a\r\n.\r\nQUIT\r\n"]).expect("it ends");
    assert_eq!((content.as_slice(), used), (&b"a\r\n"[..], 6));
}

#[test]
fn no_look_alike_ends_the_data() {
    let sequences: &[&[u8]] = &[
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r.\n",
        b"\n.\r",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n. \r\n",
        b"\x0b.\x0b",
        b"\x0c.\x0c",
        b"\xc2\x85.\xc2\x85",
        b"\xe2\x80\xa8.\xe2\x80\xa8",
    ];
    for sequence in sequences {
        let wire = [b"a", *sequence, b"b"].concat();
        assert_eq!(decode(&[&wire]), None, "{:?}", wire.escape_ascii().to_string());
    }
}

proptest! {
    #[test]
    fn any_content_survives_the_wire(content in prop::collection::vec(any::<u8>(), 0..4_000), split in 0_usize..4_000) {
        let (first, second) = content.split_at(split.min(content.len()));
        let wire = encode(&[first, second]);
        check_wire(&wire);
        prop_assert_eq!(decode(&[&wire]).map(|(decoded, ..)| decoded), Some(sent(&content)));
    }
}
