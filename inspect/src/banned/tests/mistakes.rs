//! What is wrong with rules is said with its place.

use super::*;

fn wrong(rules: &[&str]) -> Vec<String> {
    check(&settings(rules)).iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_told_with_its_place() {
    for (rule, expected) in [
        ("", "rule 1, character 1: a rule begins with `ban`, `allow` or `use`, not ``"),
        ("block exe", "rule 1, character 1: a rule begins with `ban`, `allow` or `use`, not `block`"),
        ("ban", "rule 1, character 4: expected extension, "),
        ("ban exe", "rule 1, character 5: expected extension, "),
        ("ban extension", "rule 1, character 14: there is nothing to compare with"),
        ("ban extension  # x", "rule 1, character 16: there is nothing to compare with"),
        ("ban extension exe .com", "rule 1, character 19: an extension is written without the dot"),
        ("ban extension tar.gz", "rule 1, character 15: an extension is written without the dot"),
        ("ban name \"a b", "rule 1, character 10: `\"` is not closed"),
        ("ban attribute X", "rule 1, character 15: attributes are B, C, D, L, S and U, not `X`"),
        ("ban attribute CU", "rule 1, character 15: attributes are"),
        ("ban path", "rule 1, character 9: there is nothing to compare with"),
        ("ban path X=y", "rule 1, character 10: a step of a path is made of"),
        ("ban path N=", "rule 1, character 10: there is nothing to compare with"),
        ("ban path N=a|", "rule 1, character 10: there is nothing to compare with"),
        ("ban path > N=a", "rule 1, character 10: there is no step beside `>`"),
        ("ban path N=a >", "rule 1, character 15: there is no step beside `>`"),
        ("ban path N=a >> > N=b", "rule 1, character 17: there is no step beside `>`"),
        ("ban path A=\"\"", "rule 1, character 10: there is nothing to compare with"),
        ("ban /a", "rule 1, character 5: `/` is not closed"),
        ("ban qr(a", "rule 1, character 5: `(` is not closed"),
        ("ban /a/g", "rule 1, character 8: flags are i, m, s, x and o, not `g`"),
        ("ban /a/ b", "rule 1, character 9: `b` is too much"),
        ("ban /(?=a)/", "rule 1, character 6: look-around is not supported"),
        ("ban /x(?!a)/", "rule 1, character 7: look-around is not supported"),
        ("ban /(?<=a)/", "rule 1, character 6: look-around is not supported"),
        ("ban /(?<!a)/", "rule 1, character 6: look-around is not supported"),
        (r"ban /(a)\1/", "rule 1, character 9: back references"),
        (r"ban /(?<a>b)\k<a>/", "rule 1, character 13: back references"),
        ("ban /(?R)/", "rule 1, character 6: back references"),
        ("ban /a++/", "rule 1, character 8: a possessive quantifier is not supported"),
        ("ban /a{2}+/", "rule 1, character 10: a possessive quantifier is not supported"),
        ("ban /(?>a)/", "rule 1, character 6: an atomic group is not supported"),
        (r"ban /\012/", "rule 1, character 6: an octal escape"),
        ("ban /[a/", "rule 1, character 6: `[` is not closed"),
        ("ban /[a--b]/", "rule 1, character 8: `--` in a class is not supported"),
        ("ban /(a/", "rule 1: unclosed group"),
        ("ban /a)/", "rule 1: unopened group"),
        (r"ban /\w{500}{500}/", "rule 1: Compiled regex exceeds size limit"),
        (r"ban /\Qa/", "rule 1: unrecognized escape sequence"),
        ("use", "rule 1, character 4: there is nothing to compare with"),
        ("use a b", "rule 1, character 7: `b` is too much"),
        ("use nowhere", "rule 1: there is no set `nowhere`"),
        ("use mine", "rule 1: the set uses itself through `mine`"),
        ("ban name \u{fc}\u{fc} \"x", "rule 1, character 13: `\"` is not closed"),
    ] {
        let told = wrong(&[rule]);
        assert_eq!(told.len(), 1, "{rule}: {told:?}");
        assert!(told[0].starts_with(expected), "{rule}: {told:?}");
        assert!(Rules::new(&settings(&[rule])).is_err(), "{rule}");
    }
}

#[test]
fn all_mistakes_are_told_together() {
    let mut settings = settings(&["ban exe", "ban extension exe", "ban /(/"]);
    settings.banned.sets.insert("other".into(), vec!["allow all".into()]);
    settings.banned.sets.insert("default".into(), Vec::new());
    settings.banned.set = "absent".into();
    let told: Vec<(String, usize)> =
        check(&settings).into_iter().map(|error| (error.set, error.number)).collect();
    let expected = [("default", 0), ("mine", 1), ("mine", 3), ("other", 1), ("", 0)];
    assert_eq!(told, expected.map(|(set, number)| (set.to_owned(), number)));
}

#[test]
fn sets_that_use_each_other_in_a_circle_are_refused() {
    let mut settings = settings(&["use a"]);
    settings.banned.sets.insert("a".into(), vec!["ban extension x".into(), "use b".into()]);
    settings.banned.sets.insert("b".into(), vec!["use a".into()]);
    let whys: Vec<Why> = check(&settings).into_iter().map(|error| error.why).collect();
    assert_eq!(whys.len(), 3, "{whys:?}");
    assert!(whys.iter().all(|why| matches!(why, Why::Circle(_))), "{whys:?}");
}

#[test]
fn rules_at_both_sides_of_their_limits() {
    let long = |length: usize| format!("ban extension {}", "x".repeat(length - 14));
    assert_eq!(wrong(&[&long(RULE_BYTES_MAX)]), Vec::<String>::new());
    assert_eq!(wrong(&[&long(RULE_BYTES_MAX + 1)]), ["rule 1: a rule has at most 8192 bytes"]);
    let many = |count: usize| vec!["ban extension exe"; count];
    assert_eq!(wrong(&many(RULES_MAX)), Vec::<String>::new());
    assert_eq!(wrong(&many(RULES_MAX + 1)).len(), 1);
    // Each set doubles the one before.
    let mut settings = settings(&["use s40"]);
    settings.banned.sets.insert("s0".into(), vec!["ban extension exe".into()]);
    for level in 1..=40 {
        let below = format!("use s{}", level - 1);
        settings.banned.sets.insert(format!("s{level}"), vec![below.clone(), below]);
    }
    assert!(check(&settings).iter().any(|error| error.why == Why::TooMany));
}
