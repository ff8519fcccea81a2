//! The rule on whole mails.

mod archives;
mod clamav;
mod feed;
mod make;
mod readings;
mod rows;
mod tricks;

use proptest::prelude::*;

use super::*;
use crate::attachments::guard;

/// CPU time of this thread.
pub(crate) fn thread_seconds() -> i64 {
    clock_gettime(ClockId::ThreadCPUTime).tv_sec
}

/// A process that may use a minute.
fn by(rules: AttachmentRules) -> Inspection {
    Inspection::new(rules, Duration::from_secs(60)).unwrap()
}

/// By the default rules; a panic fails the test.
pub(crate) fn inspect(mail: &[u8]) -> Vec<Found> {
    by(AttachmentRules::default()).walk(mail, Wanted::Nothing).findings
}

fn categories(mail: &[u8]) -> Vec<Category> {
    inspect(mail).into_iter().map(|found| found.category).collect()
}

/// A mail of two parts, the second with these headers and body.
fn mail(headers: &str, body: &str) -> String {
    format!(
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\npreamble\r\n\
         --=_b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--=_b\r\n{headers}\r\n\r\n{body}\r\n--=_b--\r\n"
    )
}

#[test]
fn a_finding_reads_as_amavis_would_say_it() {
    let cases = [
        ("Content-Disposition: attachment; filename=a.exe", "x", ".exe: a.exe"),
        ("Content-Type: application/hta; name=a.txt", "x", "application/hta: a.txt"),
        ("Content-Type: application/hta", "x", "application/hta"),
        (
            "Content-Type: a/b; name=a.txt\r\nContent-Transfer-Encoding: base64",
            "TVqQAAMAAAA=",
            ".exe,.exe-ms: a.txt",
        ),
        (
            "Content-Type: a/b\r\nContent-Transfer-Encoding: base64",
            "TVqQAAMAAAA=",
            ".exe,.exe-ms (MS-DOS Executable)",
        ),
    ];
    for (headers, body, name) in cases {
        let found = inspect(mail(headers, body).as_bytes());
        assert_eq!(found, [Found::new(Category::Banned, name)]);
    }
}

#[test]
fn honest_mails_are_clean() {
    for content in [
        String::new(),
        "\r\n".into(),
        "Subject: x\r\n\r\nhello".into(),
        "no header at all, just text about evil.exe".into(),
        "Subject: evil.exe\r\n\r\nContent-Disposition: attachment; filename=evil.exe\r\n".into(),
        "Subject: headers only\r\n".into(),
        mail("Content-Disposition: attachment; filename=report.pdf", "%PDF-1.4"),
        mail(
            "Content-Type: application/zip; name=\"a.exe.zip\"",
            "PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
        mail("Content-Type: text/plain; name=\"exe\"", "x"),
        mail("Content-Type: text/plain; name=\"Version 1.2 of the report\"", "MZ writes today"),
        mail("Content-Type: message/rfc822", "Subject: fwd\r\n\r\nhello"),
        mail("Content-Type: message/rfc822; name=\"Re: x.eml\"", "Subject: fwd\r\n\r\nhello"),
        mail("Content-Type: image/png; name=\"=?utf-8?q?=C3=BCber.png?=\"", "\x7fPNG"),
        mail("Content-Type: message/delivery-status", "Final-Recipient: rfc822; a@b"),
        mail("Content-Type: text/rfc822-headers", "Subject: x\r\nContent-Type: multipart/mixed; boundary=z"),
        mail(
            "Content-Type: message/rfc822",
            "Subject: x\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n",
        ),
    ] {
        assert_eq!(inspect(content.as_bytes()), [], "{content}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_ambiguous() {
    let ambiguous = Category::Unchecked(Unchecked::Ambiguous);
    for content in [
        mail("Content-Type: text/plain\r\nContent-Type: text/html", "x"),
        mail(
            "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit",
            "x",
        ),
        "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n".into(),
        "Content-Type: multipart/mixed; boundary=a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--a\r\n\r\nx\r\n\
         --a--\r\n--b\r\n\r\nx\r\n--b--\r\n"
            .into(),
        "Content-Type: multipart/mixed; boundary=never\r\n\r\n--other\r\n\r\nx\r\n".into(),
        "Content-Type: multipart/mixed\r\n\r\n--other\r\n\r\nx\r\n".into(),
        mail("Content-Type: text/plain", "x") + "--=_b\r\n\r\nbehind the end\r\n--=_b--\r\n",
    ] {
        assert_eq!(categories(content.as_bytes()), [ambiguous], "{content}");
    }
}

#[test]
fn depth_at_both_sides_of_its_limit() {
    let nested = |depth: usize| {
        let levels = (0..depth).map(|level| format!("Content-Type: message/rfc822\r\nX: {level}\r\n\r\n"));
        levels.collect::<String>() + "Subject: core\r\n\r\nx"
    };
    let max = Limits::default().depth_max;
    assert_eq!(inspect(nested(max).as_bytes()), []);
    assert_eq!(categories(nested(max + 1).as_bytes()), [Category::Unchecked(Unchecked::OverLimit)]);
}

#[test]
fn sizes_at_both_sides_of_their_limits() {
    let settings = |content_bytes_max, decoded_bytes_max| AttachmentRules {
        limits: Limits { content_bytes_max, decoded_bytes_max, ..Limits::default() },
        ..AttachmentRules::default()
    };
    let over = [Category::Unchecked(Unchecked::OverLimit)];
    let found = |settings: AttachmentRules, content: &str| -> Vec<Category> {
        let found = by(settings).walk(content.as_bytes(), Wanted::Nothing).findings;
        found.into_iter().map(|found| found.category).collect()
    };
    let plain = "Subject: x\r\n\r\nhello";
    assert_eq!(found(settings(plain.len(), 0), plain), []);
    assert_eq!(found(settings(plain.len() - 1, 0), plain), over);
    // "Subject: x\r\n\r\ny" is 15 bytes.
    let encoded =
        mail("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", "U3ViamVjdDogeA0KDQp5");
    assert_eq!(found(settings(10_000, 15), &encoded), []);
    assert_eq!(found(settings(10_000, 14), &encoded), over);
}

#[test]
fn the_lists_are_the_operators() {
    let settings = AttachmentRules {
        extensions: vec![".Foo".into()],
        double_extensions: vec!["bar".into()],
        mime_types: vec!["Image/X-Bad".into()],
        types: vec!["zip".into()],
        allowed_names: vec!["Setup.foo".into()],
        ..AttachmentRules::default()
    };
    let rules = by(settings);
    let is_banned = |headers: &str, body: &str| {
        !rules.walk(mail(headers, body).as_bytes(), Wanted::Nothing).findings.is_empty()
    };
    assert!(is_banned("Content-Disposition: attachment; filename=a.foo", "x"));
    assert!(!is_banned("Content-Disposition: attachment; filename=a.exe", "x"));
    assert!(!is_banned("Content-Disposition: attachment; filename=setup.FOO", "x"));
    assert!(is_banned("Content-Disposition: attachment; filename=setup.FOO", "PK\x03\x04"));
    assert!(is_banned("Content-Disposition: attachment; filename=a.pdf.bar", "x"));
    assert!(!is_banned("Content-Disposition: attachment; filename=a.bar", "x"));
    assert!(is_banned("Content-Type: image/x-bad", "x"));
}

#[test]
fn a_panic_is_a_failed_check() {
    let found = caught(|| panic!("a parser's mistake"));
    assert_eq!(
        found.findings,
        [Found::new(Category::Unchecked(Unchecked::Failed), "the parser failed on it")]
    );
}

/// Pieces that make structure likely.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"Content-Type: ",
        b"multipart/mixed; boundary=b\r\n",
        b"multipart/digest; boundary=\"c\"\r\n",
        b"message/rfc822\r\n",
        b"text/plain; charset=utf-7\r\n",
        b"text/html; charset=utf-16\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Disposition: attachment; filename=",
        b"evil.exe\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"--c\r\n",
        b"--c--\r\n",
        b"--",
        b"TVqQ",
        b"=?utf-8?b?",
        b"?=",
        b"; name*0*=utf-8''%41",
        b"(",
        b")",
        b"\"",
        b"\\",
        b" ",
        b"\0",
        b"\xff",
    ];
    prop_oneof![
        8 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ]
}

proptest! {
    #[test]
    fn no_mail_panics(pieces in proptest::collection::vec(piece(), 0..40)) {
        inspect(&pieces.concat());
    }

    #[test]
    fn no_bytes_panic(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        inspect(&content);
    }

    #[test]
    fn no_structure_hides_the_part_behind_it(pieces in proptest::collection::vec(guard::tests::piece(), 0..20)) {
        let mut content = b"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n".to_vec();
        content.extend(pieces.concat());
        content.extend(b"\r\n--outer\r\nContent-Disposition: attachment; filename=evil.exe\r\n\r\nx\r\n--outer--\r\n");
        prop_assert!(categories(&content).contains(&Category::Banned), "{}", String::from_utf8_lossy(&content));
    }

    #[test]
    fn a_banned_part_is_found_whatever_stands_before_it(before in "[ -~\r\n]{0,60}") {
        prop_assume!(!before.contains("--"));
        let content = mail("Content-Disposition: attachment; filename=evil.exe", "x");
        let content = content.replace("preamble", &before).replace("hello", &before);
        prop_assert!(categories(content.as_bytes()).contains(&Category::Banned), "{}", content);
    }
}
