//! zip as others write it, by every method, and what is seen of it when it is cut or wrong.

use std::io::Write;

use lzma_rust2::{LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use unpack::{Format, Kind, Limits, Trouble, formats};

use crate::single::noise;
use crate::support::{Opened, budget, open_as, read};
use crate::zip_writer::{Part, append, central, deflate, end, local, zip};

pub(crate) const TEXT: &[u8] = b"a text that is in every archive here, a text, a text, a text that is";

fn content<'a>(opened: &'a Opened, name: &str) -> &'a [u8] {
    assert_eq!(opened.member(name).content.trouble, None);
    &opened.member(name).content.bytes
}

fn lzma_member() -> Vec<u8> {
    let mut options = LzmaOptions::with_preset(6);
    options.dict_size = 1 << 16;
    let mut encoder = LzmaWriter::new_no_header(Vec::new(), &options, true).unwrap();
    let mut data = vec![9, 20, 5, 0, encoder.props()];
    data.extend(options.dict_size.to_le_bytes());
    encoder.write_all(TEXT).unwrap();
    data.extend(encoder.finish().unwrap());
    data
}

#[test]
fn every_method_gives_name_and_content() {
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bzip2.write_all(TEXT).unwrap();
    let mut xz = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    xz.write_all(TEXT).unwrap();
    let opened = read(
        Format::Zip,
        &zip(&[
            Part::stored("stored", TEXT),
            Part::deflated("deflate", TEXT),
            Part::packed("bzip2", 12, &bzip2.finish().unwrap(), TEXT),
            Part::packed("lzma", 14, &lzma_member(), TEXT).both(|said| said.flags = 2),
            Part::packed("xz", 95, &xz.finish().unwrap(), TEXT),
            Part::packed("zstd", 93, &compress_to_vec(TEXT, CompressionLevel::Fastest), TEXT),
        ]),
    );
    assert_eq!(opened.names(), ["stored", "deflate", "bzip2", "lzma", "xz", "zstd"]);
    for name in opened.names() {
        assert_eq!(content(&opened, &name), TEXT, "{name}");
    }
    assert_eq!(opened.troubles, []);
}

#[test]
fn what_is_not_from_the_front_to_one_end_is_rare() {
    let plain = zip(&[Part::deflated("a", TEXT)]);
    let mut in_comment = plain.clone();
    *in_comment.iter_mut().nth_back(1).unwrap() = 22;
    in_comment.extend(end(0, 0, 0));
    for (name, archive, is_rare) in [
        ("plain", plain.clone(), false),
        ("behind data", [b"ID3".as_slice(), &plain].concat(), true),
        ("before data", [&plain, b"ID3".as_slice()].concat(), true),
        ("an end in the comment", in_comment, true),
    ] {
        let opened = read(Format::Zip, &archive);
        assert_eq!(content(&opened, "a"), TEXT, "{name}");
        assert_eq!(opened.member("a").is_rare, is_rare, "{name}");
    }
}

#[test]
fn what_is_in_front_and_behind_does_not_hide_it() {
    let plain = zip(&[Part::deflated("a", TEXT)]);
    let front = [b"MZ a program".as_slice(), &[7; 70_000], &plain].concat();
    let mut counted = b"MZ a program".to_vec();
    append(&mut counted, &[Part::deflated("a", TEXT)]);
    let behind = [plain.as_slice(), &[b'.'; 60_000]].concat();
    for content_bytes in [front, counted, behind] {
        let opened = read(Format::Zip, &content_bytes);
        assert_eq!(opened.names(), ["a"]);
        assert_eq!(content(&opened, "a"), TEXT);
        assert_eq!(opened.troubles, []);
    }
    // Behind a program the end may be further away than any reader looks from the back.
    let far = [b"MZ a program".as_slice(), &plain, &[0; 200_000]].concat();
    assert_eq!(content(&read(Format::Zip, &far), "a"), TEXT);
}

#[test]
fn four_bytes_in_a_program_are_no_zip() {
    let program = [b"MZ".as_slice(), &[0; 1000], b"PK\x03\x04\xff\xff and so on", &[0xff; 1000]].concat();
    assert_eq!(formats(&program), []);
}

#[test]
fn directories_links_and_wide_figures() {
    let link = Part::stored("link", b"/etc/passwd").both(|said| said.external = 0o120_777 << 16);
    let mut wide = Part::deflated("wide", TEXT);
    let packed = u64::from(wide.local.packed);
    wide = wide.both(|said| {
        said.extra = [vec![1, 0, 16, 0], u64::from(said.size).to_le_bytes().to_vec()].concat();
        said.extra.extend(packed.to_le_bytes());
        (said.packed, said.size) = (u32::MAX, u32::MAX);
    });
    let opened = read(Format::Zip, &zip(&[Part::stored("dir/", b""), link, wide]));
    assert_eq!(opened.member("dir/").kind, Kind::Directory);
    assert_eq!(opened.member("link").kind, Kind::Link);
    assert_eq!(content(&opened, "link"), b"/etc/passwd");
    assert_eq!(content(&opened, "wide"), TEXT);
    assert_eq!(opened.troubles, []);
}

#[test]
fn a_wide_end_is_followed() {
    let part = Part::deflated("a", TEXT);
    let mut out = local(&part.local, &part.data);
    let offset = out.len();
    out.extend(central(&part.local, 0));
    let bytes = out.len() - offset;
    let end64_at = out.len() as u64;
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for figure in [1, 1, bytes as u64, offset as u64] {
        out.extend(figure.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\x00\x00\x00\x00");
    out.extend(end64_at.to_le_bytes());
    out.extend([1, 0, 0, 0]);
    let mut narrow = end(0, 0, 0);
    narrow[8..20].fill(0xff);
    out.extend(narrow);
    let opened = read(Format::Zip, &out);
    assert_eq!((content(&opened, "a"), opened.troubles.as_slice()), (TEXT, [].as_slice()));
}

#[test]
fn a_wrong_checksum_and_an_unknown_method_are_told() {
    let wrong = Part::deflated("wrong", TEXT).both(|said| said.crc ^= 1);
    let unknown = Part::packed("unknown", 6, b"imploded", TEXT);
    let opened = read(Format::Zip, &zip(&[wrong, unknown]));
    let wrong = &opened.member("wrong").content;
    assert_eq!((wrong.bytes.as_slice(), wrong.trouble), (TEXT, Some(Trouble::Damaged("zip checksum"))));
    let unknown = &opened.member("unknown").content;
    assert_eq!(unknown.trouble, Some(Trouble::Unsupported("zip method implode")));
}

#[test]
fn every_cut_is_told_and_what_is_before_it_is_given() {
    let whole = zip(&[Part::stored("first", TEXT), Part::deflated("second", TEXT)]);
    let first_bytes = 30 + 5 + TEXT.len();
    for cut in 4..whole.len() {
        let opened = open_as(Format::Zip, &whole[..cut], &mut budget(), &[]);
        assert!(!opened.all_troubles().is_empty(), "cut at {cut}");
        if cut >= first_bytes {
            assert_eq!(opened.member("first").content.bytes, TEXT, "cut at {cut}");
        } else if cut > 35 {
            assert_eq!(opened.member("first").content.trouble, Some(Trouble::Damaged("truncated")));
        }
    }
}

#[test]
fn damage_inside_leaves_what_was_before_it() {
    let noise = noise(100_000);
    let mut data = deflate(&noise);
    let at = data.len() - 2_000;
    data[at..at + 500].fill(0xff);
    let opened = read(Format::Zip, &zip(&[Part::packed("a", 8, &data, &noise)]));
    let content = &opened.member("a").content;
    assert!(matches!(content.trouble, Some(Trouble::Damaged(_))));
    assert!(content.bytes.len() > 50_000 && content.bytes[..50_000] == noise[..50_000]);
}

#[test]
fn members_are_counted() {
    let many: Vec<Part> = (0..30).map(|n| Part::stored(&format!("{n}"), TEXT)).collect();
    let limits = Limits { members_max: 10, ..Limits::default() };
    let mut few = unpack::Budget::new(limits, crate::support::no_time);
    let opened = open_as(Format::Zip, &zip(&many), &mut few, &[]);
    assert_eq!(opened.members.len(), 10);
    assert!(opened.troubles.contains(&Trouble::Limit(unpack::Limit::Members)));
}
