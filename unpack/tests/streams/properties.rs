//! Whatever the bytes: no panic, and no more output than the budget has.

use std::sync::LazyLock;

use proptest::prelude::*;
use sevenz_rust2::EncoderMethod;
use unpack::{Budget, Format, Limits, formats};

use crate::sevens::seven;
use crate::single::{SINGLE, noise, pack};
use crate::support::{no_time, open_as};
use crate::tar_writer::{entry, pax, tar};
use crate::zip_writer::{Part, zip};
use crate::zips::TEXT;

const OURS: [Format; 9] = [
    Format::Zip,
    Format::SevenZ,
    Format::Tar,
    Format::Gzip,
    Format::Bzip2,
    Format::Xz,
    Format::Lzma,
    Format::Lzip,
    Format::Zstd,
];
const OUT_BYTES_MAX: u64 = 50_000;

fn check(format: Format, content: &[u8]) {
    let limits = Limits {
        out_bytes_max: OUT_BYTES_MAX,
        member_bytes_max: OUT_BYTES_MAX / 2,
        ratio_max: 10,
        ratio_from_bytes: 1000,
        members_max: 20,
        dictionary_bytes_max: 1024 * 1024,
        ..Limits::default()
    };
    let mut budget = Budget::new(limits, no_time);
    let opened = open_as(format, content, &mut budget, &["word"]);
    assert!(opened.bytes() as u64 <= OUT_BYTES_MAX, "{format:?}");
    assert!(opened.members.len() <= 100, "{format:?}");
    formats(content);
}

/// Packed once: that takes longer than all reading.
static VALID: LazyLock<Vec<(Format, Vec<u8>)>> = LazyLock::new(valid);

fn valid() -> Vec<(Format, Vec<u8>)> {
    // More than the budget has.
    let plain = [noise(3_000), vec![0; 2 * OUT_BYTES_MAX as usize]].concat();
    let mut all: Vec<_> = SINGLE.into_iter().map(|format| (format, pack(format, &plain))).collect();
    all.push((Format::SevenZ, seven(EncoderMethod::LZMA, &[("first", TEXT), ("second", &plain)])));
    let parts = [pax(&[("path", "a"), ("size", "68")]), entry("a", b'0', TEXT), entry("b", b'2', b"")];
    all.push((Format::Tar, tar(&parts)));
    let parts = [Part::stored("a", TEXT), Part::deflated("b", &plain), Part::stored("c/", b"")];
    all.push((Format::Zip, zip(&parts)));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(content in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for format in OURS {
            check(format, &content);
        }
    }

    #[test]
    fn changed_files(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        for (format, mut content) in VALID.clone() {
            for (at, byte) in &changes {
                let at = at.index(content.len());
                content[at] = *byte;
            }
            if is_cut {
                content.truncate(cut.index(content.len()));
            }
            check(format, &content);
        }
    }
}
