//! TNEF, written here attribute by attribute.

use unpack::Format;

use crate::run::run;

fn attribute(level: u8, id: u16, kind: u16, data: &[u8]) -> Vec<u8> {
    let sum = data.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(u16::from(byte)));
    let mut attribute = vec![level];
    attribute.extend(id.to_le_bytes());
    attribute.extend(kind.to_le_bytes());
    attribute.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    attribute.extend(data);
    attribute.extend(sum.to_le_bytes());
    attribute
}

pub(crate) fn tnef(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut content = 0x223e_9f78_u32.to_le_bytes().to_vec();
    content.extend([1, 0]);
    content.extend(attributes.concat());
    content
}

enum Value<'a> {
    Fixed(u16, &'a [u8]),
    Long(u16, &'a [u8]),
}

fn properties(properties: &[(u16, Value<'_>)]) -> Vec<u8> {
    let mut block = u32::try_from(properties.len()).unwrap().to_le_bytes().to_vec();
    for (id, value) in properties {
        let kind = match value {
            Value::Fixed(kind, _) | Value::Long(kind, _) => kind,
        };
        block.extend(kind.to_le_bytes());
        block.extend(id.to_le_bytes());
        if *id >= 0x8000 {
            block.extend([0; 16]);
            block.extend([1, 0, 0, 0, 6, 0, 0, 0, b'a', 0, b'b', 0, 0, 0, 0, 0]);
        }
        match value {
            Value::Fixed(_, bytes) => block.extend(*bytes),
            Value::Long(_, bytes) => {
                block.extend([1, 0, 0, 0]);
                block.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
                block.extend(*bytes);
                block.resize(block.len().next_multiple_of(4), 0);
            }
        }
    }
    block
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// An attachment: its short name and data as attributes, long names as properties.
pub(crate) fn with_attachment() -> Vec<u8> {
    let block = properties(&[
        (0x0e21, Value::Fixed(3, &[1, 0, 0, 0])),
        (0x8001, Value::Fixed(0x40, &[0; 8])),
        (0x3707, Value::Long(0x1f, &utf16("long name.exe\0"))),
        (0x3001, Value::Long(0x1e, b"shown.txt\0")),
    ]);
    tnef(&[
        attribute(1, 0x9006, 8, &[0, 0, 1, 0]),
        attribute(1, 0x800c, 2, b"the text\0"),
        attribute(2, 0x9002, 6, &[0; 14]),
        attribute(2, 0x800f, 6, b"MZ data"),
        attribute(2, 0x8010, 1, b"LONGNA~1.EXE\0"),
        attribute(2, 0x9005, 6, &block),
        attribute(2, 0x9002, 6, &[0; 14]),
        attribute(2, 0x8010, 1, b"second\0"),
        attribute(2, 0x800f, 6, b"two"),
    ])
}

#[test]
fn attachments_have_all_their_names_in_whatever_order() {
    let run = run(Format::Tnef, &with_attachment());
    for name in ["LONGNA~1.EXE", "long name.exe", "shown.txt"] {
        assert_eq!(run.whole(name), b"MZ data", "{name}");
    }
    assert_eq!(run.whole("second"), b"two");
    assert!(!run.named("second").is_rare);
    assert_eq!(run.members[0].content.bytes, b"the text\0");
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn a_message_in_a_message_is_given_without_its_interface() {
    let inner = with_attachment();
    let object = [&[7; 16], inner.as_slice()].concat();
    let block = properties(&[(0x3001, Value::Long(0x1e, b"Inner\0")), (0x3701, Value::Long(0x0d, &object))]);
    let outer = tnef(&[attribute(2, 0x9002, 6, &[0; 14]), attribute(2, 0x9005, 6, &block)]);
    let run = run(Format::Tnef, &outer);
    assert_eq!(run.whole("Inner"), inner);
    assert!(run.named("Inner").is_rare);
}

#[test]
fn compressed_rtf_is_unpacked() {
    // The example of MS-OXRTFCP 4.1.1.
    let packed = [
        0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0, 0x0a, 0, 0x72,
        0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0, 0x20,
        0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
    ];
    let block = properties(&[(0x1009, Value::Long(0x0102, &packed))]);
    let run_whole = run(Format::Tnef, &tnef(&[attribute(1, 0x9003, 6, &block)]));
    let text = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";
    assert_eq!(run_whole.members[0].content.bytes, text);
    assert_eq!(run_whole.told(), [""; 0]);

    let block = properties(&[(0x1009, Value::Long(0x0102, &packed[..30]))]);
    let cut = run(Format::Tnef, &tnef(&[attribute(1, 0x9003, 6, &block)]));
    assert!(text.starts_with(&cut.members[0].content.bytes));
    assert_eq!(cut.told(), ["damaged: compressed RTF"]);
}

#[test]
fn four_billion_times_nothing_is_nothing() {
    let nothing =
        properties(&[(0x1234, Value::Fixed(0x1001, &[0xff; 4])), (0x3707, Value::Long(0x1e, b"a"))]);
    let block = nothing.repeat(500);
    let content = vec![
        attribute(2, 0x9005, 6, &nothing),
        attribute(2, 0x800f, 6, b"x"),
        attribute(1, 0x9003, 6, &block),
    ];
    let run = run(Format::Tnef, &tnef(&content));
    assert_eq!(run.whole("a"), b"x");
}

#[test]
fn what_is_wrong_is_told_and_what_is_readable_given() {
    let whole = with_attachment();
    let cut = run(Format::Tnef, &whole[..whole.len() - 3]);
    assert_eq!(cut.named("second").content.bytes, b"tw");
    assert_eq!(cut.told(), ["damaged: truncated"]);

    let mut wrong = whole.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    let wrong = run(Format::Tnef, &wrong);
    assert_eq!(wrong.named("second").content.bytes, b"two");
    assert_eq!(wrong.told(), ["damaged: checksum"]);

    let block = properties(&[(0x3707, Value::Long(0x1e, b"first")), (0x1234, Value::Fixed(0x77, &[]))]);
    let odd =
        tnef(&[attribute(2, 0x9002, 6, &[]), attribute(2, 0x800f, 6, b"x"), attribute(2, 0x9005, 6, &block)]);
    let odd = run(Format::Tnef, &odd);
    assert_eq!(odd.named("first").content.bytes, b"x");
    assert_eq!(odd.told(), ["damaged: attributes of an attachment"]);

    let data = attribute(2, 0x800f, 6, b"x");
    let long = run(Format::Tnef, &tnef(&[attribute(2, 0x8010, 1, &[b'a'; 5_000]), data.clone()]));
    assert_eq!(long.members[0].names, [vec![b'a'; 4096]]);
    assert_eq!(long.told(), ["damaged: attributes of an attachment"]);
    let many: Vec<Vec<u8>> = (0..40).map(|number| attribute(2, 0x8010, 1, &[b'a' + number])).collect();
    let many = run(Format::Tnef, &tnef(&[many.concat(), data]));
    assert_eq!(many.members[0].names.len(), 32);
    assert_eq!(many.told(), ["damaged: attributes of an attachment"]);
}
