//! Types by content: a table of signatures, of which every match counts.
//!
//! The names are amavis' short types where it has one. A blob may have several: a polyglot is all that it can be
//! taken for. Neither of the usual crates is safe alone as a judge (they stop at the first match, miss types, or
//! downgrade damaged files), so this table is ours.

use std::borrow::Cow;

/// How much of a part is looked at, in bytes: to the volume descriptor of an ISO image and a little beyond.
pub(crate) const PREFIX_BYTES: usize = 40 * 1024;

/// Where a signature stands.
#[derive(Clone, Copy, Debug)]
enum At {
    /// Exactly there.
    Offset(usize),
    /// Anywhere up to there.
    Within(usize),
    /// As text behind blanks and a byte order mark, without case.
    Text,
    /// As text anywhere up to there, without case.
    TextWithin(usize),
}

use At::{Offset, Text, TextWithin, Within};

/// Place, bytes, labels.
const TABLE: &[(At, &[u8], &[&str])] = &[
    // Programs.
    (Offset(0), b"\x7fELF", &["exe", "exe-unix"]),
    (Offset(0), b"\xfe\xed\xfa\xce", &["exe", "exe-mac"]),
    (Offset(0), b"\xfe\xed\xfa\xcf", &["exe", "exe-mac"]),
    (Offset(0), b"\xce\xfa\xed\xfe", &["exe", "exe-mac"]),
    (Offset(0), b"\xcf\xfa\xed\xfe", &["exe", "exe-mac"]),
    (Offset(0), b"dex\n", &["dex"]),
    (Offset(0), b"\0asm", &["wasm"]),
    (Offset(0), b"\x4c\0\0\0\x01\x14\x02\0", &["lnk"]),
    (Offset(0), b"ITSF", &["chm"]),
    (Offset(0), b"?_\x03\0", &["hlp"]),
    (TextWithin(8 * 1024), b"<hta:application", &["hta"]),
    (Text, b"windows registry editor", &["reg"]),
    (Text, b"regedit4", &["reg"]),
    (Text, b"[internetshortcut]", &["url"]),
    (Text, b"#!", &["script"]),
    (Text, b"@echo off", &["bat"]),
    // Archives and images of disks.
    (Offset(0), b"PK\x03\x04", &["zip"]),
    (Offset(0), b"PK\x05\x06", &["zip"]),
    (Offset(0), b"PK\x07\x08", &["zip"]),
    (Offset(0), b"Rar!\x1a\x07", &["rar"]),
    (Offset(0), b"7z\xbc\xaf\x27\x1c", &["7z"]),
    (Offset(0), b"MSCF", &["cab"]),
    (Offset(0), b"ISc(", &["cab"]),
    (Offset(0), b"\x1f\x8b", &["gz"]),
    (Offset(0), b"BZh", &["bz2"]),
    (Offset(0), b"\xfd7zXZ\0", &["xz"]),
    (Offset(0), b"\x5d\0\0", &["lzma"]),
    (Offset(0), b"\x28\xb5\x2f\xfd", &["zst"]),
    (Offset(0), b"\x04\x22\x4d\x18", &["lz4"]),
    (Offset(0), b"\x89LZO", &["lzo"]),
    (Offset(0), b"\x1f\x9d", &["Z"]),
    (Offset(0), b"LZIP", &["lz"]),
    (Offset(0), b"\x60\xea", &["arj"]),
    (Offset(7), b"**ACE**", &["ace"]),
    (Offset(2), b"-lh", &["lha"]),
    (Offset(2), b"-lz", &["lha"]),
    (Offset(20), b"\xdc\xa7\xc4\xfd", &["zoo"]),
    (Offset(0), b"070701", &["cpio"]),
    (Offset(0), b"070702", &["cpio"]),
    (Offset(0), b"070707", &["cpio"]),
    (Offset(0), b"\xc7\x71", &["cpio"]),
    (Offset(0), b"\x71\xc7", &["cpio"]),
    (TextWithin(8 * 1024), b"(this file must be converted with binhex", &["hqx"]),
    (Offset(0), b"SZDD\x88\xf0\x27\x33", &["szdd"]),
    (Offset(8), b"\x19\x04\0\x10", &["sis"]),
    (Offset(257), b"ustar", &["tar"]),
    (Offset(0), b"!<arch>\ndebian", &["deb"]),
    (Offset(0), b"\xed\xab\xee\xdb", &["rpm"]),
    (Offset(32_769), b"CD001", &["iso"]),
    (Offset(32_769), b"BEA01", &["iso", "udf"]),
    (Offset(0), b"conectix", &["vhd"]),
    (Offset(0), b"vhdxfile", &["vhdx"]),
    (Offset(0), b"KDMV", &["vmdk"]),
    (Offset(0), b"xar!", &["xar"]),
    (Offset(0), b"Cr24", &["crx"]),
    // Documents.
    (Within(1024), b"%PDF-", &["pdf"]),
    (Offset(0), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &["ole", "doc"]),
    (Text, b"{\\rt", &["rtf"]),
    (Text, b"%!ps", &["ps"]),
    (Offset(0), b"\x78\x9f\x3e\x22", &["tnef"]),
    (Offset(0), b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", &["one"]),
    (Offset(4), b"Standard Jet DB", &["mdb"]),
    (Offset(4), b"Standard ACE DB", &["mdb"]),
    (Offset(0), b"!BDN", &["pst"]),
    (Text, b"<html", &["html"]),
    (Text, b"<!doctype html", &["html"]),
    (Text, b"<?xml", &["xml"]),
    // Pictures and sound.
    (Offset(0), b"FWS", &["swf"]),
    (Offset(0), b"CWS", &["swf"]),
    (Offset(0), b"ZWS", &["swf"]),
    (Offset(0), b"\x89PNG", &["png"]),
    (Offset(0), b"GIF8", &["gif"]),
    (Offset(0), b"\xff\xd8\xff", &["jpg"]),
    (Offset(0), b"\xd7\xcd\xc6\x9a", &["wmf"]),
    (Offset(40), b" EMF", &["emf"]),
    (Offset(8), b"WEBP", &["webp"]),
    (TextWithin(1024), b"<svg", &["svg"]),
];

/// Every label that fits the start of a part.
pub(crate) fn labels(prefix: &[u8]) -> Vec<&'static str> {
    if prefix.is_empty() {
        return vec!["empty"];
    }
    let prefix = prefix.get(..PREFIX_BYTES).unwrap_or(prefix);
    let text = plain_text(prefix);
    let mut labels = executable(prefix);
    for (at, signature, names) in TABLE {
        let is_match = match *at {
            Offset(offset) => prefix.get(offset..).is_some_and(|rest| rest.starts_with(signature)),
            Within(limit) => memchr::memmem::find(head(prefix, limit), signature).is_some(),
            Text => text.get(..signature.len()).is_some_and(|start| start.eq_ignore_ascii_case(signature)),
            TextWithin(limit) => has_word(head(&text, limit), signature),
        };
        if is_match {
            labels.extend_from_slice(names);
        }
    }
    labels
}

/// A label that a reader understands, for parts without a name.
pub(crate) fn readable(prefix: &[u8]) -> String {
    file_format::FileFormat::from_bytes(prefix).name().to_owned()
}

fn head(bytes: &[u8], limit: usize) -> &[u8] {
    bytes.get(..limit).unwrap_or(bytes)
}

/// Whether `word` stands somewhere in `text`, without case.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return true };
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text).any(|at| {
        text.get(at..at.saturating_add(word.len())).is_some_and(|there| there.eq_ignore_ascii_case(word))
    })
}

/// The start without byte order mark and leading blanks; UTF-16 without its zero bytes.
fn plain_text(prefix: &[u8]) -> Cow<'_, [u8]> {
    let start = head(prefix, 16 * 1024);
    match start {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => {
            let bytes = rest.iter().copied().filter(|byte| *byte != 0);
            bytes.skip_while(u8::is_ascii_whitespace).collect()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest.trim_ascii_start()),
        _ => Cow::Borrowed(start.trim_ascii_start()),
    }
}

/// Programs that a few bytes do not tell: those of DOS and Windows, and what begins with 0xCAFEBABE.
fn executable(prefix: &[u8]) -> Vec<&'static str> {
    let word = |at: usize| -> Option<[u8; 4]> { prefix.get(at..at.checked_add(4)?)?.try_into().ok() };
    if prefix.starts_with(b"MZ") || prefix.starts_with(b"ZM") {
        // Prose may begin with MZ; the header of a program has zero bytes.
        let is_program = prefix.len() < 64 || head(prefix, 64).contains(&0);
        if !is_program || prefix.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
            return Vec::new();
        }
        let header = word(0x3c).map(|at| u32::from_le_bytes(at) as usize);
        let characteristics =
            header.filter(|at| word(*at) == Some(*b"PE\0\0")).and_then(|at| word(at.checked_add(20)?));
        let is_dll = characteristics.is_some_and(|[_, _, _, high]| high & 0x20 != 0);
        return if is_dll { vec!["exe", "exe-ms", "dll"] } else { vec!["exe", "exe-ms"] };
    }
    match (word(0), word(4).map(u32::from_be_bytes)) {
        // A Mach-O for several machines says how many; a class says its version, 45 and above.
        (Some([0xca, 0xfe, 0xba, 0xbe]), Some(count)) if count < 45 => vec!["exe", "exe-mac"],
        (Some([0xca, 0xfe, 0xba, 0xbe]), _) => vec!["java"],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
