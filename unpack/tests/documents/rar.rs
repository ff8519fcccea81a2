//! RAR, written here block by block.

use unpack::{Format, Kind, Trouble, formats};

use crate::run::run;

fn block_4(kind: u8, flags: u16, fields: &[u8], data: &[u8]) -> Vec<u8> {
    let mut rest = vec![kind];
    rest.extend(flags.to_le_bytes());
    rest.extend(u16::try_from(7 + fields.len()).unwrap().to_le_bytes());
    rest.extend(fields);
    let [low, high, ..] = crc32fast::hash(&rest).to_le_bytes();
    [&[low, high], rest.as_slice(), data].concat()
}

fn file_4(flags: u16, method: u8, name: &[u8], data: &[u8], unpacked: &[u8]) -> Vec<u8> {
    let mut fields = u32::try_from(data.len()).unwrap().to_le_bytes().to_vec();
    fields.extend(u32::try_from(unpacked.len()).unwrap().to_le_bytes());
    fields.push(3);
    fields.extend(crc32fast::hash(unpacked).to_le_bytes());
    fields.extend([0, 0, 0, 0, 29, method]);
    fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    fields.extend(0o100_644_u32.to_le_bytes());
    fields.extend(name);
    block_4(0x74, flags | 0x8000, &fields, data)
}

fn archive_4(main_flags: u16, blocks: &[Vec<u8>]) -> Vec<u8> {
    [
        b"Rar!\x1a\x07\0".to_vec(),
        block_4(0x73, main_flags, &[0; 6], b""),
        blocks.concat(),
        block_4(0x7b, 0x4000, b"", b""),
    ]
    .concat()
}

pub(crate) fn version_4() -> Vec<u8> {
    archive_4(
        0,
        &[
            file_4(0, 0x30, b"a.exe", b"MZ", b"MZ"),
            file_4(0xe0, 0x30, b"dir", b"", b""),
            file_4(0, 0x33, b"packed.exe", b"packed", b"unpacked"),
            file_4(4, 0x33, b"secret.exe", b"secret", b"unknown"),
            file_4(0x200, 0x30, b"x?.exe\0\x04\x5f\x00xe4.exe", b"u", b"u"),
        ],
    )
}

fn figure(mut figure: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(figure & 0x7f).unwrap();
        figure >>= 7;
        bytes.push(if figure > 0 { byte | 0x80 } else { byte });
        if figure == 0 {
            return bytes;
        }
    }
}

fn block_5(kind: u64, flags: u64, fields: &[u8], extra: &[u8], data: &[u8]) -> Vec<u8> {
    let flags = flags | u64::from(!extra.is_empty()) | u64::from(!data.is_empty()) << 1;
    let mut header = [figure(kind), figure(flags)].concat();
    if !extra.is_empty() {
        header.extend(figure(extra.len() as u64));
    }
    if !data.is_empty() {
        header.extend(figure(data.len() as u64));
    }
    header.extend([fields, extra].concat());
    let summed = [figure(header.len() as u64), header].concat();
    [&crc32fast::hash(&summed).to_le_bytes(), summed.as_slice(), data].concat()
}

fn file_5(file_flags: u64, method: u64, name: &[u8], extra: &[u8], data: &[u8], unpacked: &[u8]) -> Vec<u8> {
    block_5(2, 0, &fields_5(file_flags, method, name, unpacked), extra, data)
}

fn fields_5(file_flags: u64, method: u64, name: &[u8], unpacked: &[u8]) -> Vec<u8> {
    [
        figure(file_flags | 4),
        figure(unpacked.len() as u64),
        figure(0),
        crc32fast::hash(unpacked).to_le_bytes().to_vec(),
        figure(method << 7),
        figure(1),
        figure(name.len() as u64),
        name.to_vec(),
    ]
    .concat()
}

fn archive_5(blocks: &[Vec<u8>]) -> Vec<u8> {
    [
        b"Rar!\x1a\x07\x01\0".to_vec(),
        block_5(1, 0, &[0], b"", b""),
        blocks.concat(),
        block_5(5, 0, &[0], b"", b""),
    ]
    .concat()
}

pub(crate) fn version_5() -> Vec<u8> {
    archive_5(&[
        file_5(0, 0, b"a.exe", b"", b"MZ", b"MZ"),
        file_5(1, 0, b"dir", b"", b"", b""),
        file_5(0, 3, b"packed.exe", b"", b"packed", b"unpacked"),
        file_5(0, 3, b"secret.exe", &[2, 1, 0], b"secret", b"unknown"),
        file_5(0, 0, b"link", &[&[10, 5, 1, 0, 6], b"target".as_slice()].concat(), b"", b""),
    ])
}

fn changed(mut archive: Vec<u8>, name: &[u8]) -> Vec<u8> {
    let at = archive.windows(name.len()).position(|window| window == name).unwrap();
    archive[at] ^= 1;
    archive
}

#[test]
fn both_versions_give_names_flags_and_stored_members() {
    for archive in [version_4(), version_5()] {
        let run = run(Format::Rar, &archive);
        assert_eq!(run.whole("a.exe"), b"MZ");
        assert_eq!(run.named("dir").kind, Kind::Directory);
        assert_eq!(run.named("packed.exe").content.trouble, Some(Trouble::Unsupported("compression of RAR")));
        assert!(run.named("secret.exe").is_encrypted);
        assert_eq!(run.troubles, []);
        assert_eq!(run.members.len(), 5);
    }
    let links = run(Format::Rar, &version_5());
    assert_eq!(links.named("link").kind, Kind::Link);
    assert_eq!(links.whole("link"), b"target");
}

#[test]
fn packed_unicode_names_are_given_besides_the_short_one() {
    // The high byte 0x04, one unit as it is, one with the high byte, then six of the short name with it or without.
    let packed = [b"x?.exe\0".as_slice(), &[0x04, 0b0001_1100, b'x', 0x30, 2]].concat();
    let run = run(Format::Rar, &archive_4(0, &[file_4(0x200, 0x30, &packed, b"u", b"u")]));
    assert_eq!(run.names(), ["x\u{430}.exe", "x?.exe"]);
}

#[test]
fn the_signature_is_found_behind_anything() {
    for archive in [version_4(), version_5()] {
        // What is no archive though it has the signature is passed over.
        let before = b"GIF89a picture Rar!\x1a\x07\0 Rar!\x1a\x07\x01\0 and Rar!\x1a\x07\x02".as_slice();
        assert!(!formats(before).contains(&Format::Rar));
        assert_eq!(run(Format::Rar, &[before, &archive].concat()).whole("a.exe"), b"MZ");
    }
}

#[test]
fn encrypted_headers_are_told() {
    let hidden = archive_4(0x80, &[b"anything".to_vec()]);
    assert_eq!(run(Format::Rar, &hidden).told(), ["encrypted"]);
    let hidden = archive_5(&[block_5(4, 0, &[0, 0, 15], b"", b""), b"anything".to_vec()]);
    assert_eq!(run(Format::Rar, &hidden).told(), ["encrypted"]);
}

#[test]
fn what_is_wrong_is_told_and_what_is_readable_given() {
    for (archive, told) in [
        (
            archive_4(0, &[file_4(2, 0x30, b"a", b"part", b"part of it")]),
            "damaged: goes on in another volume",
        ),
        (archive_4(0, &[file_4(0, 0x30, b"a", b"one", b"two")]), "damaged: checksum"),
        (archive_5(&[file_5(0, 0, b"a", b"", b"one", b"two")]), "damaged: checksum"),
        (archive_5(&[file_5(0, 0, b"a", b"", b"one", b"longer")]), "damaged: truncated"),
        (archive_4(0, &[b"no header".to_vec()]), "damaged: RAR header"),
        (changed(version_4(), b"dir"), "damaged: checksum of a header"),
        (changed(version_5(), b"dir"), "damaged: checksum of a header"),
        (b"RE\x7e\x5e old".to_vec(), "not supported: version of RAR"),
        (b"Rar!\x1a\x07\x02\0".to_vec(), "not supported: version of RAR"),
    ] {
        let told_now = run(Format::Rar, &archive).told();
        assert!(told_now.iter().any(|one| one == told), "{told}: {told_now:?}");
    }
    for whole in [version_4(), version_5()] {
        let at = whole.windows(6).position(|six| six == b"secret").unwrap();
        let cut = run(Format::Rar, &whole[..at + 2]);
        assert_eq!(cut.whole("a.exe"), b"MZ");
        assert!(cut.told().iter().any(|told| told.starts_with("damaged")), "{:?}", cut.told());
    }
}

#[test]
fn streams_of_files_and_data_behind_a_link_are_given() {
    let service =
        |name: &[u8], method: u64, data: &[u8]| block_5(3, 0, &fields_5(0, method, name, data), b"", data);
    let copy = [&[10, 5, 5, 0, 6], b"target".as_slice()].concat();
    let archive = archive_5(&[
        file_5(0, 0, b"a.txt", b"", b"text", b"text"),
        service(b"STM", 0, b"stream"),
        service(b"CMT", 0, b"comment"),
        service(b"QO", 3, b"packed"),
        file_5(0, 0, b"copy", &copy, b"data", b"data"),
    ]);
    let run = run(Format::Rar, &archive);
    assert_eq!(run.whole("STM"), b"stream");
    assert_eq!(run.whole("CMT"), b"comment");
    let of_copy: Vec<&[u8]> = run
        .members
        .iter()
        .filter(|member| member.names == [b"copy".to_vec()])
        .map(|member| member.content.bytes.as_slice())
        .collect();
    assert_eq!(of_copy, [b"target".as_slice(), b"data"]);
    assert_eq!(run.told(), [""; 0]);
}
