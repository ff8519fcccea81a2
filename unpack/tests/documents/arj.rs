//! ARJ, written here header by header; compressed data is in ClamAV's test file.

use unpack::{Format, Kind, Limits};

use crate::cab::visited;
use crate::run::{run, run_within};

struct Header<'a> {
    flags: u8,
    method: u8,
    kind: u8,
    name: &'a [u8],
    data: &'a [u8],
}

fn header(header: &Header<'_>, unpacked: &[u8]) -> Vec<u8> {
    let mut basic = vec![30, 11, 1, 2, header.flags, header.method, header.kind, 0, 0, 0, 0, 0];
    basic.extend(u32::try_from(header.data.len()).unwrap().to_le_bytes());
    basic.extend(u32::try_from(unpacked.len()).unwrap().to_le_bytes());
    basic.extend(crc32fast::hash(unpacked).to_le_bytes());
    basic.extend([0; 6]);
    basic.extend(header.name);
    basic.extend([0, 0]);
    let mut bytes = vec![0x60, 0xea];
    bytes.extend(u16::try_from(basic.len()).unwrap().to_le_bytes());
    bytes.extend(&basic);
    bytes.extend(crc32fast::hash(&basic).to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(header.data);
    bytes
}

const END: &[u8] = &[0x60, 0xea, 0, 0];

fn main_header() -> Vec<u8> {
    header(&Header { flags: 0, method: 0, kind: 2, name: b"archive.arj", data: b"" }, b"")
}

fn stored<'a>(name: &'a [u8], data: &'a [u8]) -> Header<'a> {
    Header { flags: 0, method: 0, kind: 0, name, data }
}

pub(crate) fn archive() -> Vec<u8> {
    let directory = Header { kind: 3, ..stored(b"dir", b"") };
    let garbled = Header { flags: 1, ..stored(b"secret.exe", b"garbled") };
    [
        main_header(),
        header(&stored(b"dir\\a.exe", b"MZ"), b"MZ"),
        header(&directory, b""),
        header(&garbled, b"unknown"),
        END.to_vec(),
    ]
    .concat()
}

#[test]
fn stored_members_are_given_and_encrypted_ones_named() {
    let run = run(Format::Arj, &archive());
    assert_eq!(run.whole("dir\\a.exe"), b"MZ");
    assert_eq!(run.named("dir").kind, Kind::Directory);
    assert!(run.named("secret.exe").is_encrypted);
    assert_eq!(run.told(), ["encrypted"]);
}

#[test]
fn a_program_that_unpacks_itself_is_its_archive() {
    let content = [b"MZ\x60\xea not yet \x60\xea\x1e\0".as_slice(), &archive()].concat();
    assert_eq!(run(Format::Arj, &content).names(), ["dir\\a.exe", "dir", "secret.exe"]);
}

/// Bits from the highest of the first byte on.
fn bytes_of(bits: &str) -> Vec<u8> {
    let padded = format!("{bits}{}", "0".repeat(8));
    let bytes = padded.as_bytes().chunks_exact(8);
    bytes.map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap()).collect()
}

const LITERAL_A: &str = "001100001";

#[test]
fn the_fastest_method_is_decoded_and_bounded() {
    // A literal, and a reference of seven bytes to the one before.
    let packed = bytes_of(&format!("{LITERAL_A}11010{}", "0".repeat(10)));
    let member = Header { method: 4, ..stored(b"a", &packed) };
    let run_whole = run(Format::Arj, &[main_header(), header(&member, b"aaaaaaaa"), END.to_vec()].concat());
    assert_eq!(run_whole.whole("a"), b"aaaaaaaa");

    // References of 256 bytes in 24 bits: 2.5 MB.
    let longest = format!("{}{}", "1".repeat(14), "0".repeat(10));
    let packed = bytes_of(&format!("{LITERAL_A}{}", longest.repeat(10_000)));
    let member = Header { method: 4, ..stored(b"a", &packed) };
    let bomb = [main_header(), header(&member, &[0; 2_560_001]), END.to_vec()].concat();
    assert_eq!(run(Format::Arj, &bomb).named("a").content.bytes.len(), 2_560_001);
    let run_ratio = run_within(Format::Arj, &bomb, Limits { ratio_max: 50, ..Limits::default() });
    assert_eq!(run_ratio.told(), ["beyond the limit of compression ratio"]);
    assert!(visited(&run_ratio) <= 1_600_000, "{}", visited(&run_ratio));
}

#[test]
fn what_is_wrong_is_told_and_what_is_readable_given() {
    let volume = Header { flags: 4, ..stored(b"a", b"part") };
    let unknown = Header { method: 5, ..stored(b"b", b"packed") };
    let broken = Header { method: 1, ..stored(b"c", &[0xff; 9]) };
    for (member, told) in [
        (header(&volume, b"part"), "damaged: goes on in another volume"),
        (header(&unknown, b"unknown"), "not supported: method of ARJ"),
        (header(&stored(b"a", b"one"), b"two"), "damaged: checksum"),
        (header(&broken, b"content"), "damaged: compressed data"),
    ] {
        let run = run(Format::Arj, &[main_header(), member, END.to_vec()].concat());
        assert_eq!(run.told(), [told]);
        assert_eq!(run.members.len(), 1);
    }
    let whole = archive();
    let no_end = run(Format::Arj, &whole[..whole.len() - 4]);
    assert_eq!(no_end.told(), ["damaged: ARJ header", "encrypted"]);
    let at = whole.windows(2).rposition(|two| two == b"MZ").unwrap();
    let cut = run(Format::Arj, &whole[..=at]);
    assert_eq!(cut.named("dir\\a.exe").content.bytes, b"M");
    assert_eq!(cut.told(), ["damaged: checksum", "damaged: truncated"]);
}
