//! Labels by content.

use super::*;

/// A program for Windows with these characteristics.
pub(crate) fn program(characteristics: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x80];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x56..0x58].copy_from_slice(&characteristics.to_le_bytes());
    bytes
}

#[test]
fn every_signature_of_the_table_matches_where_it_stands() {
    for (at, signature, expected) in TABLE {
        let (before, filler) = match *at {
            Offset(offset) => (offset, 0),
            Within(limit) => (limit - signature.len(), b'x'),
            Text => (3, b' '),
            TextWithin(limit) => (limit - signature.len(), b'x'),
        };
        let mut blob = vec![filler; before];
        blob.extend_from_slice(signature);
        blob.extend_from_slice(&[0; 8]);
        let found = labels(&blob);
        assert!(expected.iter().all(|label| found.contains(label)), "{signature:?} {found:?}");
        let shifted = match *at {
            Offset(_) => [&[7], blob.as_slice()].concat(),
            Within(_) | TextWithin(_) => [b"x", blob.as_slice()].concat(),
            Text => [b"x", blob.as_slice()].concat(),
        };
        assert!(!expected.iter().all(|label| labels(&shifted).contains(label)), "{signature:?} shifted");
    }
}

#[test]
fn programs() {
    assert_eq!(labels(&program(0x0102)), ["exe", "exe-ms"]);
    assert_eq!(labels(&program(0x2102)), ["exe", "exe-ms", "dll"]);
    assert_eq!(labels(b"MZ\x90\0\x03"), ["exe", "exe-ms"]);
    assert_eq!(labels(&[&b"ZM\x90"[..], &[0; 80]].concat()), ["exe", "exe-ms"]);
    assert_eq!(labels(b"\xca\xfe\xba\xbe\0\0\0\x02"), ["exe", "exe-mac"]);
    assert_eq!(labels(b"\xca\xfe\xba\xbe\0\0\0\x34"), ["java"]);
}

#[test]
fn prose_is_no_program() {
    let prose = b"MZ is how a newspaper may sign its letters to the editor, and nobody should mind that.";
    assert!(labels(prose).is_empty());
    assert!(labels(b"MZ\r\n").is_empty());
    assert_eq!(labels(b""), ["empty"]);
    assert!(labels(b"M").is_empty());
}

#[test]
fn a_polyglot_is_all_that_it_may_be_taken_for() {
    let pdf_and_zip = b"PK\x03\x04 ... %PDF-1.4";
    assert_eq!(labels(pdf_and_zip), ["zip", "pdf"]);
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    tar[..6].copy_from_slice(b"GIF89a");
    assert_eq!(labels(&tar), ["tar", "gif"]);
}

#[test]
fn text_in_utf_16_is_read_too() {
    let hta: Vec<u8> = "\u{feff}<HTA:APPLICATION>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(labels(&hta), ["hta"]);
}

#[test]
fn a_readable_label_is_there_for_anything() {
    assert!(readable(b"%PDF-1.4").contains("Portable Document"));
    assert!(!readable(b"\x01\x02").is_empty());
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        labels(&bytes);
        labels(&[b"MZ", bytes.as_slice()].concat());
    }
}
