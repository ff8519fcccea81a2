//! The files that ClamAV is tested with, as Debian has them: each that is one of these formats gives its program.

use std::path::Path;

use unpack::Format;

use crate::support::read;

const DIRECTORY: &str = "/usr/share/clamav-testfiles";
const PROGRAM_BYTES: usize = 544;

fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(DIRECTORY).join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: install clamav-testfiles", path.display()))
}

#[test]
fn each_gives_its_program_by_name() {
    let program = bytes("clam.exe");
    assert_eq!(program.len(), PROGRAM_BYTES);
    for (name, format) in [
        ("clam.zip", Format::Zip),
        ("clam.bz2.zip", Format::Zip),
        ("clam.d64.zip", Format::Zip),
        ("clam.7z", Format::SevenZ),
    ] {
        let opened = read(format, &bytes(name));
        assert_eq!(opened.names(), ["clam.exe"], "{name}");
        assert_eq!(opened.members[0].content.bytes, program, "{name}");
        assert_eq!(opened.all_troubles(), [], "{name}");
    }
    assert_eq!(read(Format::Bzip2, &bytes("clam.exe.bz2")).members[0].content.bytes, program);
}

#[test]
fn a_tar_in_a_gzip_gives_its_program() {
    for name in ["clam.tar.gz", "clam_cache_emax.tgz"] {
        let gzip = read(Format::Gzip, &bytes(name));
        assert_eq!(gzip.all_troubles(), []);
        let tar = read(Format::Tar, &gzip.members[0].content.bytes);
        assert!(!tar.members.is_empty() && tar.all_troubles().is_empty(), "{tar:?}");
        assert!(tar.names().iter().any(|inner| inner.starts_with("clam")), "{:?}", tar.names());
    }
}

#[test]
fn an_imploded_one_is_named_and_told() {
    let opened = read(Format::Zip, &bytes("clam.impl.zip"));
    assert_eq!(opened.names(), ["CLAM.EXE"]);
    assert_eq!(opened.all_troubles(), [unpack::Trouble::Unsupported("zip method implode")]);
}
