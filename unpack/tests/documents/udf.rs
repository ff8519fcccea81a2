//! UDF beside ISO 9660, written here block by block.

use unpack::{Format, Kind};

use crate::iso9660::{Disc, record};
use crate::run::{Run, run};

const BLOCK: usize = 2048;
/// Where the partition begins: behind the anchor.
const PARTITION: u32 = 257;

/// A descriptor with a tag that has its checksum.
fn descriptor(kind: u16, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[0..2].copy_from_slice(&kind.to_le_bytes());
    for (at, bytes) in fields {
        block[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    block[4] = block[..16].iter().fold(0, |sum: u8, &byte| sum.wrapping_add(byte));
    block
}

fn long_extent(bytes: u32, block: u32) -> Vec<u8> {
    [bytes.to_le_bytes().as_slice(), &block.to_le_bytes(), &[0; 8]].concat()
}

fn short_extent(bytes: u32, block: u32) -> Vec<u8> {
    [bytes.to_le_bytes(), block.to_le_bytes()].concat()
}

/// `how`: 0 short extents, 1 long ones, 3 the content itself.
fn file_entry(kind: u8, how: u8, size: u64, area: &[u8]) -> Vec<u8> {
    let area_bytes = u32::try_from(area.len()).unwrap().to_le_bytes();
    descriptor(
        261,
        &[(27, &[kind]), (34, &[how]), (56, &size.to_le_bytes()), (172, &area_bytes), (176, area)],
    )
}

fn identifier(flags: u8, name: &[u8], block: u32) -> Vec<u8> {
    let name_bytes = u8::try_from(name.len()).unwrap();
    let block = descriptor(257, &[(18, &[flags, name_bytes]), (20, &long_extent(2048, block)), (38, name)]);
    block[..(38 + name.len()).next_multiple_of(4)].to_vec()
}

/// Blocks of the partition: file set, root, and what follows. The anchor is in front of it.
fn disc(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = front(PARTITION);
    bytes.resize(256 * BLOCK, 0);
    bytes.extend(anchor());
    partition(&mut bytes, blocks);
    // The file that ISO 9660 shows is in block 4.
    bytes.resize(bytes.len().max(263 * BLOCK), 0);
    bytes
}

/// The same in fewer blocks: with the anchor at the end.
pub(crate) fn small_disc() -> Vec<u8> {
    let mut bytes = front(35);
    partition(
        &mut bytes,
        &[root(&[identifier(0, b"\x08a", 2)]), file_entry(5, 3, 2, b"MZ"), Vec::new(), vec![0; BLOCK]],
    );
    bytes.extend(anchor());
    bytes
}

fn anchor() -> Vec<u8> {
    descriptor(2, &[(16, &[0, 128, 0, 0]), (20, &32_u32.to_le_bytes())])
}

fn partition(bytes: &mut Vec<u8>, blocks: &[Vec<u8>]) {
    bytes.extend(descriptor(256, &[(400, &long_extent(2048, 1))]));
    for block in blocks {
        bytes.extend(block);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
}

/// ISO 9660 and the descriptors of UDF, in 35 blocks.
fn front(partition: u32) -> Vec<u8> {
    let mut iso = Disc::new();
    let root = iso.put(&record(partition + 4, 7, 0, b"SHOWN.TXT;1", b""));
    iso.descriptor(0, 1, root, b"");
    let mut bytes = iso.finish(1);
    for (sector, name) in [(18, b"BEA01"), (19, b"NSR02"), (20, b"TEA01")] {
        bytes[sector * BLOCK + 1..sector * BLOCK + 6].copy_from_slice(name);
    }
    bytes.resize(32 * BLOCK, 0);
    bytes.extend(descriptor(5, &[(188, &partition.to_le_bytes())]));
    let block_bytes = 2048_u32.to_le_bytes();
    let logical: [(usize, &[u8]); 3] =
        [(212, &block_bytes), (268, &[1, 0, 0, 0]), (440, &[1, 6, 0, 0, 0, 0])];
    bytes.extend(descriptor(6, &logical));
    bytes.extend(descriptor(8, &[]));
    bytes
}

fn open(blocks: &[Vec<u8>]) -> Run {
    run(Format::Iso9660, &disc(blocks))
}

/// The root's entry with the directory in it.
fn root(identifiers: &[Vec<u8>]) -> Vec<u8> {
    let identifiers = identifiers.concat();
    file_entry(4, 3, identifiers.len() as u64, &identifiers)
}

#[test]
fn a_file_that_only_udf_shows_is_given_and_one_of_both_has_both_names() {
    let run = open(&[
        root(&[
            identifier(10, b"", 1),
            identifier(0, &[b"\x08shown.txt".as_slice()].concat(), 2),
            identifier(2, &[b"\x10\0d\0i\0r".as_slice()].concat(), 3),
        ]),
        file_entry(5, 0, 7, &short_extent(7, 4)),
        file_entry(4, 1, 52, &long_extent(52, 5)),
        b"of both".to_vec(),
        identifier(0, b"\x10\0h\x04\x30\0.\0j\0s", 6),
        file_entry(5, 3, 6, b"hidden"),
    ]);
    assert_eq!(run.whole("SHOWN.TXT"), b"of both");
    assert_eq!(run.whole("shown.txt"), b"of both");
    assert_eq!(run.named("dir").kind, Kind::Directory);
    assert_eq!(run.whole("dir/h\u{430}.js"), b"hidden");
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn the_anchor_may_be_at_the_end() {
    assert_eq!(run(Format::Iso9660, &small_disc()).whole("a"), b"MZ");
}

#[test]
fn extents_go_on_in_another_block() {
    let first = [short_extent(2048, 3), short_extent(2048 | 3 << 30, 2)].concat();
    let more = descriptor(258, &[(20, &[8, 0, 0, 0]), (24, &short_extent(2048, 5))]);
    let run = open(&[
        root(&[identifier(0, b"\x08a", 6)]),
        more,
        vec![b'1'; BLOCK],
        b"shown".to_vec(),
        b"2".to_vec(),
        file_entry(5, 0, 2049, &first),
    ]);
    assert_eq!(run.whole("a"), [vec![b'1'; BLOCK], b"2".to_vec()].concat());
}

#[test]
fn what_is_wrong_is_told_and_what_is_readable_given() {
    let loop_of_two = [root(&[identifier(2, b"\x08up", 2)]), root(&[identifier(2, b"\x08up", 1)])];
    assert_eq!(open(&loop_of_two).told(), ["damaged: directory of UDF"]);

    let no_entry =
        open(&[root(&[identifier(0, b"\x08a", 9), identifier(0, b"\x08b", 2)]), file_entry(5, 3, 1, b"b")]);
    assert_eq!(no_entry.whole("b"), b"b");
    assert_eq!(no_entry.told(), ["damaged: file entry of UDF"]);

    let hole = file_entry(5, 0, 4, &short_extent(4 | 2 << 30, 2));
    let hole = open(&[root(&[identifier(0, b"\x08a", 2)]), hole]);
    assert_eq!(hole.told(), ["not supported: holes of UDF"]);

    let mut metadata = disc(&[]);
    metadata[33 * BLOCK + 440] = 2;
    let metadata = run(Format::Iso9660, &metadata);
    assert_eq!(metadata.named("SHOWN.TXT").names.len(), 2);
    assert_eq!(metadata.told(), ["not supported: partitions of UDF"]);
}
