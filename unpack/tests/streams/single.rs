//! Formats of one file: whole, in pieces, cut, damaged, with something behind.

use std::io::Write;

use lzma_rust2::{LzipOptions, LzipWriter, LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use unpack::{Budget, Format, Limit, Limits, Trouble, formats};

use crate::support::{budget, no_time, open_as, read};

pub(crate) fn pack(format: Format, plain: &[u8]) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let builder =
                flate2::GzBuilder::new().filename("inner.exe").comment("a comment").extra(*b"extra");
            let mut encoder = builder.write(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Format::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Format::Xz => {
            let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Format::Lzma => {
            let options = LzmaOptions::with_preset(1);
            let mut encoder = LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Format::Lzip => {
            let mut encoder = LzipWriter::new(Vec::new(), LzipOptions::with_preset(1));
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Format::Zstd => compress_to_vec(plain, CompressionLevel::Fastest),
        other => panic!("{other:?} is not of one file"),
    }
}

pub(crate) const SINGLE: [Format; 6] =
    [Format::Gzip, Format::Bzip2, Format::Xz, Format::Lzma, Format::Lzip, Format::Zstd];
const SEVERAL: [Format; 5] = [Format::Gzip, Format::Bzip2, Format::Xz, Format::Lzip, Format::Zstd];

/// Bytes that do not pack well.
pub(crate) fn noise(count: u32) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1] & 0x3f
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn each_is_known_and_read() {
    let plain = noise(300_000);
    for format in SINGLE {
        let packed = pack(format, &plain);
        assert_eq!(formats(&packed), [format]);
        let opened = read(format, &packed);
        assert!(opened.members.len() == 1 && opened.members[0].content.bytes == plain, "{format:?}");
        assert_eq!(opened.all_troubles(), [], "{format:?}");
        let names: &[&str] = if format == Format::Gzip { &["inner.exe"] } else { &[] };
        assert_eq!(opened.names(), names);
    }
}

#[test]
fn pieces_are_one_file() {
    for format in SEVERAL {
        let two = [pack(format, b"first "), pack(format, b"second")].concat();
        let opened = read(format, &two);
        assert_eq!(opened.members[0].content.bytes, b"first second", "{format:?}");
        assert_eq!(opened.all_troubles(), [], "{format:?}");
    }
}

#[test]
fn something_behind_is_told() {
    for format in SINGLE {
        let packed = [pack(format, b"plain"), b"something else".to_vec()].concat();
        let opened = read(format, &packed);
        assert_eq!(opened.members[0].content.bytes, b"plain", "{format:?}");
        assert!(matches!(opened.members[0].content.trouble, Some(Trouble::Damaged(_))), "{format:?}");
    }
}

#[test]
fn a_cut_is_told_and_what_is_before_it_is_given() {
    let plain = noise(500_000);
    for format in SINGLE {
        let packed = pack(format, &plain);
        for (part, of) in [(1, 2), (9, 10)] {
            let opened = read(format, &packed[..packed.len() * part / of]);
            let content = &opened.members[0].content;
            assert!(
                matches!(content.trouble, Some(Trouble::Damaged(_))),
                "{format:?}: {:?}",
                content.trouble
            );
            // One block of bzip2 may be missing.
            let least = (plain.len() * part / of).saturating_sub(150_000);
            assert!(content.bytes.len() >= least, "{format:?}: {}", content.bytes.len());
            assert!(plain.starts_with(&content.bytes), "{format:?}");
        }
    }
}

#[test]
fn a_wrong_checksum_is_told_and_the_content_given() {
    for (format, from_end) in [(Format::Gzip, 6), (Format::Lzip, 18)] {
        let mut packed = pack(format, b"plain");
        let at = packed.len() - from_end;
        packed[at] ^= 1;
        let opened = read(format, &packed);
        assert_eq!(opened.members[0].content.bytes, b"plain");
        assert!(matches!(opened.members[0].content.trouble, Some(Trouble::Damaged(_))));
    }
}

#[test]
fn a_dictionary_of_four_gigabytes_is_not_asked_for() {
    let mut packed = pack(Format::Lzma, b"plain");
    packed[1..5].fill(0xff);
    let opened = read(Format::Lzma, &packed);
    assert_eq!((opened.members[0].content.bytes.as_slice(), opened.all_troubles().len()), (&b"plain"[..], 0));
    // The largest that lzip can tell.
    let mut packed = pack(Format::Lzip, b"plain");
    packed[5] = 29;
    assert_eq!(read(Format::Lzip, &packed).members[0].content.bytes, b"plain");
}

#[test]
fn a_dictionary_beyond_the_limit_is_told() {
    let mut xz = pack(Format::Xz, b"plain");
    // Header of the stream, then that of the block: size, flags, filter, bytes of properties, dictionary.
    assert_eq!(&xz[14..16], [0x21, 1]);
    xz[16] = 40;
    let block_bytes = usize::from(xz[12]) * 4;
    let crc = crc32fast::hash(&xz[12..12 + block_bytes]);
    xz[12 + block_bytes..16 + block_bytes].copy_from_slice(&crc.to_le_bytes());
    // A frame with a window of 8 MB: exponent 13.
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3][..], &[1, 0, 0]].concat();
    // What it repeats is further back than the limit lets it look.
    let lzma = pack(Format::Lzma, &noise(100_000).repeat(2));
    for (format, packed, bytes) in
        [(Format::Xz, xz, 1 << 30), (Format::Zstd, zstd, 1 << 22), (Format::Lzma, lzma, 1 << 16)]
    {
        let limits = Limits { dictionary_bytes_max: bytes, ..Limits::default() };
        let opened = open_as(format, &packed, &mut Budget::new(limits, no_time), &[]);
        assert_eq!(opened.all_troubles(), [Trouble::Limit(Limit::Dictionary)], "{format:?}");
    }
}

#[test]
fn headers_alone_are_damage() {
    for format in SINGLE {
        let packed = pack(format, b"plain");
        for cut in 0..packed.len() {
            let opened = open_as(format, &packed[..cut], &mut budget(), &[]);
            let is_empty_zstd = format == Format::Zstd && cut == 0;
            assert!(is_empty_zstd || !opened.all_troubles().is_empty(), "{format:?} cut at {cut}");
        }
    }
}

#[test]
fn frames_to_be_skipped_may_come_in_a_row() {
    let skipped = [0x184d_2a53_u32.to_le_bytes().as_slice(), &3_u32.to_le_bytes(), b"any"].concat();
    for count in [1, 2, 16] {
        let packed = [skipped.repeat(count), pack(Format::Zstd, b"plain")].concat();
        let opened = read(Format::Zstd, &packed);
        assert_eq!(opened.members[0].content.bytes, b"plain");
        assert_eq!(opened.all_troubles(), []);
    }
    assert_eq!(formats(&skipped.repeat(3)), []);
}

#[test]
fn a_dictionary_that_nobody_writes_is_read_as_the_least() {
    let mut packed = pack(Format::Lzma, b"plain and plain and plain");
    for dictionary in [0_u32, 1, 2, 1024, 2048, 4096] {
        packed[1..5].copy_from_slice(&dictionary.to_le_bytes());
        let opened = read(Format::Lzma, &packed);
        assert_eq!(opened.members[0].content.bytes, b"plain and plain and plain", "{dictionary}");
        assert_eq!(opened.all_troubles(), []);
    }
    packed[1..5].copy_from_slice(&[0; 4]);
    let long = pack(Format::Lzma, &noise(2_000).repeat(5));
    let long = [&long[..1], &[0; 4], &long[5..]].concat();
    assert_eq!(read(Format::Lzma, &long).bytes(), 10_000);
    // So begin the properties of a msg with a recipient: zeros and some counts.
    let counts =
        [[0; 8].as_slice(), &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], &[0; 12], b"\x03\0\x26\0"].concat();
    // An empty stream, and zeros.
    let empty = [&packed[..5], &[0; 8], &packed[13..]].concat();
    for content in [counts, empty, vec![0; 64]] {
        assert_eq!(formats(&content), []);
    }
}
