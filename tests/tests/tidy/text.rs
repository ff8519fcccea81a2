//! What every text file obeys.

use std::fs;

use crate::{assert_none, files, relative};

const TEXTS: [&str; 9] = [".rs", ".toml", ".md", ".yaml", ".yml", ".cf", ".service", ".conf", ".json"];

#[test]
fn rust_files_say_what_they_are_for() {
    let silent =
        files(&[".rs"]).into_iter().filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "));
    let silent: Vec<String> = silent.map(|path| relative(&path)).collect();
    assert_none("files that do not open with //!", &silent);
}

#[test]
fn no_line_ends_with_a_space_and_none_has_a_tab() {
    let mut findings = Vec::new();
    for path in files(&TEXTS) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            // The Makefile, whose syntax needs tabs, is not among them.
            if line.ends_with(' ') || line.contains('\t') {
                findings.push(format!("{}:{}", relative(&path), number + 1));
            }
        }
        if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
            findings.push(format!("{}: must end with one line end", relative(&path)));
        }
    }
    assert_none("trailing spaces, tabs or a missing or doubled last line end", &findings);
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    // Put together, so that this file does not find itself.
    let words =
        [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["#[", "ignore"].concat(), ["XX", "X"].concat()];
    let mut findings = Vec::new();
    for path in files(&[".rs"]) {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                findings.push(format!("{}:{}: {}", relative(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none("left to do, or ignored", &findings);
}
