//! Inputs that no other test here has, each named after its row in the table of `tests/tests/tidy/rows.rs`.

use super::archives::attached;
use super::*;

const PROGRAM: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0";
const AMBIGUOUS: Category = Category::Unchecked(Unchecked::Ambiguous);
const OVER_LIMIT: Category = Category::Unchecked(Unchecked::OverLimit);

#[track_caller]
fn has(content: &[u8], category: Category) {
    let found = inspect(content);
    let text = String::from_utf8_lossy(content.get(..300).unwrap_or(content)).into_owned();
    assert!(found.iter().any(|found| found.category == category), "no {category:?} in {found:?} of\n{text}");
}

#[test]
fn b20_nul_in_header_and_body_hides_no_part() {
    let part = mail("Content-Disposition: attachment; filename=evil.exe", "x");
    for (from, to) in [
        ("Subject: x", "Subject: x\0y"),
        ("MIME-Version", "X-\0: y\r\nMIME-Version"),
        ("MIME-Version", "\0\r\nMIME-Version"),
        ("preamble", "pre\0amble"),
        ("hello", "\0hel\0lo\0"),
        ("filename=evil.exe\r\n\r\nx", "filename=\"evil.exe\"\r\n\r\n\0x\0"),
        ("filename=evil.exe", "filename=evil.exe\0"),
        ("filename=evil.exe", "filename=\"evil\0.exe\""),
        ("filename=evil.exe", "filename=\"evil.exe\0.txt\""),
    ] {
        assert!(part.contains(from), "{from}");
        has(part.replacen(from, to, 1).as_bytes(), Category::Banned);
    }
}

#[test]
fn b21_header_sections_of_any_form_are_bounded_and_hide_nothing() {
    let part = mail("Content-Disposition: attachment; filename=evil.exe", "x");
    has(format!("{}{part}", "Received: from a by b\r\n".repeat(100_000)).as_bytes(), OVER_LIMIT);
    let many: String = (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect();
    has(format!("{many}{part}").as_bytes(), Category::Banned);
    has(format!("a line without a colon\r\n{part}").as_bytes(), Category::Banned);
    has(format!(" a line that begins with a blank\r\n{part}").as_bytes(), Category::Banned);
    // Who takes a lone CR for the end of a line sees an attachment.
    let alone = "Subject: x\rContent-Disposition: attachment; filename=evil.exe\r\r\r\nx\r\n";
    let found = categories(alone.as_bytes());
    assert!(found.contains(&Category::Banned) || found.contains(&AMBIGUOUS), "{found:?}");
}

#[test]
fn b26_a_boundary_of_two_kilobytes_or_without_an_end_loses_no_part() {
    let part = "Content-Disposition: attachment; filename=evil.exe\r\n\r\nx\r\n";
    let long = "b".repeat(2_048);
    for boundary in [&long, "b"] {
        let head = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n");
        for end in ["--\r\n", "-\r\n", "\r\n", ""] {
            has(format!("{head}--{boundary}\r\n{part}--{boundary}{end}").as_bytes(), Category::Banned);
        }
        has(format!("{head}--{boundary}\r\n\r\nx\r\n--{boundary}\r\n{part}").as_bytes(), Category::Banned);
    }
}

#[test]
fn b27_breaks_of_every_kind_and_long_lines_are_read_and_binhex_is_told() {
    let of = |encoding: &str, body: &str| {
        mail(&format!("Content-Type: a/b\r\nContent-Transfer-Encoding: {encoding}"), body)
    };
    let quoted = "=4D=5A=90=00=03=00=00=00=04";
    for line_end in ["=\r\n", "=\n", "= \r\n"] {
        has(
            of("quoted-printable", &quoted.replace("=90", &format!("{line_end}=90"))).as_bytes(),
            Category::Banned,
        );
    }
    has(of("quoted-printable", &(quoted.to_owned() + &"=00".repeat(100_000))).as_bytes(), Category::Banned);
    let line = guard::tests::encode(&[PROGRAM, &[0; 100_000]].concat());
    has(of("base64", &line).as_bytes(), Category::Banned);
    let rules = AttachmentRules { types: vec!["hqx".into()], ..AttachmentRules::default() };
    let text = of("7bit", "see below\r\n\r\n(This file must be converted with BinHex 4.0)\r\n:#'0XB@d:\r\n");
    let told = by(rules).walk(text.as_bytes(), Wanted::Nothing).findings;
    assert!(
        told.iter().any(|found| found.category == Category::Banned && found.name.contains(".hqx")),
        "{told:?}"
    );
}

#[test]
fn b28_eight_bits_in_what_says_that_it_has_seven_count() {
    let parts = mail("Content-Type: a/b\r\nContent-Transfer-Encoding: 7bit", "@");
    let (before, after) = parts.split_once('@').unwrap();
    let packed = make::gzip("evil.exe", b"harmless");
    has(&[before.as_bytes(), &packed, after.as_bytes()].concat(), Category::Banned);
}

#[test]
fn b33_what_is_two_things_at_once_is_opened_as_both() {
    let zip = make::zip(&[("evil.exe", b"x")]);
    let jar = make::deflated("evil.exe", b"x");
    for (name, content) in [
        ("a.pdf", [b"%PDF-1.4\n%\xe2\xe3\n".as_slice(), &zip, b"\n%%EOF\n"].concat()),
        ("a.gif", [b"GIF89a\x01\0\x01\0\0\0\0;".as_slice(), &jar].concat()),
        ("a.jpg", [b"\xff\xd8\xff\xe0\0\x10JFIF\0".as_slice(), &jar, b"\xff\xd9"].concat()),
        ("a.tar", [make::tar("a.txt", b"x"), zip.clone()].concat()),
    ] {
        let found = inspect(&attached(name, &content));
        assert!(found.contains(&Found::new(Category::Banned, ".exe: evil.exe")), "{name}: {found:?}");
    }
    // A program in front, an archive behind: both are told.
    let both = inspect(&attached("a.bin", &[PROGRAM, &[0; 2_000], &zip].concat()));
    for name in [".exe,.exe-ms,.zip: a.bin", ".exe: evil.exe"] {
        assert!(both.contains(&Found::new(Category::Banned, name)), "{both:?}");
    }
    // What the name says does not matter, and there is nothing to read in almost nothing.
    has(&attached("a.txt", PROGRAM), Category::Banned);
    for content in [b"".as_slice(), b"M", b"P", b"\0"] {
        assert_eq!(inspect(&attached("a.zip", content)), []);
    }
}
