//! LHA: headers of each level, and the two streams of `-lh5-` that need no tables.

use unpack::{Format, Kind, Limits};

use crate::cab::visited;
use crate::run::{run, run_unasked, run_within};

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |mut crc: u16, &byte| {
        crc ^= u16::from(byte);
        (0..8).for_each(|_| crc = if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 });
        crc
    })
}

fn size(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap().to_le_bytes()
}

/// What all levels share: method, sizes, time, and an attribute.
fn fixed(method: &[u8; 5], packed: usize, unpacked: usize, level: u8) -> Vec<u8> {
    [method.as_slice(), &size(packed), &size(unpacked), &[0; 4], &[0x20, level]].concat()
}

fn extension(kind: u8, data: &[u8], is_wide: bool) -> Vec<u8> {
    let width = if is_wide { 4 } else { 2 };
    let bytes = size(1 + data.len() + width);
    [&bytes[..width], &[kind], data].concat()
}

/// Sizes come before the extension that they are of, so a chain is the extensions and a zero.
fn chain(extensions: &[(u8, &[u8])], is_wide: bool) -> Vec<u8> {
    let mut chain: Vec<u8> =
        extensions.iter().flat_map(|(kind, data)| extension(*kind, data, is_wide)).collect();
    chain.extend(vec![0; if is_wide { 4 } else { 2 }]);
    chain
}

pub(crate) fn short(
    level: u8,
    method: &[u8; 5],
    name: &[u8],
    extensions: &[(u8, &[u8])],
    data: &[u8],
    unpacked: &[u8],
) -> Vec<u8> {
    let chain = if level == 1 { chain(extensions, false) } else { Vec::new() };
    let behind = chain.len().saturating_sub(2);
    let mut base = fixed(method, data.len() + behind, unpacked.len(), level);
    base.push(u8::try_from(name.len()).unwrap());
    base.extend(name);
    base.extend(crc(unpacked).to_le_bytes());
    base.push(b'U');
    base.extend(chain.iter().take(2));
    let sum = base.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    [&[u8::try_from(base.len()).unwrap(), sum], base.as_slice(), chain.get(2..).unwrap_or_default(), data]
        .concat()
}

fn long(level: u8, method: &[u8; 5], extensions: &[(u8, &[u8])], data: &[u8], unpacked: &[u8]) -> Vec<u8> {
    let is_wide = level == 3;
    let chain = chain(extensions, is_wide);
    let mut rest = fixed(method, data.len(), unpacked.len(), level);
    rest.extend(crc(unpacked).to_le_bytes());
    rest.push(b'U');
    let total = 2 + rest.len() + if is_wide { 4 } else { 0 } + chain.len();
    if is_wide {
        rest.extend(size(total));
    }
    let first = if is_wide { [4, 0] } else { u16::try_from(total).unwrap().to_le_bytes() };
    [&first, rest.as_slice(), &chain, data].concat()
}

/// `-lh5-` with one block of `count` times the same code: a literal, or 256 and above a reference.
pub(crate) fn constant(count: u16, code: u16) -> Vec<u8> {
    let mut bits = format!("{count:016b}{:05b}{:05b}{:09b}{code:09b}{:04b}{:04b}", 0, 0, 0, 0, 0);
    bits.push_str(&"0".repeat(32));
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

#[test]
fn every_level_gives_its_names_and_content() {
    let names: [(u8, &[u8]); 4] =
        [(1, b"long.exe"), (2, b"dir\xffsub\xff"), (0x44, b"\xe4\x00.\0b\0"), (0x45, b"d\0\xff\xff")];
    for (container, expected) in [
        (short(0, b"-lh0-", b"dir\xffa.exe", &[], b"MZ", b"MZ"), vec!["dir/a.exe"]),
        (short(1, b"-lh0-", b"a.exe", &names, b"MZ", b"MZ"), vec!["dir/sub/long.exe", "d/\u{e4}.b", "a.exe"]),
        (long(2, b"-lh0-", &names, b"MZ", b"MZ"), vec!["dir/sub/long.exe", "d/\u{e4}.b"]),
        (long(3, b"-lh0-", &names, b"MZ", b"MZ"), vec!["dir/sub/long.exe", "d/\u{e4}.b"]),
    ] {
        let two = [container.as_slice(), &short(0, b"-lh0-", b"last", &[], b"x", b"x"), &[0]].concat();
        let run = run(Format::Lha, &two);
        assert_eq!(run.names(), [expected.as_slice(), &["last"]].concat());
        assert_eq!(run.whole(expected[0]), b"MZ");
        assert_eq!(run.told(), [""; 0]);
    }
}

#[test]
fn compressed_data_is_decoded_and_checked() {
    let unpacked = vec![b'a'; 5_000];
    let member = short(0, b"-lh5-", b"a", &[], &constant(5_000, u16::from(b'a')), &unpacked);
    let run_whole = run(Format::Lha, &member);
    assert_eq!(run_whole.whole("a"), unpacked);
    let wrong = short(0, b"-lh5-", b"a", &[], &constant(5_000, u16::from(b'b')), &unpacked);
    assert_eq!(run(Format::Lha, &wrong).told(), ["damaged: checksum"]);
}

#[test]
fn a_program_that_unpacks_itself_is_its_archive() {
    let member = short(0, b"-lh0-", b"a.exe", &[], b"MZ", b"MZ");
    let content = [b"MZ\0-lh5- this is text, not a header -lhz".as_slice(), &member, &[0]].concat();
    let run_program = run(Format::Lha, &content);
    assert_eq!(run_program.names(), ["a.exe"]);
    // Few readers look for it there.
    assert!(run_program.named("a.exe").is_rare);
    assert!(!run(Format::Lha, &member).named("a.exe").is_rare);
}

#[test]
fn directories_links_and_comments_are_seen() {
    let content = [
        short(1, b"-lhd-", b"", &[(2, b"dir\xff")], b"", b""),
        short(1, b"-lhd-", b"link|/etc/passwd", &[(0x50, &[0xff, 0xa1])], b"", b""),
        short(0, b"-lh0-", b"a.exe\0comment.txt", &[], b"MZ", b"MZ"),
    ];
    let run = run(Format::Lha, &content.concat());
    assert_eq!(run.named("dir/").kind, Kind::Directory);
    assert_eq!(run.named("link|/etc/passwd").kind, Kind::Link);
    assert_eq!(run.whole("link"), b"/etc/passwd");
    assert_eq!(run.whole("a.exe"), b"MZ");
    assert_eq!(run.whole("a.exe\0comment.txt"), b"MZ");
}

#[test]
fn what_is_wrong_is_told_and_what_is_readable_given() {
    let whole = short(0, b"-lh0-", b"a", &[], b"abcdef", b"abcdef");
    let cut = run(Format::Lha, &whole[..whole.len() - 2]);
    assert_eq!(cut.named("a").content.bytes, b"abcd");
    assert_eq!(cut.told(), ["damaged: compressed data", "damaged: truncated"]);

    let mut wrong = whole.clone();
    wrong[1] ^= 1;
    assert_eq!(run(Format::Lha, &wrong).told(), ["damaged: checksum of a header"]);

    let junk = [whole.as_slice(), b"junk behind the last"].concat();
    assert_eq!(run(Format::Lha, &junk).told(), ["damaged: LHA header"]);

    let unknown = short(0, b"-lh9-", b"a", &[], b"abcdef", b"abcdef");
    assert_eq!(run(Format::Lha, &unknown).told(), ["not supported: method of LHA"]);

    let none = run_unasked(Format::Lha, b"nothing of it", Limits::default());
    assert_eq!(none.told(), ["damaged: LHA header"]);
}

#[test]
fn references_without_end_stop_at_the_ratio() {
    // 65535 references of 256 bytes in 7 bytes, and 200 blocks of them: 3 GB.
    let bomb = constant(u16::MAX, 509).repeat(200);
    let mut member = short(0, b"-lh5-", b"bomb", &[], &bomb, b"");
    member[11..15].copy_from_slice(&u32::MAX.to_le_bytes());
    member[1] = member[2..member.len() - bomb.len()].iter().fold(0, |sum: u8, &byte| sum.wrapping_add(byte));
    let run_ratio = run(Format::Lha, &member);
    assert_eq!(run_ratio.told(), ["beyond the limit of compression ratio"]);
    assert!(visited(&run_ratio) <= 1_100_000, "{}", visited(&run_ratio));

    let limits = Limits { ratio_max: u64::MAX, member_bytes_max: 3_000_000, ..Limits::default() };
    let run_bytes = run_within(Format::Lha, &member, limits);
    assert_eq!(run_bytes.told(), ["beyond the limit of bytes of a member"]);
    assert!(visited(&run_bytes) <= 3_000_000);
}
