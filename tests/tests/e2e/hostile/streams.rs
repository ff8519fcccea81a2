//! Compressed files without a directory, of one stream and of two.

use std::io::Write as _;

use bzip2::write::BzEncoder;
use flate2::write::{DeflateEncoder, GzEncoder};
use lzma_rust2::{LzipOptions, LzipWriter, LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Row, sample};

pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn bzip2(plain: &[u8]) -> Vec<u8> {
    let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn xz(plain: &[u8]) -> Vec<u8> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn small_dictionary() -> LzmaOptions {
    let mut options = LzmaOptions::with_preset(1);
    options.dict_size = 1 << 16;
    options
}

pub(super) fn lzma(plain: &[u8]) -> Vec<u8> {
    let mut encoder = LzmaWriter::new_use_header(Vec::new(), &small_dictionary(), None).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// As a member of a zip archive has it: with a header of its own, and with an end mark.
pub(super) fn lzma_of_zip(plain: &[u8]) -> Vec<u8> {
    let options = small_dictionary();
    let mut encoder = LzmaWriter::new_no_header(Vec::new(), &options, true).unwrap();
    let mut data = vec![9, 20, 5, 0, encoder.props()];
    data.extend(options.dict_size.to_le_bytes());
    encoder.write_all(plain).unwrap();
    data.extend(encoder.finish().unwrap());
    data
}

fn lzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = LzipWriter::new(Vec::new(), LzipOptions::with_preset(1));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(plain: &[u8]) -> Vec<u8> {
    compress_to_vec(plain, CompressionLevel::Fastest)
}

type Pack = fn(&[u8]) -> Vec<u8>;

/// Name and packer of each; whether a file may be several of it.
const PACKERS: [(&str, Pack, bool); 6] = [
    ("gzip", gzip, true),
    ("bzip2", bzip2, true),
    ("xz", xz, true),
    ("lzma", lzma, false),
    ("lzip", lzip, true),
    ("zstd", zstd, true),
];

/// Each with EICAR, and with EICAR cut in two of it, which nobody finds who stops behind the first.
pub(super) fn rows() -> Vec<Row> {
    let sample = sample();
    let (first, second) = sample.split_at(30);
    let mut rows = Vec::new();
    for (name, pack, may_be_several) in PACKERS {
        rows.push(Row::attached(name, &pack(&sample)));
        rows.push(Row::attached(&format!("{name} in {name}"), &pack(&pack(&sample))));
        if may_be_several {
            let two = [pack(first), pack(second)].concat();
            rows.push(Row::attached(&format!("{name}, in two streams"), &two));
        }
    }
    rows
}
