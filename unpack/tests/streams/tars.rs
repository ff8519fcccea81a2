//! tar in its dialects, and where readers of them part.

use unpack::{Format, Kind, Limit, Trouble, formats};

use crate::support::{budget, open_as, read};
use crate::tar_writer::{Header, entry, padded, pax, seal, tar};
use crate::zips::TEXT;

#[test]
fn names_in_every_dialect() {
    let long = "long/".repeat(50) + "name.exe";
    let prefixed = Header { prefix: b"some/where".to_vec(), ..Header::new("in.txt", b'0', TEXT.len()) };
    let old = Header { magic: b"", ..Header::new("old", 0, TEXT.len()) };
    let opened = read(
        Format::Tar,
        &tar(&[
            entry("plain", b'0', TEXT),
            [prefixed.block(), padded(TEXT)].concat(),
            entry("././@LongLink", b'L', long.as_bytes()),
            entry(&long[..100], b'0', TEXT),
            pax(&[("path", "pax.exe"), ("mtime", "1.5")]),
            entry("short", b'0', TEXT),
            [old.block(), padded(TEXT)].concat(),
        ]),
    );
    assert_eq!(opened.names(), ["plain", "some/where/in.txt", long.as_str(), "pax.exe", "short", "old"]);
    assert!(opened.members.iter().all(|member| member.content.bytes == TEXT && member.kind == Kind::File));
    assert_eq!(opened.all_troubles(), []);
}

#[test]
fn what_is_no_file_is_told() {
    let link = Header { link: b"/etc/shadow".to_vec(), ..Header::new("link", b'2', 0) };
    let hard = Header { link: b"other".to_vec(), ..Header::new("hard", b'1', 0) };
    let opened = read(
        Format::Tar,
        &tar(&[
            link.block(),
            hard.block(),
            entry("directory", b'5', b""),
            entry("also/", b'0', b""),
            entry("device", b'3', b""),
            entry("pipe", b'6', b""),
            entry("unknown", b'9', TEXT),
        ]),
    );
    let kinds: Vec<Kind> = opened.members.iter().map(|member| member.kind).collect();
    let directory = Kind::Directory;
    assert_eq!(kinds, [Kind::Link, Kind::Link, directory, directory, Kind::Other, Kind::Other, Kind::File]);
    assert_eq!(opened.member("link").content.bytes, b"/etc/shadow");
    assert_eq!(opened.member("hard").content.bytes, b"other");
    assert_eq!(opened.member("unknown").content.bytes, TEXT);
    assert_eq!(opened.all_troubles(), []);
}

#[test]
fn two_sizes_are_two_readings() {
    // By pax the second header is data of the first member, by ustar it is a member.
    let inner = entry("inner.exe", b'0', TEXT);
    let bytes = 512 + inner.len();
    let outer = [entry("outer", b'0', &[b'x'; 512]), inner].concat();
    let opened =
        read(Format::Tar, &tar(&[pax(&[("size", &bytes.to_string())]), outer, entry("last", b'0', TEXT)]));
    assert_eq!(opened.member("inner.exe").content.bytes, TEXT);
    assert_eq!(opened.member("outer").content.bytes.len(), bytes);
    assert_eq!(opened.member("last").content.bytes, TEXT);
    assert!(opened.troubles.contains(&Trouble::Ambiguous("sizes in a tar")));
}

#[test]
fn a_link_with_a_size_is_two_readings() {
    let hidden = entry("hidden", b'0', TEXT);
    let link = Header::new("link", b'2', hidden.len()).block();
    let opened = read(Format::Tar, &tar(&[link, hidden, entry("last", b'0', TEXT)]));
    assert_eq!(opened.member("hidden").content.bytes, TEXT);
    assert_eq!(opened.member("last").content.bytes, TEXT);
    assert!(opened.troubles.contains(&Trouble::Ambiguous("sizes in a tar")));
}

#[test]
fn members_behind_the_end_and_behind_damage_are_found() {
    let ended = [tar(&[entry("a", b'0', TEXT)]), tar(&[entry("b", b'0', TEXT)])].concat();
    let opened = read(Format::Tar, &ended);
    assert_eq!(opened.names(), ["a", "b"]);
    assert!(opened.troubles.contains(&Trouble::Ambiguous("tar members behind the end")));
    let mut damaged = tar(&[entry("a", b'0', TEXT), entry("b", b'0', TEXT), entry("c", b'0', TEXT)]);
    damaged[1024] ^= 1;
    let opened = read(Format::Tar, &damaged);
    assert_eq!(opened.names(), ["a", "c"]);
    assert!(opened.troubles.contains(&Trouble::Damaged("tar header")));
}

#[test]
fn a_cut_is_told_and_what_is_there_is_given() {
    let whole = tar(&[entry("a", b'0', &TEXT.repeat(20))]);
    let opened = read(Format::Tar, &whole[..1000]);
    let content = &opened.member("a").content;
    assert_eq!((content.bytes.len(), content.trouble), (488, Some(Trouble::Damaged("truncated"))));
    for cut in 0..whole.len() {
        open_as(Format::Tar, &whole[..cut], &mut budget(), &[]);
    }
}

fn old_sparse(pieces: &[(usize, usize)], size: usize, stored: &[u8]) -> Vec<u8> {
    let mut block = Header::new("sparse", b'S', stored.len()).block();
    for (at, (offset, bytes)) in pieces.iter().enumerate() {
        let from = 386 + at * 24;
        block[from..from + 24].copy_from_slice(format!("{offset:011o}\0{bytes:011o}\0").as_bytes());
    }
    block[483..495].copy_from_slice(format!("{size:011o}\0").as_bytes());
    seal(&mut block);
    [block, padded(stored)].concat()
}

#[test]
fn holes_are_filled() {
    let sparse = old_sparse(&[(4096, 5), (10_000, 5)], 20_000, b"firstother");
    let mut expected = vec![0; 20_000];
    expected[4096..4101].copy_from_slice(b"first");
    expected[10_000..10_005].copy_from_slice(b"other");
    let map = b"2\n4096\n5\n10000\n5\n";
    let records =
        [("GNU.sparse.major", "1"), ("GNU.sparse.name", "sparse"), ("GNU.sparse.realsize", "20000")];
    let in_data = entry("GNUSparseFile.1/sparse", b'0', &[padded(map), b"firstother".to_vec()].concat());
    let records = [pax(&records), in_data].concat();
    for member in [sparse, records] {
        let opened = read(Format::Tar, &tar(&[member, entry("last", b'0', TEXT)]));
        assert_eq!(opened.member("sparse").content.bytes, expected);
        assert_eq!(opened.member("last").content.bytes, TEXT);
        assert_eq!(opened.all_troubles(), []);
    }
}

#[test]
fn a_hole_of_ten_gigabytes_ends_at_the_ratio() {
    // Eleven digits hold 8 GB.
    let size = 8_000_000_000;
    let sparse = old_sparse(&[(0, 5), (size - 5, 5)], size, b"firstother");
    let opened = read(Format::Tar, &tar(&[sparse, entry("last", b'0', TEXT)]));
    let content = &opened.member("sparse").content;
    assert_eq!(content.trouble, Some(Trouble::Limit(Limit::Ratio)));
    assert_eq!(content.bytes, b"firstother");
    assert_eq!(opened.member("last").content.bytes, TEXT);
}

#[test]
fn text_and_zeros_are_no_tar() {
    for content in [vec![0; 2048], vec![b'0'; 2048], TEXT.repeat(20)] {
        assert_eq!(formats(&content), []);
    }
}

#[test]
fn sizes_that_few_readers_know_make_it_rare() {
    let mut base_256 = entry("a", b'0', b"content");
    base_256[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    seal(&mut base_256);
    let of_pax = [pax(&[("size", "7")]), entry("a", b'0', b"content")].concat();
    for (first, is_rare) in [(entry("a", b'0', b"content"), false), (base_256, true), (of_pax, true)] {
        let opened = read(Format::Tar, &tar(&[first, entry("b", b'0', b"next")]));
        assert_eq!(opened.member("a").content.bytes, b"content");
        for name in ["a", "b"] {
            assert_eq!(opened.member(name).is_rare, is_rare, "{name}");
        }
    }
}
