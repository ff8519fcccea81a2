//! The repository checks itself: what a reviewer would otherwise have to see each time.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test at once")]

mod arrows;
mod length;
mod rows;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of the project with one of these endings, sorted; neither build output nor dot-directories but `.ci`.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_built = name.starts_with("target") || name == "fuzz-corpus";
            if path.is_dir() {
                if !is_built && (!name.starts_with('.') || name == ".ci") {
                    directories.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Relative to the workspace, for messages.
fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Fails with all findings, one a line.
fn assert_none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n{}", findings.join("\n"));
}
