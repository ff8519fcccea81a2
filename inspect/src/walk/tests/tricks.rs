//! Every trick that hides a name or a type, on whole mails.

use super::archives::attached;
use super::*;

#[track_caller]
fn banned(mail: &str) {
    assert!(
        categories(mail.as_bytes()).contains(&Category::Banned),
        "not banned ({:?}):\n{mail}",
        inspect(mail.as_bytes())
    );
}

/// Header fields of a part, each of which names a program or says that it is one.
const HIDDEN_NAMES: &[&str] = &[
    // Where the name stands.
    "Content-Disposition: attachment; filename=\"evil.exe\"",
    "Content-Disposition: inline; filename=evil.exe",
    "Content-Type: application/octet-stream; name=evil.exe",
    "Content-Type: text/plain; name=\"evil.exe\"",
    "Content-Type: image/png; name=evil.exe\r\nContent-Disposition: attachment; filename=good.png",
    "Content-Type: image/png; name=good.png\r\nContent-Disposition: attachment; filename=evil.exe",
    "content-disposition:attachment;filename=evil.exe",
    "Content-Disposition : attachment; filename=evil.exe",
    "CONTENT-DISPOSITION: ATTACHMENT; FILENAME=EVIL.EXE",
    "Content-Disposition: attachment;\r\n filename=evil.exe",
    "Content-Disposition:\r\n attachment\r\n ;\r\n filename\r\n =\r\n evil.exe",
    // Several that differ.
    "Content-Disposition: attachment; filename=good.txt; filename=evil.exe",
    "Content-Disposition: attachment; filename=evil.exe; filename=good.txt",
    "Content-Disposition: attachment; filename=good.txt\r\nContent-Disposition: attachment; filename=evil.exe",
    "Content-Disposition: attachment; filename=evil.exe\r\nContent-Disposition: attachment; filename=good.txt",
    "Content-Type: text/plain; name=good.txt\r\nContent-Type: text/plain; name=evil.exe",
    // RFC 2231.
    "Content-Disposition: attachment; filename*=utf-8''evil.exe",
    "Content-Disposition: attachment; filename*=utf-8''evil%2Eexe",
    "Content-Disposition: attachment; filename=good.txt; filename*=iso-8859-1'de'evil.e%78e",
    "Content-Type: application/octet-stream; name*=us-ascii''evil.exe",
    "Content-Disposition: attachment; filename*0=evil.; filename*1=exe",
    "Content-Disposition: attachment; filename*1=exe; filename*0=evil.",
    "Content-Disposition: attachment; filename*0*=utf-8''evil; filename*1*=%2Ee; filename*2=xe",
    "Content-Disposition: attachment; filename*0*=utf-8''evil.e; filename*1*=utf-8''x%65",
    "Content-Disposition: attachment; filename*0=\"evil.e\"; filename*1=\"x\\e\"",
    "Content-Disposition: attachment; filename*0=evil.e; filename*0=pdf; filename*1=xe; filename*3=.txt",
    "Content-Disposition: attachment; (x=\") filename=\"evil.exe\"",
    "Content-Disposition: attachment; filename=evil; filename*1=.exe",
    "Content-Type: application/octet-stream; name*0=ev; name*1=il.exe",
    // RFC 2047, where it must not stand but is read.
    "Content-Disposition: attachment; filename=\"=?utf-8?B?ZXZpbC5leGU=?=\"",
    "Content-Disposition: attachment; filename==?utf-8?Q?evil=2Eexe?=",
    "Content-Type: application/octet-stream; name=\"=?utf-8?Q?evil?=\r\n =?utf-8?Q?=2Eexe?=\"",
    "Content-Type: application/octet-stream; name=\"=?x-no?Z?x?= =?utf-8?Q?evil.exe?=\"",
    // Quotes, escapes, comments.
    "Content-Disposition: attachment; filename=\"evil\\.exe\"",
    "Content-Disposition: attachment; filename=\"evil.exe",
    "Content-Disposition: attachment; filename=\"evil\".exe",
    "Content-Disposition: attachment; filename='evil.exe'",
    "Content-Disposition: attachment; filename=evil.exe(comment)",
    "Content-Disposition: attachment; filename=evil(com;ment).exe; filename=evil.exe",
    "Content-Disposition: attachment; filename=\"evil.e\r\n xe\"",
    "Content-Disposition: attachment filename=evil.exe; x=y",
    "Content-Disposition: attachment; size=3 filename=evil.exe",
    // What Windows makes of it.
    "Content-Disposition: attachment; filename=\"evil.exe \"",
    "Content-Disposition: attachment; filename=\"evil.exe...\"",
    "Content-Disposition: attachment; filename=\"evil.exe . .\"",
    "Content-Disposition: attachment; filename=\"evil.exe%20\"",
    "Content-Disposition: attachment; filename=\"evil.exe::$DATA\"",
    "Content-Disposition: attachment; filename=\"good.txt:evil.exe\"",
    "Content-Disposition: attachment; filename=\"../../evil.exe\"",
    "Content-Disposition: attachment; filename=\"C:\\temp\\evil.exe\"",
    "Content-Disposition: attachment; filename=\"\\\\\\\\host\\\\share\\\\evil.exe\"",
    "Content-Disposition: attachment; filename=\"evil.exe\0.txt\"",
    "Content-Disposition: attachment; filename=\"evil.e\0xe\"",
    "Content-Disposition: attachment; filename=\"evil.exe%00.txt\"",
    // What the eye makes of it.
    "Content-Disposition: attachment; filename=\"invoice.pdf.exe\"",
    "Content-Disposition: attachment; filename=\"invoice.pdf                                   .exe\"",
    "Content-Disposition: attachment; filename=\"evil\u{202e}fdp.exe\"",
    "Content-Disposition: attachment; filename=\"evil.e\u{200b}xe\"",
    "Content-Disposition: attachment; filename=\"evil.e\u{ad}xe\"",
    "Content-Disposition: attachment; filename=\"evil\u{ff0e}exe\"",
    "Content-Disposition: attachment; filename=\"evil.\u{ff45}\u{ff58}\u{ff45}\"",
    "Content-Disposition: attachment; filename=\"evil\u{2024}exe\"",
    "Content-Disposition: attachment; filename=\"evil.exe\u{a0}\"",
    "Content-Disposition: attachment; filename*=utf-16be''%00e%00v%00i%00l%00.%00e%00x%00e",
    // Other extensions, and a double one that is not banned alone.
    "Content-Disposition: attachment; filename=run.scr",
    "Content-Disposition: attachment; filename=run.pif",
    "Content-Disposition: attachment; filename=run.vbs",
    "Content-Disposition: attachment; filename=run.cpl",
    "Content-Disposition: attachment; filename=run.lnk",
    "Content-Disposition: attachment; filename=run.hta",
    "Content-Disposition: attachment; filename=run.jse",
    // Declared types.
    "Content-Type: application/x-msdownload",
    "Content-Type: APPLICATION/X-MsDownload; name=good.txt",
    "Content-Type: application/ (x) hta",
    "Content-Type: application/ (;) hta",
    "Content-Type: x\r\n application/hta",
    "Content-Type: application/x-msdos-program",
    "Content-Type: message/partial; id=x; number=1",
    "Content-Type: text/plain\r\nContent-Type: application/hta",
];

#[test]
fn hidden_names_are_banned() {
    for headers in HIDDEN_NAMES {
        banned(&mail(headers, "x"));
    }
}

#[test]
fn a_long_name_keeps_its_end() {
    let name = format!("{}.exe", "x".repeat(64 * 1024));
    banned(&mail(&format!("Content-Disposition: attachment; filename={name}"), "x"));
}

#[test]
fn hidden_contents_are_banned() {
    let program = "TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAAAA==";
    let quoted = "=4D=5A=90=00=03=00=00=00=04";
    for (headers, body) in [
        ("Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64", program),
        ("Content-Type: text/plain\r\nContent-Transfer-Encoding: BASE64", program),
        ("Content-Transfer-Encoding: (x) base64", program),
        ("Content-Transfer-Encoding: \"base64\"", program),
        ("Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit", program),
        ("Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64", program),
        ("Content-Transfer-Encoding: x-unknown", program),
        ("Content-Transfer-Encoding: x-unknown", quoted),
        ("Content-Transfer-Encoding: quoted-printable", quoted),
        ("Content-Transfer-Encoding: base64", "T V!q=Q\r\nAAMAAAAEAAAA"),
        ("Content-Type: image/png\r\nContent-Transfer-Encoding: base64", "f0VMRgIBAQA="),
        ("Content-Type: image/png\r\nContent-Transfer-Encoding: base64", "TAAAAAEUAgA="),
        ("Content-Type: text/html", "<html><head><HTA:Application id=x></head></html>"),
        (
            "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable",
            "<html><=48TA:APPLICATION>",
        ),
        ("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary", "\x7fELF\x02"),
    ] {
        banned(&mail(headers, body));
    }
}

#[test]
fn banned_parts_are_found_in_nested_messages_at_every_depth() {
    let mut nested = mail("Content-Disposition: attachment; filename=evil.exe", "x");
    for level in 0..8 {
        banned(&nested);
        nested = format!(
            "Content-Type: multipart/mixed; boundary=n{level}\r\n\r\n--n{level}\r\nContent-Type: message/rfc822\r\n\r\n\
             {nested}\r\n--n{level}--\r\n"
        );
    }
    let digest =
        format!("Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n{nested}\r\n--d--\r\n");
    banned(&digest);
    let top = "Content-Type: application/octet-stream; name=evil.exe\r\n\r\nx";
    banned(top);
}

#[test]
fn nested_messages_that_are_encoded_are_decoded() {
    // A mail with an attachment evil.exe, and another part behind it.
    let base64 = "Q29udGVudC1EaXNwb3NpdGlvbjogYXR0YWNobWVudDsgZmlsZW5hbWU9ZXZpbC5leGUNCg0KeA0K";
    let quoted = "Content-Disposition: attachment; file=\r\nname=3Devil=2Eexe\r\n\r\nx";
    for (encoding, body) in [("base64", base64), ("quoted-printable", quoted), ("x-what", base64)] {
        for kind in ["message/rfc822", "message/global", "MESSAGE/RFC822; name=x.eml"] {
            let headers = format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}");
            banned(&mail(&headers, body));
        }
    }
}

#[test]
fn where_readers_may_disagree_every_part_s_header_counts() {
    let part = "Content-Disposition: attachment;\r\n filename=evil.exe\r\n\r\nx\r\n";
    for content in [
        format!(
            "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n--b\r\n{part}--b--"
        ),
        format!("Content-Type: multipart/mixed; boundary=never\r\n\r\n--other\r\n{part}--other--\r\n"),
        mail("Content-Type: text/plain", "x") + "--=_b\r\n" + part + "--=_b--\r\n",
    ] {
        banned(&content);
    }
}

#[test]
fn parts_without_an_empty_line_are_not_lost() {
    banned(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n--b\r\n\
         Content-Type: a/b; name=evil.exe\r\n\r\nx\r\n--b--\r\n",
    );
}

#[test]
fn a_part_behind_nested_messages_is_not_lost() {
    // mail-parser closes one message per delimiter, and gives up at the end of the digest.
    banned(
        "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/digest; boundary=d\r\n\r\n\
         --d\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n\
         --d--\r\n--o\r\nContent-Type: a/b; name=evil.exe\r\n\r\nx\r\n--o--\r\n",
    );
}

#[test]
fn every_mail_of_an_mbox_is_read() {
    let line = "From a@b Mon Nov  2 10:00:00 2026\n";
    let plain = "From: a@b\nTo: c@d\nSubject: x\n\nhello\n\n";
    let evil = mail("Content-Disposition: attachment; filename=evil.exe", "x").replace("\r\n", "\n");
    let honest = mail("Content-Disposition: attachment; filename=good.txt", "x").replace("\r\n", "\n");
    let banned = [Found::new(Category::Banned, ".exe: evil.exe")];
    for (mails, expected) in [
        ([line, plain, line, plain, line, &honest], &[][..]),
        ([line, plain, line, &evil, line, plain], &banned),
        ([line, plain, line, plain, line, &evil], &banned),
    ] {
        for mbox in [mails.concat(), mails.concat().replace('\n', "\r\n")] {
            assert_eq!(inspect(&attached("a.bin", mbox.as_bytes())), expected, "{mbox}");
            assert_eq!(
                inspect(&attached("a.zip", &make::zip(&[("a", mbox.as_bytes())]))),
                expected,
                "{mbox}"
            );
            assert_eq!(inspect(mbox.as_bytes()), expected, "{mbox}");
        }
    }
    // The name says it, where the first mail has no fields.
    let bare = [line, "\nhello\n\n", line, &evil].concat();
    assert_eq!(inspect(&attached("a.mbox", bare.as_bytes())), banned);
    let many = line.repeat(Limits::default().parts_max + 10);
    assert_eq!(categories(many.as_bytes()), [Category::Unchecked(Unchecked::OverLimit)]);
}

#[test]
fn a_mail_in_a_file_may_begin_with_blank_lines() {
    for (name, is_banned) in [("evil.exe", true), ("good.txt", false)] {
        let inner = mail(&format!("Content-Disposition: attachment; filename={name}"), "x");
        for before in ["\r\n", "\n\n", " \r\n"] {
            let found = inspect(&attached("a.eml", format!("{before}{inner}").as_bytes()));
            let expected = is_banned.then(|| Found::new(Category::Banned, ".exe: evil.exe"));
            assert_eq!(found, Vec::from_iter(expected), "{before:?} {name}");
        }
    }
}
