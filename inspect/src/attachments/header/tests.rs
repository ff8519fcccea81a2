//! Every reading of every name.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn reads(raw: &str, name: &str) {
    let declared = declared(raw.as_bytes());
    assert!(
        declared.names.iter().any(|read| read == name),
        "{raw:?} reads {:?}, not {name:?}",
        declared.names
    );
}

#[test]
fn every_client_s_reading_is_among_them() {
    for raw in [
        "attachment; filename=evil.exe",
        "attachment; FILENAME=evil.exe",
        "attachment; filename = evil.exe",
        "attachment; filename=\"evil.exe\"",
        "attachment; filename=\"evil\\.exe\"",
        "attachment;filename=evil.exe;",
        "attachment; filename=evil.exe; filename=good.txt",
        "attachment; filename=good.txt; filename=evil.exe",
        "attachment; filename=\"good.txt\"; filename=\"evil.exe\"",
        "x/y; name=good.txt; filename=evil.exe",
        "attachment; filename*=utf-8''evil.exe",
        "attachment; filename*=utf-8'en'%65vil.exe",
        "attachment; filename*=\"utf-8''evil%2Eexe\"",
        "attachment; filename=good.txt; filename*=utf-8''evil.exe",
        "attachment; filename*=%65vil.exe",
        "attachment; filename*0=evil; filename*1=.exe",
        "attachment; filename*1=.exe; filename*0=evil",
        "attachment; filename*0*=utf-8''ev%69l; filename*1=.exe",
        "attachment; filename*0=\"ev\"; filename*1=\"il.\"; filename*2=\"exe\"",
        "attachment; filename*0*=utf-8''ev; filename*1*=utf-8''il.e; filename*2*=iso-8859-1''x%65",
        "attachment; filename*1*=utf-8''.%65xe; filename*0*=utf-16be''%00e%00v%00i%00l",
        "attachment; filename*0=\"evil.e\"; filename*1=\"x\\e\"",
        "attachment; filename*0=evil.e; filename*1=xe (a comment)",
        "attachment; filename*0=evil.e; filename*0=pdf; filename*1=xe",
        "attachment; filename*0=pdf; filename*0=evil.e; filename*1=xe; filename*1=xe",
        "attachment; filename*0=evil.e; filename*1=xe; filename*3=.pdf",
        "attachment; filename*0=x; filename*0*=utf-8''%65vil.e; filename*1=xe",
        "attachment; filename*0=evil.:; filename*0=evil.; filename*1=ex; x filename*2=e; file name*2=.pdf",
        "attachment; filename*0*=utf-8''ev; filename*1=l.exe; filename*1*=i",
        "attachment; filename=evil; filename*1=.exe",
        "attachment; filename*2=evil; filename*7=.exe",
        "attachment; filename=\"=?utf-8?B?ZXZpbC5leGU=?=\"",
        "attachment; filename==?utf-8?Q?evil=2Eexe?=",
        "x/y; name=\"=?utf-8?q?evil?= =?utf-8?q?.exe?=\"",
        "attachment;\r\n filename=\"evil.exe\"",
        "attachment;\r\n\tfilename=\"evil\r\n .exe\"",
        "attachment; filename=evil.exe (a comment)",
        "attachment; filename=(a comment)evil.exe",
        "attachment; (x=\") filename=\"evil.exe\"",
        "attachment; (a (nested; one) \\) x=y) filename=evil.exe",
        "attachment; =; filename=evil.exe; (x=\")",
        "attachment; file(x)name=evil.exe",
        "attachment; filename=\"evil.exe",
        "attachment; filename=\"evil.exe; size=3",
        "attachment; filename=evil.exe size=3",
        "attachment; size=3 filename=evil.exe",
        "attachment; filename=\"evil\".exe",
        "attachment; x=\"a;b\"; filename=evil.exe",
        "attachment; x=\"a\\\";b\"; filename=evil.exe",
        "; filename=evil.exe",
        "attachment; ; ;; filename=evil.exe",
        "attachment; \"filename\"=evil.exe",
        "attachment; filename*=utf-16be''%00e%00v%00i%00l%00.%00e%00x%00e",
    ] {
        reads(raw, "evil.exe");
    }
    reads("attachment; filename=evil.exe\r\nanother line", "evil.exeanother");
    reads("attachment; filename=\"x;evil.exe\"", "x;evil.exe");
}

#[test]
fn types_lose_blanks_and_comments() {
    for (raw, kind) in [
        (" Application/HTA; name=x", "application/hta"),
        (" application / (x) hta", "application/hta"),
        ("application/\r\n hta", "application/hta"),
        ("", ""),
    ] {
        assert_eq!(declared(raw.as_bytes()).kinds, [kind]);
    }
}

#[test]
fn a_type_with_a_comment_that_holds_a_semicolon_has_both_readings() {
    for (raw, kind) in [
        ("application (;) / hta", "application/hta"),
        ("(\\() application/hta; name=x", "application/hta"),
        ("(;) base64", "base64"),
    ] {
        assert!(declared(raw.as_bytes()).kinds.iter().any(|read| read == kind), "{raw}");
    }
}

#[test]
fn two_boundaries_that_differ_are_ambiguous() {
    for (raw, is_ambiguous) in [
        ("multipart/mixed; boundary=a", false),
        ("multipart/mixed; boundary=\"a b\"", false),
        ("multipart/mixed; boundary=a; boundary=a", false),
        ("multipart/mixed; boundary=a; boundary=b", true),
        ("multipart/mixed; boundary=\"a\"; BOUNDARY=b", true),
    ] {
        assert_eq!(declared(raw.as_bytes()).is_ambiguous, is_ambiguous, "{raw}");
    }
}

#[test]
fn parameters_at_both_sides_of_their_limits() {
    let header = |count: usize, length: usize| {
        let parameter = format!("; x={}", "y".repeat(length));
        format!("a/b{}; name=evil.exe", parameter.repeat(count - 1))
    };
    assert!(!declared(header(PARAMETERS_MAX, 1).as_bytes()).is_over_limit);
    assert!(declared(header(PARAMETERS_MAX + 1, 1).as_bytes()).is_over_limit);
    assert!(!declared(header(2, VALUE_BYTES_MAX).as_bytes()).is_over_limit);
    assert!(declared(header(2, VALUE_BYTES_MAX + 1).as_bytes()).is_over_limit);
    let long = format!("a/b; name={}.exe", "x".repeat(100_000));
    assert!(declared(long.as_bytes()).names.iter().all(|name| name.ends_with(".exe")));
}

#[test]
fn a_megabyte_of_mischief_takes_no_time() {
    let start = crate::walk::tests::thread_seconds();
    for piece in ["a=b ", "name=x ", "name=\"x", "(", "=?", "=?a?b?", "name*0=", "\r\n ", "\\", "%"] {
        declared(format!("a/b; name={}", piece.repeat(1024 * 1024 / piece.len())).as_bytes());
    }
    assert!(crate::walk::tests::thread_seconds() - start < 20);
}

proptest! {
    #[test]
    fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
        declared(&raw);
    }

    #[test]
    fn no_header_panics(raw in "[a-z*0-9=;\"'\\\\ ()?%\r\n]{0,80}") {
        declared(format!("a/b; name{raw}").as_bytes());
    }
}
