//! The first rule that fits decides, and what allows is stricter than what bans.

use super::*;

#[test]
fn the_first_rule_that_fits_decides() {
    let allow_first = rules(&["allow name setup.exe", "ban extension exe"]);
    let ban_first = rules(&["ban extension exe", "allow name setup.exe"]);
    assert_eq!(shown(&allow_first, "N=setup.exe"), None);
    assert_eq!(shown(&allow_first, "N=other.exe").as_deref(), Some(".exe: other.exe"));
    assert_eq!(shown(&ban_first, "N=setup.exe").as_deref(), Some(".exe: setup.exe"));
    assert_eq!(shown(&rules(&[]), "N=setup.exe"), None);
}

#[test]
fn an_exception_in_archives_is_an_exception_there_only() {
    let rules = rules(&["allow path T=zip N=*.zip > N=*.exe", "ban extension exe", "ban type exe"]);
    assert_eq!(shown(&rules, "T=zip,N=a.zip | T=exe,T=exe-ms,N=b.exe"), None);
    assert_eq!(shown(&rules, "T=zip,N=a.zip | T=zip,N=c.zip | T=exe,N=b.exe"), None);
    assert_eq!(
        shown(&rules, "T=zip,N=a.zip | T=tar,N=c.tar | T=exe,N=b.exe").as_deref(),
        Some(".exe: b.exe")
    );
    assert_eq!(shown(&rules, "T=exe,N=b.exe").as_deref(), Some(".exe: b.exe"));
    assert_eq!(shown(&rules, "T=7z,N=a.zip | T=exe,N=b.exe").as_deref(), Some(".exe: b.exe"));
}

#[test]
fn a_second_reading_is_no_way_past_a_ban() {
    let rules = rules(&[
        "allow name *.pdf",
        "allow mime text/plain",
        "allow type pdf",
        "ban extension exe",
        "ban type exe",
        "ban mime application/hta",
    ]);
    for (text, is_banned) in [
        ("N=a.pdf,T=exe", false),
        ("N=a.pdf,N=a.exe", true),
        ("N=a.exe\0.pdf", true),
        ("N=a.exe:.pdf", true),
        ("M=text/plain,N=a.exe", false),
        ("M=text/plain,M=application/hta", true),
        ("T=pdf,N=a.exe", false),
        ("T=pdf,T=exe,T=exe-ms", true),
        ("N==?utf-8?Q?a=2Epdf?=,T=exe", false),
        ("N==?utf-8?Q?a=2Epdf?=.exe", true),
    ] {
        assert_eq!(judge(&rules, text).is_some(), is_banned, "{text:?}");
    }
}

#[test]
fn what_only_says_more_of_a_type_is_no_second_type() {
    let rules = rules(&["allow type exe-unix doc", "ban type exe ole"]);
    assert_eq!(judge(&rules, "T=exe,T=exe-unix"), None);
    assert_eq!(judge(&rules, "T=ole,T=doc"), None);
    assert!(judge(&rules, "T=exe,T=exe-ms").is_some());
    assert!(judge(&rules, "T=ole").is_some());
}

#[test]
fn a_set_uses_others_where_it_says_so() {
    let mut settings = settings(&["allow name setup.exe", "use more", "use default"]);
    settings
        .banned
        .sets
        .insert("more".into(), vec!["ban extension zip".into(), "allow extension lnk".into()]);
    let rules = Rules::new(&settings).unwrap();
    assert_eq!(shown(&rules, "N=setup.exe"), None);
    assert_eq!(shown(&rules, "N=a.zip").as_deref(), Some(".zip: a.zip"));
    assert_eq!(shown(&rules, "N=a.lnk"), None);
    assert_eq!(shown(&rules, "N=a.exe").as_deref(), Some(".exe: a.exe"));
}

#[test]
fn each_set_judges_for_itself() {
    let mut settings = settings(&["ban extension one"]);
    settings.banned.sets.insert("other".into(), vec!["ban extension two".into()]);
    let rules = Rules::new(&settings).unwrap();
    let judge = |set: Option<&str>, text: &str| {
        let path = path(text);
        rules.judge(set, &path.iter().collect::<Vec<_>>()).map(|hit| hit.rule)
    };
    assert_eq!(judge(None, "N=a.one").as_deref(), Some("mine 1"));
    assert_eq!(judge(Some("other"), "N=a.one"), None);
    assert_eq!(judge(Some("other"), "N=a.two").as_deref(), Some("other 1"));
    assert_eq!(judge(Some("default"), "N=a.exe").as_deref(), Some("default 1"));
    // A name that is wrong must not switch the check off.
    assert_eq!(judge(Some("no such set"), "N=a.one").as_deref(), Some("mine 1"));
}

#[test]
fn a_node_may_be_judged_by_several_rules() {
    let (first, second) = (rules(&["ban extension one"]), rules(&["ban extension two", "ban type zip"]));
    let path = path("T=zip,N=a.one");
    let path: Vec<&Node> = path.iter().collect();
    for _ in 0..2 {
        assert_eq!(first.judge(None, &path).unwrap().shown, ".one: a.one");
        assert_eq!(second.judge(None, &path).unwrap().shown, ".zip: a.one");
    }
}

#[test]
fn a_hit_says_how_deep_it_is() {
    let rules = rules(&["ban extension exe", "ban path T=zip > N=*.txt"]);
    assert_eq!(judge(&rules, "T=zip,N=a.exe | N=b.pdf").unwrap().level, 1);
    assert_eq!(judge(&rules, "T=zip,N=a.exe | N=b.exe").unwrap().level, 2);
    assert_eq!(judge(&rules, "T=zip | N=b.txt | N=c").unwrap().level, 2);
    // Nothing is asked of the mail itself.
    let mail = Node { names: vec![b"a.exe".to_vec()], ..Node::default() };
    assert_eq!(rules.judge(None, &[&mail]), None);
    assert_eq!(rules.judge(None, &[]), None);
}

#[test]
fn every_kind_of_test_finds_and_passes() {
    for (rule, banned, passed) in [
        ("ban extension foo bar", "N=a.BAR", "N=a.baz"),
        ("ban extension {clsid}", "N=a.{00020810-0000-0000-C000-000000000046}", "N=a.{x}"),
        ("ban double_extension foo", "N=a.txt.foo", "N=a.foo"),
        ("ban mime image/x-bad", "M=image/x-bad", "M=image/x-bad2"),
        ("ban mime image/*", "M=image/png", "M=text/plain"),
        ("ban type zip|rar 7z", "T=7z", "T=tar"),
        ("ban type .zip", "T=zip", "T=tar"),
        ("ban type exe-*", "T=exe-ms", "T=exe"),
        ("ban name invoice*.zip", "N=x/Invoice 7.ZIP", "N=my invoice.zip"),
        ("ban name \"my file.txt\" other", "N=my file.txt", "N=file.txt"),
        ("ban name \"a|b \\\"c\\\"\"", "N=a|b \"c\"", "N=a"),
        ("ban name a?c", "N=abc", "N=ac"),
        (r"ban name \*", "N=*", "N=x"),
        ("ban attribute C|U", "A=U", "A=D"),
        ("ban /^a.c$/", "N=abc", "N=ABC"),
        ("ban /^a.c$/i  # x", "N=aBc", "N=ab"),
        ("ban qr{^a{2}$}", "N=aa", "N=a"),
        ("ban qr!x/y!", "N=x/y", "N=x"),
        (r"ban /x\/y/", "N=x/y", "N=x"),
        ("ban path N=a|b T=zip", "N=b,T=zip", "N=b"),
        ("ban path P=p007", "P=p007", "P=p008"),
        ("ban path T=zip >> N=x", "T=zip | T=tar | N=x", "N=x"),
    ] {
        let rules = rules(&[rule]);
        assert!(judge(&rules, banned).is_some(), "{rule}: {banned}");
        assert!(judge(&rules, passed).is_none(), "{rule}: {passed}");
    }
}
