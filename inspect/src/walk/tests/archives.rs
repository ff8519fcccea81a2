//! What is in archives, at each depth and in each encoding; and what cannot be read of them.

use super::make::{self, NAMED, NAMELESS};
use super::*;

const PROGRAM: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0";

/// A mail with an attachment of that content.
pub(super) fn attached(name: &str, content: &[u8]) -> Vec<u8> {
    let headers = format!(
        "Content-Type: application/octet-stream; name=\"{name}\"\r\nContent-Transfer-Encoding: base64"
    );
    mail(&headers, &make::base64(content)).into_bytes()
}

#[track_caller]
fn has(mail: &[u8], name: &str) {
    let found = inspect(mail);
    assert!(
        found.iter().any(|f| f.category == Category::Banned && f.name.contains(name)),
        "{name}: {found:?}"
    );
}

fn only(found: &[Found], category: Category) -> bool {
    !found.is_empty() && found.iter().all(|found| found.category == category)
}

const OVER_LIMIT: Category = Category::Unchecked(Unchecked::OverLimit);
const ENCRYPTED: Category = Category::Unchecked(Unchecked::Encrypted);
const AMBIGUOUS: Category = Category::Unchecked(Unchecked::Ambiguous);

#[test]
fn names_and_types_are_found_in_every_container_and_encoding() {
    for (format, make) in NAMED {
        let named = make("evil.exe", b"harmless text of some length");
        let typed = make("good.txt", PROGRAM);
        let honest = make("good.txt", b"harmless text of some length");
        assert_eq!(inspect(&attached("a.bin", &honest)), [], "{format}");
        for (content, expected) in [(named, ".exe: evil.exe"), (typed, ".exe,.exe-ms: good.txt")] {
            let head = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding:";
            has(mail(&format!("{head} base64"), &make::base64(&content)).as_bytes(), expected);
            has(
                mail(&format!("{head} quoted-printable"), &make::quoted_printable(&content)).as_bytes(),
                expected,
            );
            has(mail(&format!("{head} x-unknown"), &make::base64(&content)).as_bytes(), expected);
            let parts = mail(&format!("{head} binary"), "@@@");
            let (before, after) = parts.split_once("@@@").unwrap();
            has(&[before.as_bytes(), &content, after.as_bytes()].concat(), expected);
        }
    }
    for (format, make) in NAMELESS {
        let found = inspect(&attached("a.bin", &make("x", PROGRAM)));
        assert!(only(&found, Category::Banned), "{format}: {found:?}");
        assert_eq!(inspect(&attached("a.bin", &make("x", b"harmless text of some length"))), [], "{format}");
    }
}

#[test]
fn every_container_is_opened_to_the_limit_of_depth_and_not_beyond() {
    let depth_max = Limits::default().archive_depth_max;
    for (format, make) in NAMED.into_iter().chain(NAMELESS) {
        let mut content = PROGRAM.to_vec();
        for depth in 1..=depth_max + 1 {
            content = make(if format == "ole" { "x" } else { "good.txt" }, &content);
            if ![1, 2, depth_max, depth_max + 1].contains(&depth) {
                continue;
            }
            let found = inspect(&attached("a.bin", &content));
            let expected = if depth <= depth_max { Category::Banned } else { OVER_LIMIT };
            assert!(found.iter().any(|found| found.category == expected), "{format} at {depth}: {found:?}");
            assert_eq!(
                expected == OVER_LIMIT,
                categories(&attached("a.bin", &content)).contains(&OVER_LIMIT)
            );
        }
    }
}

#[test]
fn containers_within_others_and_mails_within_them() {
    let inner = make::zip(&[("a.txt", b"hello"), ("evil.exe", b"x")]);
    let inner = make::tar("x.zip", &inner);
    let inner = attached("x.tar.gz", &make::gzip("x.tar", &inner));
    for name in ["x.eml", "note", "x.mht"] {
        has(&attached("a.7z", &make::seven(name, &inner, None)), ".exe: evil.exe");
    }
    has(&attached("x.eml", &inner), ".exe: evil.exe");
    has(&attached("note", &inner), ".exe: evil.exe");
    // A mail in an archive in a mail in an archive, and a banned name by its header only.
    let mail = mail("Content-Disposition: attachment; filename=evil.exe", "x");
    let mail = attached("a.zip", &make::zip(&[("m.eml", mail.as_bytes())]));
    has(&attached("b.zip", &make::zip(&[("m.eml", &mail)])), ".exe: evil.exe");
    // A program with an archive behind it.
    let program = [PROGRAM, &[0; 2_000], &make::zip(&[("inner.scr", b"x")])].concat();
    has(&attached("setup.bin", &program), ".scr: inner.scr");
}

#[test]
fn a_member_behind_padding_is_found() {
    let padding = vec![b' '; 30 * 1024 * 1024];
    let content = make::zip(&[("padding.txt", &padding), ("good.txt", PROGRAM)]);
    let head = "Content-Type: application/zip\r\n\r\n".as_bytes();
    has(&[head, &content].concat(), ".exe,.exe-ms: good.txt");
}

#[test]
fn limits_at_both_sides() {
    let zeros = vec![0; 2 * 1024 * 1024];
    let two = make::zip(&[("a.txt", b"0123456789"), ("b.txt", b"0123456789")]);
    let bomb = make::deflated("a.txt", &zeros);
    type Set = fn(&mut Limits, usize);
    let cases: [(&str, &[u8], Set, usize, usize); 4] = [
        ("members", &two, |limits, value| limits.members_max = value as u64, 2, 1),
        ("unpacked bytes", &two, |limits, value| limits.out_bytes_max = value, 20, 19),
        ("bytes of a member", &two, |limits, value| limits.member_bytes_max = value, 10, 9),
        ("compression ratio", &bomb, |limits, value| limits.ratio_max = value as u64, 10_000, 100),
    ];
    for (name, content, set, within, beyond) in cases {
        let found = |value| {
            let mut rules = AttachmentRules::default();
            set(&mut rules.limits, value);
            by(rules).walk(&attached("a.zip", content), Wanted::Nothing).findings
        };
        assert_eq!(found(within), [], "{name}");
        assert_eq!(found(beyond), [Found::new(OVER_LIMIT, format!("beyond the limit of {name}"))]);
    }
    let held = |held_bytes_max| {
        let mut rules = AttachmentRules::default();
        rules.limits.held_bytes_max = held_bytes_max;
        by(rules).walk(&attached("a.zip", &two), Wanted::Nothing).findings
    };
    assert_eq!(held(two.len()), []);
    assert_eq!(held(two.len() - 1), [Found::new(OVER_LIMIT, "beyond the limit of bytes held")]);
    let found = Inspection::new(AttachmentRules::default(), Duration::ZERO)
        .unwrap()
        .walk(&attached("a.zip", &two), Wanted::Nothing)
        .findings;
    assert_eq!(found, [Found::new(OVER_LIMIT, "beyond the limit of CPU time")]);
}

#[test]
fn what_is_behind_the_end_of_the_budget_is_not_clean() {
    let mut rules = AttachmentRules::default();
    rules.limits.members_max = 3;
    let many: Vec<(String, Vec<u8>)> = (0..10).map(|n| (format!("{n}.txt"), vec![b'x'])).collect();
    let many: Vec<(&str, &[u8])> =
        many.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let inner = make::zip(&many);
    let content = make::zip(&[("1.zip", &inner), ("2.zip", &inner), ("evil.exe", b"x")]);
    let found = by(rules).walk(&attached("a.zip", &content), Wanted::Nothing).findings;
    assert!(found.contains(&Found::new(OVER_LIMIT, "beyond the limit of members")), "{found:?}");
    assert!(found.contains(&Found::new(Category::Banned, ".exe: evil.exe")), "{found:?}");
}

#[test]
fn nested_bombs_stop() {
    let mut content = make::deflated("0.txt", &vec![b'x'; 1024 * 1024]);
    for level in 0..6 {
        let members: Vec<(String, &[u8])> =
            (0..16).map(|n| (format!("{level}-{n}.zip"), content.as_slice())).collect();
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        content = make::deflated("x.zip", &make::zip(&members));
    }
    let start = thread_seconds();
    let found = inspect(&attached("a.zip", &content));
    assert!(only(&found, OVER_LIMIT), "{found:?}");
    let seconds = thread_seconds() - start;
    assert!(seconds < 60, "{seconds} s");
}

#[test]
fn what_is_damaged_is_ambiguous_and_what_can_be_read_of_it_counts() {
    let whole = make::zip(&[("evil.exe", b"hello"), ("b.txt", &[b'x'; 1_000])]);
    let found = inspect(&attached("a.zip", &whole[..700]));
    assert!(found.iter().any(|found| found.category == AMBIGUOUS), "{found:?}");
    assert!(found.contains(&Found::new(Category::Banned, ".exe: evil.exe")), "{found:?}");
    let found = inspect(&attached("a.zip", b"PK\x03\x04"));
    assert!(only(&found, AMBIGUOUS), "{found:?}");
}

#[test]
fn what_is_encrypted_is_told_unless_its_password_is_known() {
    let mails = |content: &[u8], text: &str| {
        let mail = String::from_utf8(attached("a.bin", content)).unwrap();
        mail.replace("hello", text).into_bytes()
    };
    type Encrypt = fn(&str, &[u8], &str) -> Vec<u8>;
    let formats: [(&str, Encrypt); 2] = [
        ("zip", make::encrypted),
        ("7z", |name, content, password| make::seven(name, content, Some(password))),
    ];
    for (format, encrypt) in formats {
        let program = encrypt("good.txt", PROGRAM, "s3cret!");
        let honest = encrypt("good.txt", b"harmless text", "s3cret!");
        let found = inspect(&mails(&program, "no word about it"));
        assert!(only(&found, ENCRYPTED), "{format}: {found:?}");
        let telling = "The password is: s3cret!\r\nRegards";
        let seen = by(AttachmentRules::default()).walk(&mails(&honest, telling), Wanted::Nothing);
        assert_eq!(seen, Seen { opened: 1, ..Seen::default() }, "{format}");
        let banned = [Found::new(Category::Banned, ".exe,.exe-ms: good.txt")];
        assert_eq!(inspect(&mails(&program, telling)), banned, "{format}");
        let subject =
            String::from_utf8(mails(&program, "x")).unwrap().replace("Subject: x", "Subject: pw s3cret!");
        assert_eq!(inspect(subject.as_bytes()), banned, "{format}");
        let rules = AttachmentRules {
            passwords: vec!["other".into(), "s3cret!".into()],
            ..AttachmentRules::default()
        };
        assert_eq!(by(rules).walk(&mails(&program, "x"), Wanted::Nothing).findings, banned, "{format}");
        // Its name is read without a password.
        has(&mails(&make::encrypted("evil.exe", b"x", "unknown"), "x"), ".exe: evil.exe");
    }
}

#[test]
fn macros_have_a_type() {
    let rules = AttachmentRules { types: vec!["macro".into()], ..AttachmentRules::default() };
    let is_banned = |content: &[u8]| {
        let found = by(rules.clone()).walk(&attached("a.doc", content), Wanted::Nothing).findings;
        found.iter().any(|found| found.category == Category::Banned)
    };
    assert!(is_banned(&make::zip(&[("[Content_Types].xml", b"<x/>"), ("word/vbaProject.bin", b"x")])));
    assert!(!is_banned(&make::zip(&[("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"x")])));
    assert!(is_banned(&make::cfb("Macros/VBA/_VBA_PROJECT", b"x")));
    assert!(!is_banned(&make::cfb("WordDocument", b"x")));
}

#[test]
fn rules_on_paths_and_attributes_hold_in_archives() {
    let by_rules = |list: &[&str]| {
        let sets = [("site".to_owned(), list.iter().map(|rule| (*rule).to_owned()).collect())];
        let banned = proto::inspection::BannedRules { set: "site".into(), sets: sets.into() };
        by(AttachmentRules { banned, ..AttachmentRules::default() })
    };
    let two = |first: &str, second: &str, content: &[u8]| {
        let part = |name: &str| {
            format!(
                "--b\r\nContent-Type: a/b; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                make::base64(content)
            )
        };
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}{}--b--\r\n", part(first), part(second))
    };
    // The same bytes are allowed at one path and banned at another.
    let rules = by_rules(&["allow path N=good.zip > N=*.exe", "ban extension exe"]);
    let content = make::zip(&[("evil.exe", b"x")]);
    let banned = [Found::new(Category::Banned, ".exe: evil.exe")];
    assert_eq!(rules.walk(two("good.zip", "good.zip", &content).as_bytes(), Wanted::Nothing).findings, []);
    assert_eq!(
        rules.walk(two("good.zip", "other.zip", &content).as_bytes(), Wanted::Nothing).findings,
        banned
    );
    assert_eq!(
        rules.walk(two("other.zip", "good.zip", &content).as_bytes(), Wanted::Nothing).findings,
        banned
    );
    // What is learned of an archive by opening it.
    let rules = by_rules(&["ban attribute C"]);
    let is_banned = |content: &[u8]| {
        let found = rules.walk(&attached("a.bin", content), Wanted::Nothing).findings;
        found.iter().any(|found| found.category == Category::Banned)
    };
    assert!(is_banned(&make::encrypted("a.txt", b"x", "unknown")));
    assert!(is_banned(&make::seven("a.txt", b"x", Some("unknown"))));
    assert!(!is_banned(&make::seven("a.txt", b"x", None)));
}

#[test]
fn names_that_are_too_long_keep_their_end_and_are_told() {
    let name = format!("{}.exe", "x".repeat(60_000));
    let found = inspect(&attached("a.zip", &make::zip(&[(&name, b"x")])));
    let categories: Vec<Category> = found.iter().map(|found| found.category).collect();
    assert!(categories.contains(&OVER_LIMIT) && categories.contains(&Category::Banned), "{categories:?}");
}

#[test]
fn a_panic_of_a_reader_is_told_and_the_rest_goes_on() {
    let inspection = by(AttachmentRules::default());
    let mut walk = Walk::new(&inspection, 0, Wanted::Nothing);
    let result = catch_unwind(|| -> Vec<unpack::Trouble> { panic!("a reader's mistake") });
    assert!(walk.told(unpack::Format::Zip, result).is_empty());
    assert_eq!(
        walk.findings.into_list(),
        [Found::new(Category::Unchecked(Unchecked::Failed), "the reader of zip failed on it")]
    );
}

#[test]
fn a_directory_is_no_program_unless_it_has_a_content() {
    let zip = |name: &str, content: &[u8]| attached("a.zip", &make::zip(&[(name, content)]));
    assert_eq!(inspect(&zip("www.example.com/", b"")), []);
    assert_eq!(inspect(&zip("www.example.com/index.html", b"x")), []);
    has(&zip("evil.exe/", b"x"), ".exe: evil.exe");
    has(&zip("x/evil.exe//", b"x"), ".exe: x/evil.exe");
    has(&zip("good.txt/", PROGRAM), ".exe,.exe-ms: good.txt");
}
