//! What hostile mails and peers send, row by row, and the tests that prove what becomes of it.
//!
//! The rows are numbered as in the matrix of bad inputs: B20 to B33 are mails, B40 to B50
//! archives, scanners and the queue. Every row is here; where a part of one is not proven, it says why. Each test is
//! looked for in the sources by name, so that none can be renamed or dropped unnoticed. The rows up to B19, of SMTP and
//! LMTP, carry their numbers in the names of tests of `ingress`.

mod mails;
mod others;

use std::collections::BTreeSet;
use std::fs;

use crate::{assert_none, root};

/// A file, and the names of tests in it.
type Tests = (&'static str, &'static [&'static str]);

struct Row {
    id: &'static str,
    /// What comes in.
    input: &'static str,
    tests: &'static [Tests],
    /// What no test proves, and why; empty where nothing is left.
    not_proven: &'static str,
}

#[test]
fn every_row_is_there_and_each_of_its_tests_exists() {
    let ids = (20..=33).chain(40..=50).map(|number| format!("B{number}"));
    let rows: Vec<&Row> = mails::MAILS.iter().chain(&others::OTHERS).collect();
    assert_eq!(rows.iter().map(|row| row.id.to_owned()).collect::<Vec<_>>(), ids.collect::<Vec<_>>());
    let mut findings = Vec::new();
    for row in rows {
        if row.tests.is_empty() && row.not_proven.is_empty() {
            findings.push(format!("{} ({}): neither a test nor a reason", row.id, row.input));
        }
        for (file, names) in row.tests {
            let Ok(text) = fs::read_to_string(root().join(file)) else {
                findings.push(format!("{}: {file} is missing", row.id));
                continue;
            };
            let tests = tests(&text);
            let missing = names.iter().filter(|name| !tests.contains(**name));
            findings.extend(missing.map(|name| format!("{}: {file} has no test {name}", row.id)));
        }
    }
    assert_none("rows without their tests", &findings);
}

/// The names of all tests in a file: functions with an attribute that says so, and those that run in both modes.
fn tests(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let (mut is_test, mut is_list) = (false, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("in_both_modes!") {
            is_list = true;
        } else if is_list {
            is_list = line != "}";
            found.extend(line.strip_suffix(','));
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
            found.extend(name.split('(').next());
            is_test = false;
        }
    }
    found
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "in_both_modes! {\n    light;\n    both,\n}\nfn none() {}\n#[test]\nfn plain() {}\nfn helper() {}\n\
                proptest! {\n    #[test]\n    fn property(x in 0..1) {}\n}\n#[tokio::test(start_paused = true)]\n\
                #[expect(unused)]\nasync fn awaited() {}\n";
    assert_eq!(tests(text), BTreeSet::from(["awaited", "both", "plain", "property"]));
}
