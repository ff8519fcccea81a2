//! Images of discs, written here sector by sector.

use unpack::{Format, Kind, Limits};

use crate::cab::visited;
use crate::run::{run, run_within};

const SECTOR: usize = 2048;

pub(crate) struct Disc {
    bytes: Vec<u8>,
}

impl Disc {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; 24 * SECTOR] }
    }

    /// Puts it on sectors of its own and says where.
    pub(crate) fn put(&mut self, content: &[u8]) -> u32 {
        let at = self.bytes.len() / SECTOR;
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        u32::try_from(at).unwrap()
    }

    pub(crate) fn descriptor(&mut self, number: usize, kind: u8, root: u32, escapes: &[u8]) {
        let sector = &mut self.bytes[(16 + number) * SECTOR..(17 + number) * SECTOR];
        sector[0] = kind;
        sector[1..6].copy_from_slice(b"CD001");
        sector[88..88 + escapes.len()].copy_from_slice(escapes);
        sector[128..130].copy_from_slice(&2048_u16.to_le_bytes());
        let record = record(root, 2048, 2, &[0], b"");
        sector[156..156 + record.len()].copy_from_slice(&record);
    }

    pub(crate) fn finish(mut self, descriptors: usize) -> Vec<u8> {
        self.descriptor(descriptors, 255, 0, b"");
        self.bytes
    }
}

pub(crate) fn record(block: u32, size: u32, flags: u8, name: &[u8], system_use: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0];
    for figure in [block, size] {
        record.extend(figure.to_le_bytes());
        record.extend(figure.to_be_bytes());
    }
    record.extend([0; 7]);
    record.extend([flags, 0, 0, 1, 0, 0, 1]);
    record.push(u8::try_from(name.len()).unwrap());
    record.extend(name);
    if name.len().is_multiple_of(2) {
        record.push(0);
    }
    record.extend(system_use);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// A file in a directory, in both trees, and one that only Joliet shows.
pub(crate) fn disc() -> Vec<u8> {
    let mut disc = Disc::new();
    let file = disc.put(b"MZ data");
    let hidden = disc.put(b"only here");
    let long_name = [b"NM\x0d\x01\0long.exe".as_slice()].concat();
    let link = record(0, 0, 0, b"L", b"SL\x08\x01\0\x08\x01x");
    let below = disc.put(&[record(file, 7, 0, b"A.EXE;1", &long_name), link].concat());
    let root = disc.put(
        &[record(0, 0, 2, &[0], b""), record(0, 0, 2, &[1], b""), record(below, 2048, 2, b"DIR", b"")]
            .concat(),
    );
    let below_joliet = disc.put(&record(file, 7, 0, &utf16("a long näme.exe"), b""));
    let root_joliet = disc.put(
        &[record(hidden, 9, 0, &utf16("hidden.js"), b""), record(below_joliet, 2048, 2, &utf16("dir"), b"")]
            .concat(),
    );
    disc.descriptor(0, 1, root, b"");
    disc.descriptor(1, 2, root_joliet, b"%/E");
    disc.finish(2)
}

#[test]
fn a_file_has_its_names_in_all_trees() {
    let run = run(Format::Iso9660, &disc());
    let names = ["DIR/long.exe", "DIR/A.EXE", "DIR/A.EXE;1", "dir/a long n\u{e4}me.exe"];
    for name in names {
        assert_eq!(run.whole(name), b"MZ data", "{name}");
    }
    assert_eq!(run.named(names[0]).names.len(), 4);
    assert_eq!(run.whole("hidden.js"), b"only here");
    assert_eq!(run.named("DIR").kind, Kind::Directory);
    assert_eq!(run.named("DIR/L").kind, Kind::Link);
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn a_file_in_several_extents_is_one() {
    let mut disc = Disc::new();
    let (one, two) = (disc.put(&[b'1'; SECTOR]), disc.put(b"2"));
    let root = disc.put(&[record(one, 2048, 0x80, b"A;1", b""), record(two, 1, 0, b"A;1", b"")].concat());
    disc.descriptor(0, 1, root, b"");
    let run = run(Format::Iso9660, &disc.finish(1));
    assert_eq!(run.whole("A"), [[b'1'; SECTOR].as_slice(), b"2"].concat());
    assert_eq!(run.members.len(), 1);
}

#[test]
fn loops_of_directories_end() {
    let mut disc = Disc::new();
    let root = disc.put(&[record(24, 2048, 2, b"UP", b""), record(24, 2048, 2, b"UP2", b"")].concat());
    disc.descriptor(0, 1, root, b"");
    let run = run(Format::Iso9660, &disc.finish(1));
    assert_eq!(run.told(), ["damaged: directory"]);
    assert_eq!(run.names(), ["UP", "UP2"]);
}

#[test]
fn more_records_than_members_are_a_limit() {
    let mut disc = Disc::new();
    let sector: Vec<u8> = record(24, 1, 0, b"A", b"").repeat(SECTOR / 34);
    let mut sector = sector;
    sector.resize(SECTOR, 0);
    let directory = sector.repeat(300);
    let root = disc.put(&record(25, u32::try_from(directory.len()).unwrap(), 2, b"D", b""));
    disc.put(&directory);
    disc.descriptor(0, 1, root, b"");
    let run = run(Format::Iso9660, &disc.finish(1));
    assert_eq!(run.told(), ["beyond the limit of members"]);
}

#[test]
fn extents_beyond_the_end_or_over_each_other_are_bounded() {
    let mut disc = Disc::new();
    let records: Vec<u8> = (0..40).flat_map(|number| record(0, u32::MAX - number, 0, b"A", b"")).collect();
    let root = disc.put(&records);
    disc.descriptor(0, 1, root, b"");
    let image = disc.finish(1);
    let run_whole = run(Format::Iso9660, &image);
    assert_eq!(run_whole.told(), ["damaged: truncated"]);
    assert_eq!(run_whole.named("A").content.bytes, image);

    let limits = Limits { out_bytes_max: 500_000, ..Limits::default() };
    let run_within = run_within(Format::Iso9660, &image, limits);
    assert_eq!(run_within.troubles.len(), 1);
    assert!(visited(&run_within) <= 500_000);
}

#[test]
fn what_is_wrong_is_told_and_what_is_readable_given() {
    let mut with_udf = disc();
    with_udf[19 * SECTOR..19 * SECTOR + 6].copy_from_slice(b"\0BEA01");
    with_udf[20 * SECTOR..20 * SECTOR + 6].copy_from_slice(b"\0NSR02");
    let run_udf = run(Format::Iso9660, &with_udf);
    assert_eq!(run_udf.whole("hidden.js"), b"only here");
    assert_eq!(run_udf.told(), ["damaged: no anchor of UDF"]);

    let mut no_blocks = disc();
    no_blocks[16 * SECTOR + 128] = 1;
    assert_eq!(run(Format::Iso9660, &no_blocks).told(), ["damaged: volume descriptor"]);

    let whole = disc();
    let cut = run(Format::Iso9660, &whole[..whole.len() - SECTOR]);
    assert_eq!(cut.whole("DIR/long.exe"), b"MZ data");
    assert_eq!(cut.told(), ["damaged: directory"]);
}
