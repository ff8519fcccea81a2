//! Short files and functions: the ceiling for what is new, and what was longer may only shrink.

use std::fs;

use crate::{assert_none, files, relative};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Files above the ceiling and their lines. Lower the number when a file shrinks; do not add one.
const LONG_FILES: [(&str, usize); 0] = [];

/// Functions above the ceiling and their lines. Lower the number when a function shrinks; do not add one.
const LONG_FUNCTIONS: [(&str, usize); 0] = [];

#[test]
fn files_are_short() {
    let mut findings = Vec::new();
    for path in files(&[".rs"]) {
        let (name, lines) = (relative(&path), fs::read_to_string(&path).unwrap().lines().count());
        check(&name, lines, FILE_LINES_MAX, &LONG_FILES, &mut findings);
    }
    missing(&LONG_FILES, &mut findings);
    assert_none("long files", &findings);
}

#[test]
fn functions_are_short() {
    let mut findings = Vec::new();
    for path in files(&[".rs"]) {
        for (name, lines) in functions(&fs::read_to_string(&path).unwrap()) {
            let name = format!("{}:{name}", relative(&path));
            check(&name, lines, FUNCTION_LINES_MAX, &LONG_FUNCTIONS, &mut findings);
        }
    }
    missing(&LONG_FUNCTIONS, &mut findings);
    assert_none("long functions", &findings);
}

fn check(name: &str, lines: usize, ceiling: usize, known: &[(&str, usize)], findings: &mut Vec<String>) {
    let allowed = known.iter().find(|(known, _)| *known == name).map_or(ceiling, |(_, lines)| *lines);
    if lines > allowed {
        findings.push(format!("{name}: {lines} lines, allowed are {allowed}"));
    } else if allowed > ceiling && lines < allowed {
        findings
            .push(format!("{name}: has shrunk to {lines} lines; lower its number (or drop it) in length.rs"));
    }
}

/// Entries whose file is gone.
fn missing(known: &[(&str, usize)], findings: &mut Vec<String>) {
    for (name, _) in known {
        let file = name.split(':').next().unwrap_or_default();
        if !crate::root().join(file).exists() {
            findings.push(format!("{name}: is gone; drop it from length.rs"));
        }
    }
}

/// Each function's name and lines. Formatted code only: a function ends at the first `}` in the column where it starts.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut open: Vec<(usize, String, usize)> = Vec::new();
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if let Some(name) = function_name(line.trim_start()) {
            open.push((indent, name.to_owned(), number));
        }
        if line.trim_start() == "}"
            && let Some(at) = open.iter().rposition(|(start, ..)| *start == indent)
        {
            let (_, name, start) = open.remove(at);
            found.push((name, number - start + 1));
        }
    }
    found
}

/// `name` of a line that starts `[pub] [const] [async] fn name`.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern"];
    let is_function = before.split_whitespace().all(|word| words.contains(&word) || word.starts_with("pub("));
    // A declaration without a body ends on the same line or is closed by `;`.
    let has_body = !line.ends_with(';') && !line.ends_with('}');
    (is_function && has_body).then(|| after.split(['(', '<']).next().unwrap_or(after))
}

#[test]
fn functions_are_measured() {
    for (line, name) in [
        ("pub(crate) async fn run(x: u8) {", Some("run")),
        ("fn a<T>(", Some("a")),
        ("fn declared();", None),
        ("fn short() { 1 }", None),
        ("// the fn of it", None),
        ("let f: fn (u8) = g;", None),
    ] {
        assert_eq!(function_name(line), name, "{line}");
    }
    let text = "fn outer(\n    a: u8,\n) {\n    fn inner() {\n        if a {\n        }\n    }\n}\n";
    let found = functions(text);
    assert_eq!(found, [("inner".to_owned(), 4), ("outer".to_owned(), 8)]);
}
