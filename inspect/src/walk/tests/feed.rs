//! What is handed back for virus scanners: what they may not come upon by themselves, and everything.

use super::archives::attached;
use super::make;
use super::*;

const VIRUS: &[u8] = b"a virus, if ever there was one";

fn fed(mail: &[u8], wanted: Wanted) -> Vec<(String, bool)> {
    let rules = AttachmentRules { extensions: Vec::new(), types: Vec::new(), ..AttachmentRules::default() };
    let text = |fed: Fed| (String::from_utf8_lossy(&fed.content).into_owned(), fed.is_hidden);
    by(rules).walk(mail, wanted).parts.into_iter().map(text).collect()
}

/// Whether the virus is handed back as hidden.
fn hides(mail: &[u8]) -> bool {
    let virus = String::from_utf8(VIRUS.to_vec()).unwrap();
    let fed = fed(mail, Wanted::Hidden);
    assert!(fed.iter().all(|(_, is_hidden)| *is_hidden), "{fed:?}");
    fed.iter().any(|(content, _)| content.trim_end() == virus || content == &format!("hello{virus}"))
}

fn part(encoding: &str, body: &str) -> Vec<u8> {
    let headers = format!("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: {encoding}");
    mail(&headers, body).into_bytes()
}

#[test]
fn a_plain_mail_has_nothing_hidden() {
    // "preamble" is in no part.
    for body in [part("base64", &make::base64(VIRUS)), attached("a.zip", &make::deflated("a.txt", VIRUS))] {
        assert_eq!(fed(&body, Wanted::Hidden), [("preamble".to_owned(), true)]);
    }
    assert_eq!(fed(&part("base64", &make::base64(VIRUS)), Wanted::Nothing), []);
    assert_eq!(fed(b"Subject: x\r\n\r\nhello\r\n", Wanted::Hidden), []);
}

#[test]
fn everything_is_every_part_and_every_member_once() {
    let (zip, text) = (make::deflated("a.txt", VIRUS), String::from_utf8(VIRUS.to_vec()).unwrap());
    let zip_text = String::from_utf8_lossy(&zip).into_owned();
    let fed = fed(&attached("a.zip", &zip), Wanted::All);
    let expected = [("hello", false), (&zip_text, false), ("preamble", true), (&text, false)];
    assert_eq!(fed, expected.map(|(content, hidden)| (content.to_owned(), hidden)));
}

#[test]
fn what_the_scanner_does_not_open_is_hidden() {
    let cases: [(&str, Vec<u8>, bool); 14] = [
        ("zip stored", make::zip(&[("a", VIRUS)]), false),
        ("zip deflate", make::deflated("a", VIRUS), false),
        ("zip of a rare method", make::zip_lzma("a", VIRUS), true),
        ("zip without a directory", make::without_directory(&make::deflated("a", VIRUS)), true),
        ("damaged zip", make::deflated("a", VIRUS)[..90].to_vec(), true),
        ("7z", make::seven("a", VIRUS, None), false),
        ("tar", make::tar("a", VIRUS), false),
        ("gzip", make::gzip("a", VIRUS), false),
        ("xz", make::xz(VIRUS), false),
        ("lzma", make::lzma(VIRUS), true),
        ("bzip2", make::bzip2(VIRUS), false),
        ("bzip2, empty stream before", [make::bzip2(b""), make::bzip2(VIRUS)].concat(), true),
        ("uuencode", make::uuencode("a", VIRUS), true),
        ("yEnc", make::yenc("a", VIRUS), true),
    ];
    for (name, content, is_hidden) in cases {
        assert_eq!(hides(&attached("a.bin", &content)), is_hidden, "{name}");
        // It is the same one archive deeper.
        let outer = make::zip(&[("inner", &content)]);
        assert_eq!(hides(&attached("a.zip", &outer)), is_hidden, "{name} in zip");
    }
}

#[test]
fn what_a_password_opened_is_hidden() {
    let told = |archive: Vec<u8>| {
        let mail = String::from_utf8(attached("a.bin", &archive)).unwrap();
        mail.replace("hello", "password: s3cret!").into_bytes()
    };
    assert!(hides(&told(make::encrypted("a", VIRUS, "s3cret!"))));
    assert!(hides(&told(make::seven("a", VIRUS, Some("s3cret!")))));
    assert!(!hides(&told(make::encrypted("a", VIRUS, "another"))));
}

#[test]
fn readings_that_differ_are_hidden() {
    let text = std::str::from_utf8(VIRUS).unwrap();
    let split = format!("aGVsbG8=\r\n{}", make::base64(VIRUS));
    let long = format!("({}) base64", "x".repeat(2000));
    let cases: [(&str, Vec<u8>, bool); 12] = [
        ("quoted-printable", part("quoted-printable", &make::quoted_printable(VIRUS)), false),
        ("blanks behind a soft break", part("quoted-printable", &format!("=  \r\n{text}")), true),
        ("an encoding that nobody knows", part("x-unknown", &make::base64(VIRUS)), true),
        ("a word behind a comment", part(&long, &make::base64(VIRUS)), true),
        ("a semicolon", part("base64\r\nContent-Disposition: inline;", &make::base64(VIRUS)), true),
        ("a word on another line", part("\r\n base64", &make::base64(VIRUS)), true),
        ("a start behind padding", part("base64", &split), true),
        ("two encodings", part("base64\r\nContent-Transfer-Encoding: 7bit", text), true),
        (
            "an encoded message",
            mail("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", &make::base64(VIRUS))
                .into_bytes(),
            true,
        ),
        ("text behind the last part", [&part("7bit", "x"), VIRUS].concat(), true),
        (
            "a part of an encoded message",
            mail(
                "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
                &make::base64(&part("base64", &make::base64(VIRUS))),
            )
            .into_bytes(),
            true,
        ),
        (
            "a mail in an archive",
            attached("a.zip", &make::zip(&[("a.eml", &part("base64", &make::base64(VIRUS)))])),
            true,
        ),
    ];
    for (name, mail, is_hidden) in cases {
        assert_eq!(hides(&mail), is_hidden, "{name}: {:?}", fed(&mail, Wanted::Hidden));
    }
}

#[test]
fn what_is_in_a_part_that_the_scanner_leaves_alone_is_hidden() {
    let part = String::from_utf8(part("base64", &make::base64(VIRUS))).unwrap();
    for (kind, is_hidden) in [("mixed", false), ("report", false), ("signed", true), ("parallel", true)] {
        let outer = |inner: &str| {
            format!(
                "From: a@b\r\nContent-Type: multipart/{kind}; boundary=out\r\n\r\n--out\r\n{inner}\r\n--out--\r\n"
            )
        };
        assert_eq!(hides(outer(&part).as_bytes()), is_hidden, "{kind}");
        let message = format!("Content-Type: message/rfc822\r\n\r\n{part}");
        assert_eq!(hides(outer(&message).as_bytes()), is_hidden, "a message in {kind}");
    }
    for (kind, is_hidden) in [("rfc822", false), ("global", true)] {
        let message = format!("From: a@b\r\nContent-Type: message/{kind}\r\n\r\n{part}");
        assert_eq!(hides(message.as_bytes()), is_hidden, "{kind}");
        // It is no mail to clamd without the fields that mails have.
        assert!(hides(message.replace("From: a@b\r\n", "").as_bytes()));
    }
}

#[test]
fn what_cannot_be_handed_back_is_over_limit() {
    let over = Found::new(
        Category::Unchecked(Unchecked::OverLimit),
        "beyond the limit of what is handed to virus scanners",
    );
    let mail = attached("a.lzma", &make::lzma(VIRUS));
    for (bytes, parts, is_over) in [(VIRUS.len() + 8, 2, false), (VIRUS.len() + 7, 2, true), (1_000, 1, true)]
    {
        let limits = Limits { feed_bytes_max: bytes, feed_parts_max: parts, ..Limits::default() };
        let rules = by(AttachmentRules { limits, ..AttachmentRules::default() });
        assert_eq!(rules.walk(&mail, Wanted::Hidden).findings.contains(&over), is_over, "{bytes} {parts}");
        assert_eq!(rules.walk(&mail, Wanted::Nothing).findings, []);
    }
}
