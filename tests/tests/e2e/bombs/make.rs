//! Archives that are small and unpack to gigabytes, made in milliseconds: one packed piece, many times.

use std::io::{Cursor, Write as _};

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use harness::zip::zip;
use lzma_rust2::{LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use sevenz_rust2::encoder_options::Lzma2Options;
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, SourceReader};

/// Ten megabytes of zeros, a thousand times.
const PIECE_BYTES: usize = 10_000_000;
const PIECES: usize = 1_000;

fn zeros(bytes: usize) -> Vec<u8> {
    vec![0; bytes]
}

/// Zip: members that overlap. Each begins with the local header of the next as a stored block and goes on as that one,
/// so that all of them end in the same packed zeros: five gigabytes in all.
pub(super) fn overlapping() -> Vec<u8> {
    const MEMBERS: usize = 250;
    let plain = zeros(20 * 1024 * 1024);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&plain).unwrap();
    let kernel = encoder.finish().unwrap();
    let mut crc = Crc::new();
    crc.update(&plain);
    let mut said = Said { number: 0, packed: kernel.len(), size: plain.len(), crc };
    let (mut from_end, mut pieces) = (kernel.len(), vec![kernel]);
    let mut members = Vec::new();
    loop {
        let header = said.local();
        from_end += header.len();
        members.push((said.central(), from_end));
        pieces.push(header.clone());
        if members.len() == MEMBERS {
            break;
        }
        let quote = [&[0][..], &le(header.len())[..2], &le(!header.len())[..2]].concat();
        from_end += quote.len();
        said = said.quoted(&header, quote.len());
        pieces.push(quote);
    }
    pieces.reverse();
    let body = pieces.concat();
    let entries = members.iter().map(|(entry, from_end)| {
        let name = entry.len() - Said::NAME_BYTES;
        [&entry[..name], &le(body.len() - from_end), &entry[name..]].concat()
    });
    let directory: Vec<u8> = entries.flatten().collect();
    let count = &le(members.len())[..2];
    [
        &body,
        &directory,
        &b"PK\x05\x06\0\0\0\0"[..],
        count,
        count,
        &le(directory.len()),
        &le(body.len()),
        b"\0\0",
    ]
    .concat()
}

/// What the headers of a member say.
struct Said {
    number: usize,
    packed: usize,
    size: usize,
    crc: Crc,
}

impl Said {
    const NAME_BYTES: usize = 6;

    /// The member whose content is `header` and then this one's.
    fn quoted(&self, header: &[u8], quote_bytes: usize) -> Self {
        let mut crc = Crc::new();
        crc.update(header);
        crc.combine(&self.crc);
        let packed = quote_bytes + header.len() + self.packed;
        Self { number: self.number + 1, packed, size: header.len() + self.size, crc }
    }

    fn common(&self) -> Vec<u8> {
        let figures = [self.crc.sum().to_le_bytes(), le(self.packed), le(self.size)].concat();
        [b"\x14\0\0\0\x08\0\0\0\x21\x5a", figures.as_slice(), &[6, 0, 0, 0]].concat()
    }

    fn name(&self) -> Vec<u8> {
        format!("{:06}", self.number).into_bytes()
    }

    fn local(&self) -> Vec<u8> {
        [b"PK\x03\x04", self.common().as_slice(), &self.name()].concat()
    }

    /// Without the offset, which stands before the name.
    fn central(&self) -> Vec<u8> {
        [b"PK\x01\x02\x14\0", self.common().as_slice(), &[0; 10], &self.name()].concat()
    }
}

/// Zip: sixteen archives in each of sixteen archives, and so on; 4 TB in all.
pub(super) fn nested() -> Vec<u8> {
    let mut content = zip(&[("0.dll.txt", &zeros(4 * 1024 * 1024))]);
    for level in 0..5 {
        let names: Vec<String> = (0..16).map(|number| format!("lib {level}{number:x}.zip")).collect();
        let members: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), content.as_slice())).collect();
        content = zip(&members);
    }
    content
}

/// A gzip file in a gzip file in a gzip file, a hundred deep.
pub(super) fn gzip_chain() -> Vec<u8> {
    (0..100).fold(zeros(PIECE_BYTES), |content, _| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content).unwrap();
        encoder.finish().unwrap()
    })
}

/// Ten gigabytes of zeros.
pub(super) fn bzip2() -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(&zeros(PIECE_BYTES)).unwrap();
    encoder.finish().unwrap().repeat(PIECES)
}

/// Ten gigabytes of zeros.
pub(super) fn xz() -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
    writer.write_all(&zeros(PIECE_BYTES)).unwrap();
    writer.finish().unwrap().repeat(PIECES)
}

/// Ten gigabytes of zeros in one frame: blocks of one byte that is to be repeated.
pub(super) fn zstd() -> Vec<u8> {
    const BLOCK_BYTES: usize = 128 * 1024;
    let block = |last: usize| [&le(last | 1 << 1 | BLOCK_BYTES << 3)[..3], &[0]].concat();
    let blocks = block(0).repeat(PIECE_BYTES * PIECES / BLOCK_BYTES);
    // A window of 128 KiB.
    [b"\x28\xb5\x2f\xfd\0\x38", blocks.as_slice(), &block(1)].concat()
}

/// A frame that asks for a window of four gigabytes.
pub(super) fn zstd_window() -> Vec<u8> {
    [&b"\x28\xb5\x2f\xfd\0\xb0"[..], &le(1 | 1 << 1 | 100_000 << 3)[..3], &[0]].concat()
}

/// Tar: a file of ten bytes with a hole of a hundred gigabytes in it.
pub(super) fn sparse_tar() -> Vec<u8> {
    let size = 100 * 1024 * 1024 * 1024_u64;
    let record = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        // All of these lines have two digits of length.
        format!("{}{rest}", rest.len() + 2)
    };
    let records = [
        record("GNU.sparse.major", "1"),
        record("GNU.sparse.minor", "0"),
        record("GNU.sparse.name", "sparse"),
        record("GNU.sparse.realsize", &size.to_string()),
    ];
    let map = padded(format!("2\n0\n5\n{}\n5\n", size - 5).as_bytes());
    let data = [map.as_slice(), b"firstother"].concat();
    [tar_entry("pax", b'x', records.concat().as_bytes()), tar_entry("sparse", b'0', &data), zeros(1_024)]
        .concat()
}

fn tar_entry(name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
    let mut header = zeros(512);
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(124, format!("{:011o}\0", data.len()).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    [header, padded(data)].concat()
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    data.resize(data.len().next_multiple_of(512), 0);
    data
}

/// 7z: two hundred files in one block, none of them large by itself.
pub(super) fn solid_seven() -> Vec<u8> {
    let plain = zeros(1_000_000);
    let entries = (0..200).map(|number| ArchiveEntry::new_file(&format!("{number}.txt"))).collect();
    let readers = (0..200).map(|_| SourceReader::from(plain.as_slice())).collect();
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.set_content_methods(vec![Lzma2Options::from_level(0).into()]);
    writer.push_archive_entries(entries, readers).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Lzma that asks for a dictionary of four gigabytes, and has zeros in it.
pub(super) fn lzma_dictionary() -> Vec<u8> {
    let mut writer = LzmaWriter::new_use_header(Vec::new(), &LzmaOptions::with_preset(0), None).unwrap();
    writer.write_all(&zeros(2 * PIECE_BYTES)).unwrap();
    let mut packed = writer.finish().unwrap();
    packed[1..5].fill(0xff);
    packed
}

/// The four lowest bytes.
fn le(number: usize) -> [u8; 4] {
    let [first, second, third, fourth, ..] = number.to_le_bytes();
    [first, second, third, fourth]
}
