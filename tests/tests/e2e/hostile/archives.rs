//! zip, 7z and tar: methods, filters, what stands before and behind, and passwords.

use std::io::Cursor;

use harness::mails::base64_lines;
use harness::zip::{Packed, archive, local, zip};
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod};

use super::fixtures::fixture;
use super::letter::{encoded, multipart};
use super::streams::{bzip2, deflate, gzip, lzma_of_zip, xz, zstd};
use super::{Row, sample};

const NAME: &str = "letter.txt";
const ENCRYPTED: &str = "unchecked-encrypted";
const NOT_READ: &str = "unchecked-ambiguous";

pub(super) fn rows() -> Vec<Row> {
    [zips(), odd_zips(), sevens(), tars(), behind_passwords()].into_iter().flatten().collect()
}

fn zip_by(method: u16, data: Vec<u8>) -> Vec<u8> {
    archive(&[Packed::new(NAME, method, data, &sample())])
}

/// One that clamd does not open.
pub(super) fn zip_of_lzma(name: &str, plain: &[u8]) -> Vec<u8> {
    archive(&[Packed::new(name, 14, lzma_of_zip(plain), plain)])
}

fn zips() -> Vec<Row> {
    let sample = sample();
    let solid = |data: Vec<u8>, method| {
        archive(&[Packed::deflated("other.txt", b"harmless"), Packed::new(NAME, method, data, &sample)])
    };
    [
        ("zip, stored", zip_by(0, sample.clone())),
        ("zip, deflate", zip_by(8, deflate(&sample))),
        ("zip, deflate64", fixture("zip deflate64")),
        ("zip, bzip2", zip_by(12, bzip2(&sample))),
        ("zip, lzma", zip_by(14, lzma_of_zip(&sample))),
        ("zip, ppmd", fixture("zip ppmd")),
        ("zip, xz", zip_by(95, xz(&sample))),
        ("zip, zstd", zip_by(93, zstd(&sample))),
        ("zip, deflate and then lzma", solid(lzma_of_zip(&sample), 14)),
        ("zip, deflate and then zstd", solid(zstd(&sample), 93)),
    ]
    .map(|(name, bytes)| Row::attached(name, &bytes))
    .into()
}

/// Something that begins as a program does, longer than what is read of it at once.
fn program() -> Vec<u8> {
    let mut program = b"MZ\x90\0".to_vec();
    program.resize(60, 0);
    program.extend([64, 0, 0, 0]);
    program.extend(b"PE\0\0\x4c\x01");
    program.resize(100_000, 0x90);
    program
}

fn odd_zips() -> Vec<Row> {
    let sample = sample();
    let lzma = Packed::new(NAME, 14, lzma_of_zip(&sample), &sample);
    let deflated = zip(&[(NAME, &sample)]);
    let undirected = [local(&lzma), zip(&[("other.txt", b"harmless")])].concat();
    [
        ("zip behind data", [&[b'x'; 300][..], &deflated].concat()),
        ("zip before data", [&deflated[..], &[b'x'; 300]].concat()),
        ("zip of lzma behind data", [&[b'x'; 300][..], &archive(std::slice::from_ref(&lzma))].concat()),
        ("zip with a member that no directory has", undirected),
        ("zip without a directory", local(&lzma)),
        ("zip behind a program", [program(), deflated.clone()].concat()),
        ("zip of lzma behind a program", [program(), archive(&[lzma])].concat()),
        ("zip behind another format", [b"ID3\x04", &[0; 300][..], &deflated].concat()),
        ("zip with an end in its comment", commented(&deflated, &end_of_nothing())),
        ("zip64", wide(&deflated)),
        ("zip of 7z of bzip2", zip(&[("a.7z", &seven(&[EncoderMethod::BZIP2]))])),
        ("docx with a zip of lzma", {
            let inner = zip_of_lzma(NAME, &sample);
            zip(&[("[Content_Types].xml", b"<Types/>"), ("word/embeddings/a.zip", &inner)])
        }),
    ]
    .map(|(name, bytes)| Row::attached(name, &bytes))
    .into()
}

const END_BYTES: usize = 22;

fn end_of_nothing() -> Vec<u8> {
    [&b"PK\x05\x06"[..], &[0; END_BYTES - 4]].concat()
}

/// The archive with a comment.
fn commented(archive: &[u8], comment: &[u8]) -> Vec<u8> {
    let front = &archive[..archive.len() - 2];
    [front, &u16::try_from(comment.len()).unwrap().to_le_bytes(), comment].concat()
}

/// The archive of one member with an end as zip64 has it, to which the usual one refers.
fn wide(archive: &[u8]) -> Vec<u8> {
    let (front, end) = archive.split_at(archive.len() - END_BYTES);
    let field = |at: usize| u64::from(u32::from_le_bytes(end[at..at + 4].try_into().unwrap()));
    let figures = [1, 1, field(12), field(16)].map(u64::to_le_bytes).concat();
    let here = (front.len() as u64).to_le_bytes();
    [
        front,
        &b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0"[..],
        &figures,
        &b"PK\x06\x07\0\0\0\0"[..],
        &here,
        &[1, 0, 0, 0],
        &b"PK\x05\x06\0\0\0\0"[..],
        &[0xff; 12],
        &[0, 0],
    ]
    .concat()
}

/// By these methods, the last of which gives the bytes of the file.
fn seven(methods: &[EncoderMethod]) -> Vec<u8> {
    seven_of(methods, &[(NAME, &sample())])
}

fn seven_of(methods: &[EncoderMethod], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.set_content_methods(methods.iter().copied().map(EncoderConfiguration::new).collect());
    let entries = files.iter().map(|(name, _)| ArchiveEntry::new_file(name)).collect();
    let readers = files.iter().map(|(_, content)| (*content).into()).collect();
    writer.push_archive_entries::<&[u8]>(entries, readers).unwrap();
    writer.finish().unwrap().into_inner()
}

fn sevens() -> Vec<Row> {
    let sample = sample();
    let files: [(&str, &[u8]); 2] = [("other.txt", b"harmless, and in the same block"), (NAME, &sample)];
    let lzma = seven(&[EncoderMethod::LZMA]);
    [
        ("7z, copied", seven(&[EncoderMethod::COPY])),
        ("7z, lzma2", seven(&[EncoderMethod::LZMA2])),
        ("7z, ppmd", seven(&[EncoderMethod::PPMD])),
        ("7z, bzip2", seven(&[EncoderMethod::BZIP2])),
        ("7z, deflate", seven(&[EncoderMethod::DEFLATE])),
        ("7z, bcj and lzma2", fixture("7z bcj")),
        // The crate lists them the other way round, as 7-Zip does not; clamd opens only its way.
        ("7z, lzma2 and bcj", seven(&[EncoderMethod::BCJ_X86_FILTER, EncoderMethod::LZMA2])),
        ("7z, bcj2 and lzma", fixture("7z bcj2")),
        ("7z, arm64 and lzma2", fixture("7z arm64")),
        ("7z, delta and lzma2", seven(&[EncoderMethod::DELTA_FILTER, EncoderMethod::LZMA2])),
        ("7z with a list by bzip2", fixture("7z with a list by bzip2")),
        ("7z, solid", seven_of(&[EncoderMethod::LZMA2], &files)),
        ("7z, solid, by bzip2", seven_of(&[EncoderMethod::BZIP2], &files)),
        ("7z behind a program", [program(), lzma.clone()].concat()),
        ("7z of bzip2 behind a program", [program(), seven(&[EncoderMethod::BZIP2])].concat()),
        ("7z, lzma", lzma),
    ]
    .map(|(name, bytes)| Row::attached(name, &bytes))
    .into_iter()
    .chain([Row::attached("7z, deflate64", &fixture("7z deflate64")).unchecked(NOT_READ)])
    .collect()
}

/// A header of tar, and what it is of.
fn entry(name: &[u8], kind: u8, magic: &[u8; 8], data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, b"0000644\x000000000\x000000000\x00");
    put(124, format!("{:011o}\0{:011o}\0", data.len(), 0).as_bytes());
    put(156, &[kind]);
    put(257, magic);
    seal(&mut block);
    block.extend(data);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// Writes the checksum of the header.
fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..512].iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

const USTAR: &[u8; 8] = b"ustar\x0000";
const GNU: &[u8; 8] = b"ustar  \0";

fn tars() -> Vec<Row> {
    let sample = sample();
    let tar = |entries: &[Vec<u8>]| [entries.concat(), vec![0; 1024]].concat();
    let long = [b"directory/".repeat(15), NAME.into()].concat();
    let of_pax = format!("170 path={}\n", String::from_utf8(long.clone()).unwrap());
    let ustar = tar(&[entry(NAME.as_bytes(), b'0', USTAR, &sample)]);
    let inner = zip_of_lzma(NAME, &sample);
    let mut base_256 = entry(NAME.as_bytes(), b'0', USTAR, &sample);
    base_256[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128]);
    seal(&mut base_256);
    let mut told_by_pax = entry(NAME.as_bytes(), b'0', USTAR, &sample);
    told_by_pax[124..136].copy_from_slice(b"00000000000\0");
    seal(&mut told_by_pax);
    [
        ("tar with a size in base 256", tar(&[base_256])),
        ("tar with a size of pax", tar(&[entry(b"x", b'x', USTAR, b"12 size=128\n"), told_by_pax])),
        ("tar of gnu", tar(&[entry(b"././@LongLink", b'L', GNU, &long), entry(b"d", b'0', GNU, &sample)])),
        (
            "tar of pax",
            tar(&[entry(b"x", b'x', USTAR, of_pax.as_bytes()), entry(b"d", b'0', USTAR, &sample)]),
        ),
        ("tar, with another before", {
            tar(&[entry(b"other", b'0', USTAR, b"harmless"), entry(NAME.as_bytes(), b'0', USTAR, &sample)])
        }),
        ("tar of a zip of lzma", tar(&[entry(b"a.zip", b'0', USTAR, &inner)])),
        ("tar.gz", gzip(&ustar)),
        ("tar.xz", xz(&ustar)),
        ("tar.bz2", bzip2(&ustar)),
        ("tar.zst", zstd(&ustar)),
        ("tar", ustar),
    ]
    .map(|(name, bytes)| Row::attached(name, &bytes))
    .into()
}

/// With the word in the letter it is opened; without it this is said.
fn behind_passwords() -> Vec<Row> {
    let names = ["zip encrypted", "zip encrypted by AES", "7z encrypted", "7z encrypted with names"];
    let mut rows = Vec::new();
    for name in names {
        let attachment = encoded("base64", base64_lines(&fixture(name)).as_bytes());
        let text = b"Content-Type: text/plain\r\n\r\nThe password: geheim\r\n".to_vec();
        let (field, body) = multipart("=b=", &[text, attachment.clone()]);
        rows.push(Row::of(&format!("{name}, with the word"), &field, &body));
        rows.push(Row::part(&format!("{name}, without the word"), attachment).unchecked(ENCRYPTED));
    }
    rows
}
