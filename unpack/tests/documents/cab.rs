//! Cabinets: `cab` writes those with MSZIP, the writer here what it would not.

use std::io::{Cursor, Write};

use unpack::{Format, Limits};

use crate::run::{Run, run, run_within};

/// A cabinet with one folder of stored blocks. Files are name, offset, size and folder.
pub(crate) fn cabinet(files: &[(&[u8], u32, u32, u16)], method: u16, blocks: &[&[u8]]) -> Vec<u8> {
    let names: usize = files.iter().map(|(name, ..)| 16 + name.len() + 1).sum();
    let data_at = 36 + 8 + names;
    let mut cabinet = b"MSCF\0\0\0\0".to_vec();
    cabinet.extend([0; 8]);
    cabinet.extend(44_u32.to_le_bytes());
    cabinet.extend([0, 0, 0, 0, 3, 1]);
    cabinet.extend(1_u16.to_le_bytes());
    cabinet.extend(u16::try_from(files.len()).unwrap().to_le_bytes());
    cabinet.extend([0; 6]);
    cabinet.extend(u32::try_from(data_at).unwrap().to_le_bytes());
    cabinet.extend(u16::try_from(blocks.len()).unwrap().to_le_bytes());
    cabinet.extend(method.to_le_bytes());
    for (name, offset, size, folder) in files {
        cabinet.extend(size.to_le_bytes());
        cabinet.extend(offset.to_le_bytes());
        cabinet.extend(folder.to_le_bytes());
        cabinet.extend([0; 6]);
        cabinet.extend(*name);
        cabinet.push(0);
    }
    for block in blocks {
        let size = u16::try_from(block.len()).unwrap().to_le_bytes();
        cabinet.extend([0; 4]);
        cabinet.extend(size);
        cabinet.extend(size);
        cabinet.extend(*block);
    }
    cabinet
}

pub(crate) fn ms_zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    builder.add_folder(cab::CompressionType::MsZip).add_file(name);
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// What a text of this length compresses to is neither nothing nor all of it.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{} ", state >> 20)
    };
    let mut text = Vec::new();
    while text.len() < bytes {
        text.extend(word().bytes());
    }
    text.truncate(bytes);
    text
}

#[test]
fn blocks_of_mszip_refer_to_the_one_before() {
    let content = text(200_000);
    let run = run(Format::Cab, &ms_zip("a.txt", &content));
    assert_eq!(run.whole("a.txt"), content);
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn lzx_is_decoded() {
    let cabinet = b"\x4d\x53\x43\x46\x00\x00\x00\x00\x97\x00\x00\x00\x00\x00\x00\
        \x00\x2c\x00\x00\x00\x00\x00\x00\x00\x03\x01\x01\x00\x02\x00\
        \x00\x00\x2d\x05\x00\x00\x5b\x00\x00\x00\x01\x00\x03\x13\x0f\
        \x00\x00\x00\x00\x00\x00\x00\x00\x00\x21\x53\x0d\xb2\x20\x00\
        \x68\x69\x2e\x74\x78\x74\x00\x10\x00\x00\x00\x0f\x00\x00\x00\
        \x00\x00\x21\x53\x0b\xb2\x20\x00\x62\x79\x65\x2e\x74\x78\x74\
        \x00\x5c\xef\x2a\xc7\x34\x00\x1f\x00\x5b\x80\x80\x8d\x00\x30\
        \xf0\x01\x10\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x48\
        \x65\x6c\x6c\x6f\x2c\x20\x77\x6f\x72\x6c\x64\x21\x0d\x0a\x53\
        \x65\x65\x20\x79\x6f\x75\x20\x6c\x61\x74\x65\x72\x21\x0d\x0a\
        \x00";
    let run = run(Format::Cab, cabinet);
    assert_eq!(run.whole("hi.txt"), b"Hello, world!\r\n");
    assert_eq!(run.whole("bye.txt"), b"See you later!\r\n");
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn files_of_one_name_are_both_given_and_names_stay_raw() {
    let files: [(&[u8], u32, u32, u16); 3] =
        [(b"a", 3, 3, 0), (b"a", 0, 3, 0), (b"d\\\xff\x80.exe", 1, 4, 0)];
    let run = run(Format::Cab, &cabinet(&files, 0, &[b"one", b"two"]));
    let contents: Vec<_> = run.members.iter().map(|member| member.content.bytes.as_slice()).collect();
    assert_eq!(contents, [b"one".as_slice(), b"netw", b"two"]);
    assert_eq!(run.members[1].names, [b"d\\\xff\x80.exe".to_vec()]);
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn cabinets_are_found_behind_a_program_and_behind_each_other() {
    let one = cabinet(&[(b"one", 0, 1, 0)], 0, &[b"1"]);
    let two = cabinet(&[(b"two", 0, 1, 0)], 0, &[b"2"]);
    let run = run(Format::Cab, &[b"MZ program MSCF".as_slice(), &one, b"between", &two].concat());
    assert_eq!(run.names(), ["one", "two"]);
    assert_eq!(run.whole("two"), b"2");
}

#[test]
fn what_is_wrong_is_told_and_what_is_readable_given() {
    let whole = cabinet(&[(b"a", 0, 6, 0), (b"b", 6, 3, 0)], 0, &[b"abcdef", b"ghi"]);
    let cut = &whole[..whole.len() - 2];
    let run_cut = run(Format::Cab, cut);
    assert_eq!(run_cut.whole("a"), b"abcdef");
    assert_eq!(run_cut.named("b").content.bytes, b"g");
    assert_eq!(run_cut.told(), ["damaged: truncated"]);

    let mut wrong = whole.clone();
    wrong[36 + 8 + 18 + 18] = 1;
    assert_eq!(run(Format::Cab, &wrong).told(), ["damaged: checksum"]);

    let quantum = cabinet(&[(b"a", 0, 6, 0)], 2, &[b"abcdef"]);
    assert_eq!(run(Format::Cab, &quantum).told(), ["not supported: compression of the cabinet"]);

    let no_folder = cabinet(&[(b"a", 0, 6, 5)], 0, &[b"abcdef"]);
    assert_eq!(run(Format::Cab, &no_folder).told(), ["damaged: no such folder in the cabinet"]);

    let cut_directory = run(Format::Cab, &whole[..36 + 8 + 20]);
    assert_eq!(cut_directory.names(), ["a"]);
    assert_eq!(cut_directory.told(), ["damaged: cabinet directory", "damaged: truncated"]);

    let folders = [(b"a".as_slice(), 0, 6, 0xfffd), (b"b", 0, 9, 0xfffe)];
    let set = run(Format::Cab, &cabinet(&folders, 0, &[b"abcdef"]));
    assert_eq!(set.named("b").content.bytes, b"abcdef");
    assert_eq!(set.told(), ["damaged: begins in another cabinet", "damaged: goes on in another cabinet"]);
}

#[test]
fn broken_compression_costs_its_folder_only() {
    let broken = run(Format::Cab, &cabinet(&[(b"a", 0, 6, 0)], 1, &[b"CKabcdef"]));
    assert_eq!(broken.told(), ["damaged: MSZIP data"]);
    let broken = run(Format::Cab, &cabinet(&[(b"a", 0, 6, 0)], 0x1503, &[&[0xff; 100]]));
    assert_eq!(broken.told(), ["damaged: LZX data"]);
}

#[test]
fn zeros_stop_at_the_ratio() {
    let bomb = ms_zip("zeros", &vec![0; 60_000_000]);
    let run = run(Format::Cab, &bomb);
    assert_eq!(run.told(), ["beyond the limit of compression ratio"]);
    assert!(visited(&run) <= 1_100_000, "{}", visited(&run));
}

#[test]
fn files_that_share_their_bytes_are_charged_for_each() {
    let block = vec![b'x'; 32_000];
    let files: Vec<(&[u8], u32, u32, u16)> = vec![(b"a", 0, 32_000, 0); 3_000];
    let limits = Limits { out_bytes_max: 1_000_000, ..Limits::default() };
    let run = run_within(Format::Cab, &cabinet(&files, 0, &[&block]), limits);
    assert_eq!(run.told(), ["beyond the limit of unpacked bytes"]);
    assert!(visited(&run) <= 1_000_000, "{}", visited(&run));

    let limits = Limits { members_max: 10, ..Limits::default() };
    let run = run_within(Format::Cab, &cabinet(&files, 0, &[&block]), limits);
    assert_eq!(run.told(), ["beyond the limit of members"]);
    assert_eq!(run.members.len(), 10);
}

pub(crate) fn visited(run: &Run) -> usize {
    run.members.iter().map(|member| member.content.bytes.len()).sum()
}
