//! What an operator can set of a scanner that is a program, checked.

use std::path::PathBuf;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

use crate::inspect::Program;

/// Memory for a compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// A program and what its answers mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What holds the program: it is started with the program and its arguments behind its own. `None` runs it free.
    pub launcher: Option<Program>,
    /// The program.
    pub program: PathBuf,
    /// Its arguments, as they are; there is no shell. The mail comes on the standard input.
    pub arguments: Vec<String>,
    /// Exit codes that say that nothing was found. Default: 0.
    pub clean: Vec<u8>,
    /// Exit codes that say that something was found. Default: 1.
    pub infected: Vec<u8>,
    /// Finds the name in the standard output: its first group, or all of it. `^` and `$` are ends of lines.
    pub name: Option<Pattern>,
    /// How often it must find the EICAR test file, the first time before it gets a mail. Zero believes it. Default:
    /// 5 min.
    pub canary_interval: Duration,
}

impl Settings {
    /// With the usual exit codes.
    pub fn new(program: PathBuf) -> Self {
        Self {
            launcher: None,
            program,
            arguments: Vec::new(),
            clean: vec![0],
            infected: vec![1],
            name: None,
            canary_interval: Duration::from_secs(5 * 60),
        }
    }
}

/// A pattern that is matched in time linear in the text.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// It is no pattern, or one that takes too much memory.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct PatternError(#[from] regex::Error);

impl Pattern {
    /// Compiles it.
    ///
    /// # Errors
    /// When it is no pattern, or one that takes too much memory.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let mut builder = RegexBuilder::new(text);
        builder
            .unicode(false)
            .multi_line(true)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX);
        Ok(Self(builder.build()?))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The first name in `output`.
    pub(super) fn find(&self, output: &[u8]) -> Option<String> {
        let captures = self.0.captures(output)?;
        let found = captures.get(1).or_else(|| captures.get(0))?;
        Some(String::from_utf8_lossy(found.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_the_name() {
        let output = b"stream: scanning\nstdin: Eicar-Test FOUND\nsummary: x FOUND\n";
        let find = |pattern: &str| Pattern::new(pattern).unwrap().find(output);
        assert_eq!(find("^stdin: (.+) FOUND$").as_deref(), Some("Eicar-Test"));
        assert_eq!(find("Eicar-[A-Z][a-z]+").as_deref(), Some("Eicar-Test"));
        assert_eq!(find("nothing"), None);
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_refused() {
        for pattern in ["(", "a{1000}{1000}{1000}", "(?=a)", r"(a)\1"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
