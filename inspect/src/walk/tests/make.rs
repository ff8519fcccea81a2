//! Containers, made by test code.

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use sevenz_rust2::encoder_options::{AesEncoderOptions, Lzma2Options};
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, Password};

/// What makes a container of one member.
pub(super) type Maker = fn(&str, &[u8]) -> Vec<u8>;

/// Formats that have names.
pub(super) const NAMED: [(&str, Maker); 8] = [
    ("zip", |name, content| zip(&[(name, content)])),
    ("deflated zip", |name, content| deflated(name, content)),
    ("tar", tar),
    ("gzip", gzip),
    ("7z", |name, content| seven(name, content, None)),
    ("cab", cab),
    ("uuencode", uuencode),
    ("yEnc", yenc),
];

/// Formats that have none.
pub(super) const NAMELESS: [(&str, Maker); 4] = [
    ("bzip2", |_, content| bzip2(content)),
    ("xz", |_, content| xz(content)),
    ("lzma", |_, c| lzma(c)),
    ("ole", cfb),
];

/// Stored members.
pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<_> =
        members.iter().map(|(name, content)| (*name, *content, content.to_vec(), 0, 0)).collect();
    zip_of(&members)
}

pub(super) fn deflated(name: &str, content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    zip_of(&[(name, content, encoder.finish().unwrap(), 8, 0)])
}

/// The old encryption of PKZIP.
pub(super) fn encrypted(name: &str, content: &[u8], password: &str) -> Vec<u8> {
    let mut keys = [0x1234_5678_u32, 0x2345_6789, 0x3456_7890];
    fn crc(crc: u32, byte: u8) -> u32 {
        let mut value = (crc ^ u32::from(byte)) & 0xff;
        for _ in 0..8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
        }
        (crc >> 8) ^ value
    }
    let update = |keys: &mut [u32; 3], byte: u8| {
        keys[0] = crc(keys[0], byte);
        keys[1] = keys[1].wrapping_add(keys[0] & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        keys[2] = crc(keys[2], (keys[1] >> 24) as u8);
    };
    for byte in password.bytes() {
        update(&mut keys, byte);
    }
    let check = (crc32fast::hash(content) >> 24) as u8;
    let plain = [&[7; 11], &[check][..], content].concat();
    let packed = plain.into_iter().map(|byte| {
        let temp = (keys[2] | 2) & 0xffff;
        let stream = (temp.wrapping_mul(temp ^ 1) >> 8) as u8;
        update(&mut keys, byte);
        byte ^ stream
    });
    zip_of(&[(name, content, packed.collect(), 0, 1)])
}

/// Packed by LZMA with an end mark (method 14): version, length of the properties, and what stands in an lzma file.
pub(super) fn zip_lzma(name: &str, content: &[u8]) -> Vec<u8> {
    let file = lzma(content);
    let packed = [&[16, 4, 5, 0], &file[..5], &file[13..]].concat();
    zip_of(&[(name, content, packed, 14, 2)])
}

/// What is left of a zip archive before its directory.
pub(super) fn without_directory(zip: &[u8]) -> Vec<u8> {
    let end = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    zip[..end].to_vec()
}

/// Its first member marked as a symbolic link, as archives from Unix have it.
pub(super) fn as_link(mut zip: Vec<u8>) -> Vec<u8> {
    let at = without_directory(&zip).len();
    zip[at + 5] = 3;
    zip[at + 38..at + 42].copy_from_slice(&(0o120_777_u32 << 16).to_le_bytes());
    zip
}

/// Name, content, packed content, method, flags.
type Packed<'m> = (&'m str, &'m [u8], Vec<u8>, u16, u16);

fn zip_of(members: &[Packed<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content, packed, method, flags) in members {
        let offset = u32::try_from(out.len()).unwrap();
        let mut common = vec![20, 0];
        common.extend(flags.to_le_bytes());
        common.extend(method.to_le_bytes());
        common.extend([0, 0, 0x21, 0x5a]);
        common.extend(crc32fast::hash(content).to_le_bytes());
        common.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        common.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        out.extend([b"PK\x03\x04", &common[..], name.as_bytes(), packed].concat());
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10]].concat());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let offset = u32::try_from(out.len()).unwrap().to_le_bytes();
    [&out[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &size, &offset, b"\0\0"].concat()
}

pub(super) fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend(content);
    header.resize(header.len().next_multiple_of(512) + 1_024, 0);
    header
}

pub(super) fn gzip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut encoder: GzEncoder<Vec<u8>> =
        flate2::GzBuilder::new().filename(name).write(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn xz(content: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

pub(super) fn lzma(content: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

pub(super) fn seven(name: &str, content: &[u8], password: Option<&str>) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    let lzma = Lzma2Options::from_level(1);
    writer.set_content_methods(match password {
        Some(password) => vec![AesEncoderOptions::new(Password::from(password)).into(), lzma.into()],
        None => vec![lzma.into()],
    });
    writer.push_archive_entry(ArchiveEntry::new_file(name), Some(content)).unwrap();
    writer.finish().unwrap().into_inner()
}

pub(super) fn cab(name: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    builder.add_folder(cab::CompressionType::MsZip).add_file(name);
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A stream of that name; some characters cannot be in one.
pub(super) fn cfb(name: &str, content: &[u8]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
    file.create_storage_all(format!("/{parent}")).unwrap();
    file.create_stream(format!("/{name}")).unwrap().write_all(content).unwrap();
    file.flush().unwrap();
    file.into_inner().into_inner()
}

pub(super) fn uuencode(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!("begin 644 {name}\r\n").into_bytes();
    let encode = |value: u8| if value == 0 { b'`' } else { value + b' ' };
    for line in content.chunks(45) {
        out.push(encode(u8::try_from(line.len()).unwrap()));
        for group in line.chunks(3) {
            let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            out.extend([18, 12, 6, 0].map(|shift| encode((bits >> shift & 63) as u8)));
        }
        out.extend(b"\r\n");
    }
    out.extend(b"`\r\nend\r\n");
    out
}

pub(super) fn yenc(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!("=ybegin line=128 size={} name={name}\r\n", content.len()).into_bytes();
    for line in content.chunks(100) {
        for byte in line {
            match byte.wrapping_add(42) {
                coded @ (0 | b'\n' | b'\r' | b'=' | b'.') => out.extend([b'=', coded.wrapping_add(64)]),
                coded => out.push(coded),
            }
        }
        out.extend(b"\r\n");
    }
    out.extend(format!("=yend size={}\r\n", content.len()).as_bytes());
    out
}

pub(super) fn base64(bytes: &[u8]) -> String {
    let text = crate::attachments::guard::tests::encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\r\n")
}

pub(super) fn quoted_printable(bytes: &[u8]) -> String {
    let lines =
        bytes.chunks(24).map(|line| line.iter().map(|byte| format!("={byte:02X}")).collect::<String>());
    lines.collect::<Vec<_>>().join("=\r\n")
}
