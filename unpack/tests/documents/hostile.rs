//! Bytes that nobody wrote: no reader panics, and none gives more than its budget.

use std::sync::LazyLock;

use proptest::prelude::*;
use unpack::{Format, Limits, formats};

use crate::cab::{cabinet, ms_zip, text, visited};
use crate::run::run_unasked;
use crate::{arj, cfb, iso9660, lha, rar, text as coded, tnef, udf};

const OURS: [Format; 9] = [
    Format::Cab,
    Format::Cfb,
    Format::Tnef,
    Format::Lha,
    Format::Iso9660,
    Format::Rar,
    Format::Arj,
    Format::UuEncode,
    Format::YEnc,
];

/// So small that the containers here are beyond it.
const LIMITS: Limits = Limits {
    out_bytes_max: 20_000,
    member_bytes_max: 15_000,
    ratio_max: 100,
    ratio_from_bytes: 5_000,
    members_max: 5,
    dictionary_bytes_max: 1_000_000,
    cpu: std::time::Duration::from_secs(1),
};

/// One of each, to be changed.
static CONTAINERS: LazyLock<Vec<(Format, Vec<u8>)>> = LazyLock::new(containers);

fn containers() -> Vec<(Format, Vec<u8>)> {
    let package = cfb::package(["a", "b", "c"], b"MZ", 3);
    let member = lha::short(1, b"-lh5-", b"a", &[(1, b"b")], &lha::constant(60_000, 97), &[97; 60_000]);
    vec![
        (Format::Cab, cabinet(&[(b"a", 0, 6, 0), (b"b", 6, 3, 0)], 0, &[b"abcdef", b"ghi"])),
        (Format::Cab, ms_zip("a", &text(70_000))),
        (
            Format::Cfb,
            cfb::compound(&[("/a/\u{1}Ole10Native", &package), ("/b", &text(60_000)), ("/c/d/e", b"x")]),
        ),
        (Format::Tnef, tnef::with_attachment()),
        (Format::Lha, [member.clone(), member].concat()),
        (Format::Iso9660, iso9660::disc()),
        (Format::Iso9660, udf::small_disc()),
        (Format::Rar, rar::version_4()),
        (Format::Rar, rar::version_5()),
        (Format::Arj, arj::archive()),
        (Format::UuEncode, coded::uu("a", &text(60_000)).into_bytes()),
        (Format::YEnc, coded::yenc(" name=a", &text(60_000))),
    ]
}

fn check(format: Format, content: &[u8]) {
    let run = run_unasked(format, content, LIMITS);
    assert!(run.members.len() <= 5, "{format:?}: {} members", run.members.len());
    assert!(visited(&run) <= 20_000, "{format:?}: {} bytes", visited(&run));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(content in prop::collection::vec(any::<u8>(), 0..2_000)) {
        formats(&content);
        for format in OURS {
            check(format, &content);
        }
    }

    #[test]
    fn changed_containers(
        which in 0..CONTAINERS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let (format, mut content) = CONTAINERS[which].clone();
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if is_cut {
            content.truncate(cut.index(content.len()));
        }
        formats(&content);
        check(format, &content);
    }
}

#[test]
fn each_container_is_of_its_format_and_cut_anywhere_it_is_no_panic() {
    for (format, content) in CONTAINERS.iter() {
        assert!(formats(content).contains(format), "{format:?}");
        for end in (0..content.len().min(3_000)).chain([content.len()]) {
            check(*format, &content[..end]);
        }
    }
}
