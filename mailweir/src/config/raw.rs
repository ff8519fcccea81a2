//! First stage: what was written, where, and nothing about what it means.
//!
//! A file, the environment and the flags all become the same thing: texts under a dotted key, each with the place where
//! somebody wrote it, so that a complaint can point there. Later layers win: file, then environment, then flags.
//! The environment is a map that the caller hands in; nothing here reads the process's own.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

/// What every variable of ours begins with.
pub(crate) const PREFIX: &str = "MAILWEIR_";
/// The variable that names the file; no key of its own.
pub(crate) const FILE_VARIABLE: &str = "MAILWEIR_CONFIG";
/// The variable of tests that names steps where the process kills itself; no key either.
pub(crate) const FAILPOINT_VARIABLE: &str = "MAILWEIR_FAILPOINT";
/// The variable of tests that lets contents ask for faults of the process that parses them; no key either.
pub(crate) const FAULTS_VARIABLE: &str = "MAILWEIR_INSPECT_FAULTS";

/// The environment, injected.
pub(crate) type Environment = BTreeMap<String, String>;

/// Where somebody wrote a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of a file, counted from 1.
    File { path: Arc<Path>, line: usize },
    /// A variable.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// One word, number or truth value.
    One(String),
    /// A list of them.
    Many(Vec<String>),
    /// A variable: a list where one is wanted, then separated by commas.
    Either(String),
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) text: Text,
    pub(crate) origin: Origin,
}

/// A flag as it was given on the command line.
#[derive(Clone, Debug)]
pub(crate) struct FlagValue {
    /// With its dashes.
    pub(crate) flag: String,
    /// The key that it sets.
    pub(crate) key: String,
    /// As often as it was given.
    pub(crate) values: Vec<String>,
    /// Whether it may be given more than once.
    pub(crate) repeats: bool,
}

/// Everything that was written, by layer.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    /// From the file, by key; keys that nobody knows as well.
    pub(crate) file: BTreeMap<String, Given>,
    /// Tables of the file that hold nothing, by name.
    pub(crate) empty_tables: BTreeMap<String, Origin>,
    /// Variables with our prefix, by name.
    pub(crate) variables: BTreeMap<String, String>,
    /// Flags, by key.
    pub(crate) flags: BTreeMap<String, Given>,
}

impl Raw {
    /// Takes environment and flags.
    pub(crate) fn new(environment: &Environment, flags: Vec<FlagValue>) -> Self {
        let others = [FILE_VARIABLE, FAILPOINT_VARIABLE, FAULTS_VARIABLE];
        let is_key = |name: &str| name.starts_with(PREFIX) && !others.contains(&name);
        let ours = environment.iter().filter(|(name, _)| is_key(name));
        let mut raw = Self {
            variables: ours.map(|(name, text)| (name.clone(), text.clone())).collect(),
            ..Self::default()
        };
        for FlagValue { flag, key, values, repeats } in flags {
            let text = match values.as_slice() {
                _ if repeats => Text::Many(values),
                [.., last] => Text::Either(last.clone()),
                [] => continue,
            };
            let origin = Origin::Flag(flag);
            raw.flags.insert(key, Given { text, origin });
        }
        raw
    }

    /// Takes the text of a file; its syntax errors go to `problems`, and what could be read is kept.
    pub(crate) fn take_file(&mut self, path: &Path, text: &str, problems: &mut Vec<Problem>) {
        let path: Arc<Path> = PathBuf::from(path).into();
        let place = |span: Range<usize>| Origin::File { path: path.clone(), line: line_of(text, span.start) };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let origin = place(error.span().unwrap_or(0..0));
            problems.push(Problem::at(origin, error.message().replace('\n', ", ")));
        }
        self.take_table("", table.get_ref(), &place);
    }

    fn take_table(&mut self, prefix: &str, table: &DeTable<'_>, place: &impl Fn(Range<usize>) -> Origin) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let origin = place(name.span());
            match value.get_ref() {
                DeValue::Table(inner) if inner.is_empty() => {
                    self.empty_tables.insert(key, origin);
                }
                DeValue::Table(inner) => self.take_table(&format!("{key}."), inner, place),
                leaf => {
                    let text = text_of(leaf);
                    self.file.insert(key, Given { text, origin });
                }
            }
        }
    }
}

fn text_of(value: &DeValue<'_>) -> Text {
    match value {
        DeValue::Array(items) => Text::Many(items.iter().map(Spanned::get_ref).map(scalar).collect()),
        scalar_value => Text::One(scalar(scalar_value)),
    }
}

/// The text of a value that is no list. A list or table in a list becomes a text that no setting takes.
fn scalar(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Integer(number) => format!("{} (radix {})", number.as_str(), number.radix()),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(when) => when.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => format!("({})", value.type_str()),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
