//! 7z as its crate writes it: solid, behind a program, damaged, too large.

use std::io::Cursor;

use sevenz_rust2::encoder_options::Lzma2Options;
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod};
use unpack::{Budget, Format, Kind, Limit, Limits, Trouble, formats};

use crate::support::{no_time, open_as, read};
use crate::zips::TEXT;

/// Each file in a block of its own.
pub(crate) fn seven(method: EncoderMethod, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    let configuration = if method == EncoderMethod::LZMA2 {
        let mut options = Lzma2Options::from_level(1);
        options.set_dictionary_size(1 << 20);
        EncoderConfiguration::new(method).with_options(options.into())
    } else {
        EncoderConfiguration::new(method)
    };
    writer.set_content_methods(vec![configuration]);
    for (name, data) in files {
        writer.push_archive_entry(ArchiveEntry::new_file(name), Some(*data)).unwrap();
    }
    writer.push_archive_entry::<&[u8]>(ArchiveEntry::new_directory("directory"), None).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_method_gives_name_and_content() {
    for method in [
        EncoderMethod::COPY,
        EncoderMethod::LZMA,
        EncoderMethod::LZMA2,
        EncoderMethod::BZIP2,
        EncoderMethod::DEFLATE,
        EncoderMethod::PPMD,
    ] {
        let packed = seven(method, &[("first", TEXT), ("second", b"other")]);
        let opened = read(Format::SevenZ, &packed);
        assert_eq!(opened.names(), ["first", "second", "directory"]);
        assert_eq!(opened.member("first").content.bytes, TEXT);
        assert_eq!(opened.member("second").content.bytes, b"other");
        assert_eq!(opened.member("directory").kind, Kind::Directory);
        assert_eq!(opened.all_troubles(), []);
    }
}

#[test]
fn coders_in_another_order_than_that_of_7_zip_are_rare() {
    let filtered = |methods: &[EncoderMethod]| {
        let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
        writer.set_content_methods(methods.iter().copied().map(EncoderConfiguration::new).collect());
        writer.push_archive_entry(ArchiveEntry::new_file("a"), Some(TEXT)).unwrap();
        writer.finish().unwrap().into_inner()
    };
    for (methods, is_rare) in [
        (&[EncoderMethod::LZMA2][..], false),
        (&[EncoderMethod::BZIP2], true),
        (&[EncoderMethod::BCJ_X86_FILTER, EncoderMethod::LZMA2], true),
    ] {
        let opened = read(Format::SevenZ, &filtered(methods));
        assert_eq!(opened.member("a").content.bytes, TEXT);
        assert_eq!(opened.member("a").is_rare, is_rare, "{methods:?}");
    }
}

#[test]
fn a_program_that_unpacks_itself_is_its_archive() {
    let packed = seven(EncoderMethod::LZMA, &[("first", TEXT)]);
    let program = [b"MZ a program with 7z\xbc\xaf\x27\x1c in it".as_slice(), &[1; 100_000], &packed].concat();
    assert_eq!(formats(&program), [Format::SevenZ]);
    assert_eq!(read(Format::SevenZ, &program).member("first").content.bytes, TEXT);
}

#[test]
fn a_damaged_block_does_not_take_the_others_along() {
    let mut packed = seven(EncoderMethod::COPY, &[("first", TEXT), ("second", b"other")]);
    packed[32] ^= 1;
    let opened = read(Format::SevenZ, &packed);
    assert!(matches!(opened.member("first").content.trouble, Some(Trouble::Damaged(_))));
    assert_eq!(opened.member("second").content.bytes, b"other");
    assert_eq!(opened.member("second").content.trouble, None);
}

#[test]
fn every_cut_is_told() {
    let packed = seven(EncoderMethod::LZMA, &[("first", TEXT)]);
    for cut in 6..packed.len() {
        let opened = read(Format::SevenZ, &packed[..cut]);
        assert!(!opened.all_troubles().is_empty(), "cut at {cut}");
    }
}

#[test]
fn what_a_limit_leaves_out_is_named() {
    let packed = seven(EncoderMethod::LZMA2, &[("large", &[7; 3_000_000]), ("small", TEXT)]);
    let limits = Limits { member_bytes_max: 1_000_000, ratio_max: u64::MAX, ..Limits::default() };
    let opened = open_as(Format::SevenZ, &packed, &mut Budget::new(limits, no_time), &[]);
    assert_eq!(opened.member("large").content.trouble, Some(Trouble::Limit(Limit::MemberBytes)));
    assert_eq!(opened.member("small").content.bytes, TEXT);
    let limits = Limits { dictionary_bytes_max: 0, ..Limits::default() };
    let opened = open_as(Format::SevenZ, &packed, &mut Budget::new(limits, no_time), &[]);
    assert_eq!(opened.names(), ["large", "small", "directory"]);
    assert!(opened.all_troubles().contains(&Trouble::Limit(Limit::Dictionary)), "{opened:?}");
}
