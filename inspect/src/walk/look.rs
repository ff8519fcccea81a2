//! What some bytes are: by signatures, and as what they may be opened.

use unpack::Format;

use crate::attachments::signatures;

/// How much is looked at to tell a mail, in bytes and in lines.
const MAIL_BYTES: usize = 8 * 1024;
const MAIL_LINES: usize = 100;

/// What a content is taken for.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// amavis' short types.
    pub(super) labels: Vec<&'static str>,
    pub(super) formats: Vec<Format>,
}

impl Look {
    pub(super) fn at(content: &[u8]) -> Self {
        let mut labels = signatures::labels(content);
        let formats = unpack::formats(content);
        for label in formats.iter().map(|format| short_type(*format)) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        Self { labels, formats }
    }
}

/// As amavis calls it.
pub(super) fn short_type(format: Format) -> &'static str {
    match format {
        Format::Zip => "zip",
        Format::SevenZ => "7z",
        Format::Tar => "tar",
        Format::Gzip => "gz",
        Format::Bzip2 => "bz2",
        Format::Xz => "xz",
        Format::Lzma => "lzma",
        Format::Lzip => "lz",
        Format::Zstd => "zst",
        Format::Cab => "cab",
        Format::Cfb => "ole",
        Format::Tnef => "tnef",
        Format::Lha => "lha",
        Format::Iso9660 => "iso",
        Format::Rar => "rar",
        Format::Arj => "arj",
        Format::UuEncode => "uue",
        Format::YEnc => "yenc",
    }
}

/// Whether it begins with a header section of a mail: lines of fields, two of them of the usual ones.
pub(super) fn is_mail(content: &[u8]) -> bool {
    const USUAL: [&str; 11] = [
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "content-type",
        "delivered-to",
    ];
    let window = content.get(..MAIL_BYTES).unwrap_or(content);
    let window = window.trim_ascii_start();
    let mut usual = 0;
    for (index, line) in window.split(|byte| *byte == b'\n').take(MAIL_LINES).enumerate() {
        let is_mbox = index == 0 && line.starts_with(b"From ");
        if is_mbox || line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            continue;
        }
        let name = line.iter().position(|byte| *byte == b':').and_then(|at| line.get(..at));
        let Some(name) = name.filter(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic)) else {
            break;
        };
        usual += usize::from(USUAL.iter().any(|usual| name.eq_ignore_ascii_case(usual.as_bytes())));
    }
    usual >= 2
}

/// Whether clamd takes it for a mail, which it tells by how it begins.
pub(super) fn is_known_as_mail(content: &[u8]) -> bool {
    const FIRST: [&str; 9] = [
        "Received: ",
        "Return-Path: ",
        "Delivered-To: ",
        "From: ",
        "To: ",
        "Subject: ",
        "Date: ",
        "Message-ID: ",
        "MIME-Version: ",
    ];
    const SOON: [&str; 3] = ["\nReceived: ", "\nFrom: ", "\nMIME-Version: "];
    const SOON_BYTES: usize = 1000;
    let start = content.get(..SOON_BYTES).unwrap_or(content);
    let ends = [&b"\n\r\n"[..], b"\n\n"].into_iter().filter_map(|end| memchr::memmem::find(start, end));
    let start = ends.min().and_then(|end| start.get(..end)).unwrap_or(start);
    FIRST.iter().any(|field| start.starts_with(field.as_bytes()))
        || SOON.iter().any(|field| memchr::memmem::find(start, field.as_bytes()).is_some())
}

/// Whether the member called so holds macros: of OOXML and ODF, and the streams of OLE files.
pub(super) fn is_macro(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut components = lower.split(|byte| matches!(byte, b'/' | b'\\'));
    let last = components.clone().next_back().unwrap_or_default();
    last == b"vbaproject.bin"
        || last == b"_vba_project"
        || components.any(|part| matches!(part, b"_vba_project_cur" | b"macrosheets"))
        || (lower.starts_with(b"basic/") && last.ends_with(b".xml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_told_by_their_fields() {
        for mail in [
            "From: a@b\r\nSubject: x\r\n\r\nbody",
            "\r\nReceived: from x\r\n\tby y\r\nX-Y: z\r\nDate: now\r\n",
            "From a@b Tue\nReturn-Path: <a>\nTo: b\n",
        ] {
            assert!(is_mail(mail.as_bytes()), "{mail}");
        }
        for text in [
            "",
            "Hello: you\r\nFrom: me",
            "From: a\r\n\r\nSubject: b",
            "prose\nFrom: a\nTo: b\n",
            "PK\x03\x04",
        ] {
            assert!(!is_mail(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn mails_are_known_by_their_first_fields() {
        let late = format!("X-A: {}\r\nReceived: from x\r\n", "a".repeat(1000));
        for (mail, is_known) in [
            ("Received: from x\r\n", true),
            ("X-A: b\r\nMIME-Version: 1.0\r\n", true),
            ("received: from x\r\n", false),
            ("Received:\r\n from x\r\n", false),
            ("X-A: b\r\n\r\nFrom: a@b\r\n", false),
            (&late, false),
        ] {
            assert_eq!(is_known_as_mail(mail.as_bytes()), is_known, "{mail}");
        }
    }

    #[test]
    fn macros_are_told_by_their_place() {
        for name in [
            "word/vbaProject.bin",
            "XL/VBAPROJECT.BIN",
            "Macros/VBA/_VBA_PROJECT",
            "_VBA_PROJECT_CUR/VBA/dir",
            "xl/macrosheets/sheet1.xml",
            "Basic/Standard/Module1.xml",
        ] {
            assert!(is_macro(name.as_bytes()), "{name}");
        }
        for name in ["word/document.xml", "vba.txt", "macros.doc", "basic.xml", ""] {
            assert!(!is_macro(name.as_bytes()), "{name}");
        }
    }
}
