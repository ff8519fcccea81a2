//! Compound files: `cfb` writes them, and bytes are changed where it would not.

use std::io::{Cursor, Write};

use unpack::{Format, Kind, Limits};

use crate::cab::{text, visited};
use crate::run::{run, run_within};

pub(crate) fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        if let Some((storage, _)) = path.rsplit_once('/') {
            file.create_storage_all(storage).unwrap();
        }
        file.create_stream(path).unwrap().write_all(content).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// As Packager writes it.
pub(crate) fn package(names: [&str; 3], data: &[u8], kind: u16) -> Vec<u8> {
    let mut stream = vec![0; 6];
    for name in &names[..2] {
        stream.extend(name.bytes());
        stream.push(0);
    }
    stream.extend([0, 0]);
    stream.extend(kind.to_le_bytes());
    stream.extend(u32::try_from(names[2].len() + 1).unwrap().to_le_bytes());
    stream.extend(names[2].bytes());
    stream.push(0);
    stream.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    stream.extend(data);
    for name in ["C:\\temp\\w.exe", "w.exe", "C:\\w.exe"] {
        stream.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
        stream.extend(utf16(name));
    }
    stream
}

#[test]
fn streams_of_any_size_are_given_by_their_path() {
    let long = text(100_000);
    let content =
        compound(&[("/WordDocument", &long), ("/Macros/VBA/_VBA_PROJECT", b"short"), ("/empty", b"")]);
    let run = run(Format::Cfb, &content);
    assert_eq!(run.whole("WordDocument"), long);
    assert_eq!(run.whole("Macros/VBA/_VBA_PROJECT"), b"short");
    assert_eq!(run.whole("empty"), b"");
    assert_eq!(run.named("Macros/VBA").kind, Kind::Directory);
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn large_sectors_are_read() {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    let long = text(3_000_000);
    file.create_stream("/a").unwrap().write_all(&long).unwrap();
    file.flush().unwrap();
    let run = run(Format::Cfb, &file.into_inner().into_inner());
    assert_eq!(run.whole("a"), long);
}

#[test]
fn a_package_has_all_its_names() {
    let stream = package(["a.exe", "C:\\a.exe", "C:\\t\\a.exe"], b"MZ", 3);
    let run = run(Format::Cfb, &compound(&[("/ObjectPool/_1/\u{1}Ole10Native", &stream)]));
    assert_eq!(run.whole("a.exe"), b"MZ");
    for name in ["C:\\a.exe", "C:\\t\\a.exe", "C:\\temp\\w.exe", "w.exe", "C:\\w.exe"] {
        assert_eq!(run.whole(name), b"MZ", "{name}");
    }
    assert_eq!(run.whole("ObjectPool/_1/\u{1}Ole10Native"), stream);
}

#[test]
fn a_package_that_is_cut_off_is_damaged_and_a_link_has_no_file() {
    let stream = package(["a.exe", "b", "c"], b"MZ and more", 3);
    let end = stream.windows(2).position(|two| two == b"MZ").unwrap() + 4;
    let cut = run(Format::Cfb, &compound(&[("/\u{1}Ole10Native", &stream[..end])]));
    assert_eq!(cut.named("a.exe").content.bytes, b"MZ a");
    assert_eq!(cut.told(), ["damaged: truncated"]);
    let link = package(["a.exe", "b", "c"], b"MZ", 1);
    assert_eq!(run(Format::Cfb, &compound(&[("/\u{1}Ole10Native", &link)])).names(), ["\u{1}Ole10Native"]);
}

#[test]
fn attachments_of_a_message_have_the_names_of_their_properties() {
    let storage = "/__attach_version1.0_#00000000";
    let run = run(
        Format::Cfb,
        &compound(&[
            (&format!("{storage}/__substg1.0_3707001F"), &utf16("long name.exe")),
            (&format!("{storage}/__substg1.0_3704001E"), b"LONGNA~1.EXE"),
            (&format!("{storage}/__substg1.0_37010102"), b"MZ data"),
            ("/__attach_version1.0_#00000001/__substg1.0_37010102", b"nameless"),
            ("/__attach_version1.0_#00000002/__substg1.0_3707001F", &utf16("inner.msg")),
            ("/__attach_version1.0_#00000002/__substg1.0_3701000D/__substg1.0_1000001F", &utf16("text")),
        ]),
    );
    assert_eq!(run.whole("long name.exe"), b"MZ data");
    assert_eq!(run.whole("LONGNA~1.EXE"), b"MZ data");
    assert_eq!(run.whole("__attach_version1.0_#00000001/__substg1.0_37010102"), b"nameless");
    assert_eq!(run.named("inner.msg").kind, Kind::Directory);
}

#[test]
fn more_names_than_an_attachment_has_are_told() {
    let storage = "/__attach_version1.0_#00000000";
    let paths: Vec<String> =
        (0..20).map(|number| format!("{storage}/__substg1.0_3704001E-{number}")).collect();
    let mut streams: Vec<(&str, &[u8])> = paths.iter().map(|path| (path.as_str(), b"n".as_slice())).collect();
    let data = format!("{storage}/__substg1.0_37010102");
    streams.push((&data, b"MZ"));
    let run = run(Format::Cfb, &compound(&streams));
    assert_eq!(run.whole("n"), b"MZ");
    assert_eq!(run.told(), ["damaged: more names than an attachment has"]);
}

#[test]
fn names_of_windows_installer_are_unpacked() {
    // "ab" in one unit, behind the mark of a table.
    let packed: String = ['\u{4840}', char::from_u32(0x3800 + 36 + (37 << 6)).unwrap()].iter().collect();
    let run = run(Format::Cfb, &compound(&[(&format!("/{packed}"), b"cabinet")]));
    assert_eq!(run.whole("!ab"), b"cabinet");
}

#[test]
fn encryption_is_told() {
    let mut word = vec![0xec, 0xa5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let excel = [9, 8, 2, 0, 0, 0, 0x2f, 0, 2, 0, 0, 0];
    let mut power_point = vec![0; 12];
    power_point.extend(0xf3d1_c4df_u32.to_le_bytes());
    for (name, stream) in [
        ("WordDocument", word.as_slice()),
        ("Workbook", &excel),
        ("Current User", &power_point),
        ("EncryptedPackage", b"any"),
    ] {
        let run = run(Format::Cfb, &compound(&[(&format!("/{name}"), stream)]));
        assert!(run.named(name).is_encrypted, "{name}");
        assert_eq!(run.told(), ["encrypted"], "{name}");
    }
    word[11] = 0;
    assert_eq!(run(Format::Cfb, &compound(&[("/WordDocument", &word)])).told(), [""; 0]);
}

/// Where the directory has the entry of that name.
fn entry_at(content: &[u8], name: &str) -> usize {
    let name = utf16(name);
    let at = content.chunks(128).position(|entry| entry.starts_with(&name) && entry[name.len()] == 0);
    at.unwrap() * 128
}

#[test]
fn a_stream_that_no_storage_leads_to_is_given() {
    let mut content = compound(&[("/hidden", b"MZ")]);
    let root = entry_at(&content, "Root Entry");
    content[root + 76..root + 80].copy_from_slice(&u32::MAX.to_le_bytes());
    let run = run(Format::Cfb, &content);
    assert_eq!(run.whole("hidden"), b"MZ");
    assert_eq!(run.told(), ["damaged: compound file tables"]);
}

#[test]
fn loops_end() {
    let long = text(5_000);
    let mut content = compound(&[("/a", &long), ("/b/c", b"x")]);
    // The sibling of `a` is `a`, and its chain leads to where it begins.
    let entry = entry_at(&content, "a");
    content[entry + 68..entry + 72].copy_from_slice(&1_u32.to_le_bytes());
    let start = u32::from_le_bytes(content[entry + 116..entry + 120].try_into().unwrap());
    let fat = usize::try_from(u32::from_le_bytes(content[76..80].try_into().unwrap())).unwrap();
    let link = (fat + 1) * 512 + usize::try_from(start).unwrap() * 4;
    content[link..link + 4].copy_from_slice(&start.to_le_bytes());
    content[entry + 120..entry + 124].copy_from_slice(&u32::MAX.to_le_bytes());
    let run = run(Format::Cfb, &content);
    assert!(run.named("a").content.bytes.len() <= content.len());
    assert_eq!(run.told(), ["damaged: chain of sectors ends early", "damaged: compound file tables"]);
}

#[test]
fn a_file_that_is_cut_off_gives_what_is_there() {
    let long = text(50_000);
    let content = compound(&[("/a", &long)]);
    let run = run(Format::Cfb, &content[..content.len() - 20_000]);
    let given = &run.named("a").content.bytes;
    assert!(long.starts_with(&given[..20_000]), "{}", given.len());
    assert_ne!(run.told(), [""; 0]);
}

#[test]
fn streams_that_share_their_sectors_are_charged_for_each() {
    let long = text(100_000);
    let names: Vec<String> = (0..50).map(|number| format!("/s{number:02}")).collect();
    let mut streams: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    streams.push(("/t", &long));
    let mut content = compound(&streams);
    let of_long = entry_at(&content, "t");
    let (start, size) =
        (content[of_long + 116..of_long + 120].to_vec(), content[of_long + 120..of_long + 128].to_vec());
    for name in &names {
        let entry = entry_at(&content, &name[1..]);
        content[entry + 116..entry + 120].copy_from_slice(&start);
        content[entry + 120..entry + 128].copy_from_slice(&size);
    }
    let limits = Limits { out_bytes_max: 1_000_000, ..Limits::default() };
    let run = run_within(Format::Cfb, &content, limits);
    assert_eq!(run.told(), ["beyond the limit of unpacked bytes"]);
    assert!(visited(&run) <= 1_000_000, "{}", visited(&run));
}
