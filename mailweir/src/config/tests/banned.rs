//! Sets of banned rules: names of the operator's choice, rules that are compiled when the configuration is read.

use super::*;

const RULES: &str = r#"
[banned]
set = 'office'

[banned.sets]
office = [
    'allow path T=zip > N="my, file.exe"  # ours',
    '''ban qr'^\.(exe-ms|dll)$(?# rule #9)'i''',
    'use default',
]
other = []
"#;

#[test]
fn sets_are_read_and_shown_as_they_are() {
    let config = of_file(RULES);
    let rules = config.sections.scanner.attachments.clone().unwrap().banned;
    assert_eq!(rules.set, "office");
    assert_eq!(rules.sets.keys().collect::<Vec<_>>(), ["office", "other"]);
    assert_eq!(rules.sets["office"][0], r#"allow path T=zip > N="my, file.exe"  # ours"#);
    let again = of_file(&config.to_toml());
    assert_eq!(again.sections.scanner.attachments.unwrap().banned, rules);
}

#[test]
fn a_flag_may_give_a_set_too() {
    let flags = [("banned.set", "mine"), ("banned.sets.mine", "ban extension zip,use default")];
    let rules = Config::of_flags(&flags).unwrap().sections.scanner.attachments.unwrap().banned;
    assert_eq!(rules.sets["mine"], ["ban extension zip", "use default"]);
}

#[test]
fn mistakes_in_rules_are_told_with_their_places() {
    let file = "\
[banned]
set = 'office'
[banned.sets]
a = [
  'ban extension exe',
  'ban exe',
  'ban /(?=x)/',
]
default = []
'not plain' = []
c = 'ban extension exe'
";
    let told = wrong(file, &[("MAILWEIR_BANNED_SETS_D", "ban extension exe")], &[]);
    let expected = [
        "m.toml:2: `banned.set` there is no set `office`",
        "m.toml:4: `banned.sets.a` rule 2, character 5: expected extension, double_extension, mime, type, name, \
         attribute, path or a regular expression (/…/i or qr/…/i), not `exe`",
        "m.toml:4: `banned.sets.a` rule 3, character 6: look-around is not supported: it cannot be matched in \
         linear time; use an `allow` rule before",
        "m.toml:9: `banned.sets.default` `default` is what [attachments] says; call the set otherwise",
        "m.toml:10: `banned.sets.not plain` is no name of a set: letters, digits, - and _",
        "m.toml:11: `banned.sets.c`: expected a list, such as [\"ban extension exe\"]",
        "MAILWEIR_BANNED_SETS_D: unknown variable",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

#[test]
fn rules_are_checked_where_attachments_are_not_looked_at() {
    let told = wrong("[attachments]\nenabled = false\n[banned.sets]\na = ['ban exe']\n", &[], &[]);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_table_without_sets_is_no_mistake() {
    assert!(of_file("[banned.sets]\n").sections.scanner.attachments.unwrap().banned.sets.is_empty());
}
