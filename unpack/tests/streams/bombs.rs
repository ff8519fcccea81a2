//! Bombs: each ends at a limit, with no more output than the limit says.

use sevenz_rust2::EncoderMethod;
use unpack::{Budget, Format, Limit, Limits, Trouble, formats};

use crate::sevens::seven;
use crate::single::{SINGLE, pack};
use crate::support::{Opened, no_time, open_as};
use crate::zip_writer::{Part, Said, central, deflate, end, local, zip};

const OUT_BYTES_MAX: u64 = 20 * 1024 * 1024;

fn limits() -> Limits {
    Limits { out_bytes_max: OUT_BYTES_MAX, member_bytes_max: OUT_BYTES_MAX / 2, ..Limits::default() }
}

#[track_caller]
fn assert_stopped(opened: &Opened, by: &[Limit]) {
    let is_stopped = by.iter().any(|&limit| opened.all_troubles().contains(&Trouble::Limit(limit)));
    assert!(is_stopped, "{:?} {:?}", opened.format, opened.all_troubles());
    assert!(opened.bytes() as u64 <= OUT_BYTES_MAX);
}

/// 10 MB of zeros a thousand times; where that is not one file to the format, once.
fn zeros(format: Format) -> Vec<u8> {
    let packed = pack(format, &vec![0; 10_000_000]);
    if format == Format::Lzma { packed } else { packed.repeat(1000) }
}

#[test]
fn ten_gigabytes_of_zeros_end_at_the_ratio() {
    for format in SINGLE {
        let packed = zeros(format);
        let opened = open_as(format, &packed, &mut Budget::new(limits(), no_time), &[]);
        let at = [Limit::Ratio, Limit::MemberBytes];
        assert_stopped(&opened, &at);
        assert!(opened.bytes() as u64 <= OUT_BYTES_MAX / 2);
    }
}

#[test]
fn without_a_ratio_they_end_at_the_bytes() {
    let limits = Limits { ratio_max: u64::MAX, member_bytes_max: u64::MAX, ..limits() };
    for format in [Format::Gzip, Format::Bzip2, Format::Xz, Format::Lzip, Format::Zstd] {
        let opened = open_as(format, &zeros(format), &mut Budget::new(limits, no_time), &[]);
        assert_stopped(&opened, &[Limit::OutBytes]);
        assert!(opened.bytes() as u64 > OUT_BYTES_MAX - 1024 * 1024, "{format:?}");
    }
}

/// As Fifield's: every local header but the last is a stored block of the member before, and all end in one kernel.
fn overlapping(count: usize) -> Vec<u8> {
    let plain = vec![b'a'; 900_000];
    let kernel = deflate(&plain);
    let said = |n: usize| Said {
        name: format!("{n:06}").into_bytes(),
        ..Part::packed("", 8, &kernel, &plain).local
    };
    let mut files: Vec<(Said, Vec<u8>)> = vec![(said(0), kernel.clone())];
    let mut content = plain.clone();
    let mut behind = local(&files[0].0, &kernel);
    let mut offsets = vec![behind.len()];
    for n in 1..count {
        let (last, packed) = files.last().unwrap();
        let header = local(last, b"");
        let bytes = u16::try_from(header.len()).unwrap();
        let quoted = [&[0][..], &bytes.to_le_bytes(), &(!bytes).to_le_bytes(), &header].concat();
        content = [header, content].concat();
        let mut next = said(n);
        next.packed = u32::try_from(quoted.len() + packed.len()).unwrap();
        next.size = u32::try_from(content.len()).unwrap();
        next.crc = crc32fast::hash(&content);
        // The header that is quoted is in the file once.
        behind = [local(&next, &quoted[..5]), behind].concat();
        offsets.push(behind.len());
        let packed = [quoted, packed.clone()].concat();
        files.push((next, packed));
    }
    let total = behind.len();
    let directory: Vec<u8> =
        files.iter().zip(&offsets).flat_map(|((said, _), offset)| central(said, total - offset)).collect();
    let tail = end(files.len(), directory.len(), total);
    [behind, directory, tail].concat()
}

#[test]
fn members_that_overlap_end_at_the_ratio_of_the_whole() {
    let few = overlapping(3);
    let opened = open_as(Format::Zip, &few, &mut Budget::new(limits(), no_time), &[]);
    assert!(
        opened.troubles.contains(&Trouble::Ambiguous("members of a zip overlap")),
        "{:?}",
        opened.troubles
    );
    let many = overlapping(150);
    let opened = open_as(Format::Zip, &many, &mut Budget::new(limits(), no_time), &[]);
    assert_stopped(&opened, &[Limit::Ratio]);
    assert!(opened.bytes() < 150 * many.len());
    assert_eq!(opened.members.len(), 150, "those that were not unpacked are named");
}

#[test]
fn one_local_header_in_ten_thousand_entries_is_read_once() {
    let part = Part::deflated("a", &[b'a'; 500_000]);
    let mut out = local(&part.local, &part.data);
    let offset = out.len();
    out.extend(central(&part.local, 0).repeat(4_000));
    out.extend(end(4_000, out.len() - offset, offset));
    let opened = open_as(Format::Zip, &out, &mut Budget::new(limits(), no_time), &[]);
    assert_eq!(opened.bytes(), 500_000);
}

/// Opens what comes out again, as deep as it goes, all on one budget.
fn open_all(content: &[u8], budget: &mut Budget) -> (Vec<Trouble>, usize) {
    let mut todo = vec![content.to_vec()];
    let (mut troubles, mut bytes) = (Vec::new(), 0);
    while let Some(content) = todo.pop() {
        for format in formats(&content) {
            let opened = open_as(format, &content, budget, &[]);
            bytes += opened.bytes();
            troubles.extend(opened.all_troubles());
            todo.extend(opened.members.into_iter().map(|member| member.content.bytes));
        }
    }
    (troubles, bytes)
}

#[test]
fn sixteen_in_sixteen_end_at_the_bytes_of_all() {
    let mut inner = zip(&[Part::deflated("bottom", &[0; 900_000])]);
    for _ in 0..5 {
        let parts: Vec<Part> = (0..16).map(|n| Part::deflated(&format!("{n}.zip"), &inner)).collect();
        inner = zip(&parts);
    }
    let (troubles, bytes) = open_all(&inner, &mut Budget::new(limits(), no_time));
    assert!(troubles.contains(&Trouble::Limit(Limit::OutBytes)), "{troubles:?}");
    assert!(bytes as u64 <= OUT_BYTES_MAX);
}

#[test]
fn a_chain_of_gzips_ends_at_the_bytes_of_all() {
    let mut chain = vec![0; 60_000_000];
    for _ in 0..6 {
        chain = pack(Format::Gzip, &chain);
    }
    let (troubles, bytes) = open_all(&chain, &mut Budget::new(limits(), no_time));
    assert!(troubles.iter().any(|trouble| matches!(trouble, Trouble::Limit(_))), "{troubles:?}");
    assert!(bytes as u64 <= OUT_BYTES_MAX);
}

#[test]
fn a_seven_of_zeros_ends_at_the_ratio() {
    let packed =
        seven(EncoderMethod::LZMA2, &[("zeros", &vec![0; 30_000_000]), ("more", &vec![0; 30_000_000])]);
    let opened = open_as(Format::SevenZ, &packed, &mut Budget::new(limits(), no_time), &[]);
    assert_stopped(&opened, &[Limit::Ratio]);
    assert_eq!(opened.names(), ["zeros", "more", "directory"]);
}

#[test]
fn pieces_without_output_end_too() {
    let nothing = pack(Format::Gzip, b"").repeat(20_000);
    let opened = open_as(Format::Gzip, &nothing, &mut Budget::new(limits(), no_time), &[]);
    assert_stopped(&opened, &[Limit::Members]);
}
