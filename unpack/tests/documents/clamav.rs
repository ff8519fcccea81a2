//! ClamAV's test files: the same little program in many containers.

use std::fs;
use std::path::Path;

use unpack::{Format, formats};

use crate::run::run;

const DIRECTORY: &str = "/usr/share/clamav-testfiles";

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(DIRECTORY).join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error} (Debian: clamav-testfiles)", path.display()))
}

#[test]
fn the_program_is_in_every_container_under_its_name() {
    let program = file("clam.exe");
    for (container, format, name) in [
        ("clam.cab", Format::Cab, "clam.exe"),
        ("clam.arj", Format::Arj, "clam.exe"),
        ("clam.tnef", Format::Tnef, "clam.exe"),
        ("clam.ole.doc", Format::Cfb, "Clam.exe"),
    ] {
        let run = run(format, &file(container));
        assert_eq!(run.whole(name), program, "{container}");
    }
}

#[test]
fn a_uuencoded_mail_has_it_though_its_last_line_is_cut_off() {
    let run = run(Format::UuEncode, &file("clam.exe.mbox.uu"));
    assert_eq!(run.named("clam.exe").content.bytes, file("clam.exe"));
    assert_eq!(run.told(), ["damaged: no end"]);
}

#[test]
fn objects_of_a_presentation_are_compound_files_with_it() {
    let presentation = run(Format::Cfb, &file("clam.ppt"));
    let objects = presentation.members.iter().filter(|member| member.names.is_empty());
    let objects: Vec<_> = objects.map(|object| run(Format::Cfb, &object.content.bytes)).collect();
    assert!(!objects.is_empty(), "{:?}", presentation.names());
    assert_eq!(objects[0].whole("clam.exe"), file("clam.exe"));
}

#[test]
fn installers_carry_cabinets_with_several_windows_of_lzx_or_mszip() {
    for installer in ["clam_IScab_ext.exe", "clam_IScab_int.exe"] {
        let run = run(Format::Cab, &file(installer));
        assert!(run.whole("IKernel.dll").starts_with(b"MZ"), "{installer}");
        assert_eq!(run.whole("IKernel.dll").len(), 753_664);
        assert_eq!(run.told(), [""; 0]);
    }
}

#[test]
fn other_files_are_none_of_these() {
    for other in ["clam.exe", "clam.pdf", "clam.chm", "clam.exe.html", "clam-upx.exe", "clam.newc.cpio"] {
        let found = formats(&file(other));
        let ours = [Format::Cab, Format::Cfb, Format::Tnef, Format::Lha, Format::Iso9660, Format::Rar];
        assert!(!found.iter().any(|format| ours.contains(format)), "{other}: {found:?}");
    }
}
