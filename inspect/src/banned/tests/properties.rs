//! No bytes panic, and time is in proportion to them.

use proptest::prelude::*;

use super::*;
use crate::banned::syntax::parse;

/// CPU time of this thread, in milliseconds.
fn millis() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
}

/// Rules of every kind.
fn all_kinds() -> Rules {
    rules(&[
        "allow path T=zip >> N=*.ok",
        r"ban /\.[^.\/]*\.(exe|vbs|pif)\.?$/i",
        "ban path /^(.*\\t)?N=[^\\t\\n]*\\.scr(\\t.*)?$/mi",
        "ban name *a*b*c*d*.exe",
        "ban extension lnk {clsid}",
        "ban double_extension foo",
        r"ban /(a*)*b$/",
        r"ban /(x+x+)+y/",
        "use default",
    ])
}

fn judge_name(rules: &Rules, name: Vec<u8>) -> Option<Hit> {
    let node = Node { level: 1, names: vec![name], ..Node::default() };
    rules.judge(None, &[&node])
}

#[test]
fn a_long_name_takes_a_moment() {
    const BYTES: usize = 64 * 1024;
    let rules = all_kinds();
    let repeated = |text: &str| text.repeat(BYTES / text.len()).into_bytes();
    for (what, name) in [
        ("letters", repeated("a")),
        ("dots", repeated(".")),
        ("blanks", repeated(" ")),
        ("colons", repeated(":")),
        ("colons and letters", repeated("a.b:")),
        ("slashes", repeated("/")),
        ("NULs", repeated("a\0")),
        ("percent signs", repeated("%")),
        ("escapes", repeated("%2525")),
        ("encoded words", repeated("=?utf-8?Q?a=2Eb?= ")),
        ("beginnings of encoded words", repeated("=?utf-8?Q?")),
        ("questions", repeated("=?")),
        ("combining marks", repeated("e\u{301}\u{327}\u{5b0}\u{334}")),
        ("marks alone", repeated("\u{301}\u{327}")),
        ("full width", repeated("\u{ff0e}\u{ff45}")),
        ("long forms", repeated("\u{fdfa}")),
        ("overrides", repeated("\u{202e}")),
        ("invalid", vec![0xff; BYTES]),
        ("two bytes", [0xc0, 0xae].repeat(BYTES / 2)),
        ("braces", repeated("{-")),
        ("quotes", repeated("\"'")),
        ("for back-tracking", repeated("x")),
        ("tabs", repeated("\t")),
        ("double extensions", repeated(".exe.b")),
    ] {
        let start = millis();
        judge_name(&rules, name);
        let taken = millis() - start;
        // In a debug build, on a slow machine.
        assert!(taken < 5_000, "{what}: {taken} ms");
    }
}

#[test]
fn time_grows_as_the_name_does() {
    let rules = all_kinds();
    let time = |bytes: usize| {
        let start = millis();
        judge_name(&rules, "a.exe%20:\u{ff0e}\0".repeat(bytes / 16).into_bytes());
        (millis() - start).max(1)
    };
    time(1 << 10);
    let (short, long) = (time(1 << 16), time(1 << 20));
    assert!(long < short.max(20) * 16 * 4, "{short} ms for 64 KiB, {long} ms for 1 MiB");
}

#[test]
fn a_node_is_asked_once_however_often_it_is_on_a_path() {
    let rules = all_kinds();
    let archive = Node { level: 1, names: vec![b"a.zip".repeat(10_000)], ..Node::default() };
    let start = millis();
    for index in 0..5_000 {
        let member = Node { level: 2, names: vec![format!("m{index}.txt").into_bytes()], ..Node::default() };
        // With a rule about the text of paths this one would be written anew each time.
        assert_eq!(default_of(&rules, &[&archive, &member]), None);
    }
    assert!(millis() - start < 20_000, "{} ms", millis() - start);
}

fn default_of(rules: &Rules, path: &[&Node]) -> Option<Hit> {
    rules.judge(Some("default"), path)
}

/// Pieces that make a name, or a rule, likely.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b".exe",
        b".",
        b" ",
        b"%2e",
        b"%",
        b"=?utf-8?Q?",
        b"?=",
        b"\0",
        b"/",
        b"\\",
        b":",
        b"\"",
        b"'",
        b"{",
        b"}",
        b"\xe2\x80\xae",
        b"\xff",
        b"\xc0\xae",
        b"a",
        b"ban ",
        b"allow ",
        b"use ",
        b"path ",
        b"name ",
        b"extension ",
        b"mime ",
        b"type ",
        b"attribute ",
        b"N=",
        b"T=",
        b"A=",
        b"L=",
        b">",
        b">>",
        b"|",
        b"#",
        b"qr",
        b"(?",
        b"(?#",
        b"(",
        b")",
        b"[",
        b"]",
        b"[:",
        b"^",
        b"-",
        b"+",
        b"*",
        b"?",
        b"{2}",
        b"\\1",
        b"$",
        b"/i",
        b"/x",
    ];
    prop_oneof![
        8 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ]
}

fn pieces(count: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(piece(), 0..count).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_name_panics(name in pieces(40)) {
        judge_name(&rules(&["ban extension exe", "ban /x/"]), name);
    }

    #[test]
    fn no_disguise_around_it_hides_an_extension(before in pieces(8), after in "[ .\"';\0\u{200b}\u{202e}]{0,8}") {
        // What begins an encoded word may swallow what follows; so may a stream.
        prop_assume!(!before.contains(&b'=') && !before.contains(&b':'));
        let rules = rules(&["ban extension exe"]);
        let name = [before.as_slice(), b"x.exe", after.as_bytes()].concat();
        prop_assert!(judge_name(&rules, name.clone()).is_some(), "{:?}", String::from_utf8_lossy(&name));
    }

    #[test]
    fn no_rule_panics(rule in pieces(20), action in proptest::sample::select(vec!["", "ban ", "ban /", "allow path "])) {
        let rule = format!("{action}{}", String::from_utf8_lossy(&rule));
        let errors = check(&settings(&[&rule]));
        for error in &errors {
            prop_assert!(error.at <= rule.chars().count() + 1, "{error}");
        }
        // What is taken can be used.
        if let Ok(rules) = Rules::new(&settings(&[&rule])) {
            judge_name(&rules, b"a.exe".to_vec());
        }
        prop_assert!(parse(&rule).is_ok() || !errors.is_empty());
    }

    #[test]
    fn what_a_rule_bans_is_banned_in_any_company(company in pieces(10)) {
        let rules = rules(&["allow extension pdf", "allow type pdf", "ban extension exe", "ban type exe"]);
        let names = vec![company, b"x.exe".to_vec()];
        let types = vec!["pdf".to_owned(), "exe".to_owned()];
        let node = Node { level: 1, names, types, ..Node::default() };
        prop_assert!(rules.judge(None, &[&node]).is_some());
    }
}
