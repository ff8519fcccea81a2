//! Second stage: typed values out of what was written.
//!
//! A section asks for each of its keys with a default. The reader knows from that which keys exist, so a key is declared
//! in one place only; what nobody asked for is unknown. Nothing stops at the first mistake: a value that cannot be read
//! is noted and its default used, until [`Reader::finish`] says everything that is wrong.

use super::raw::{Given, Origin, PREFIX, Raw, Text};
use super::words::{Size, Word};
use super::{Key, Problem, suggest};

/// Asks [`Raw`] for typed values.
#[derive(Debug)]
pub(crate) struct Reader {
    raw: Raw,
    keys: Vec<Key>,
    problems: Vec<Problem>,
    /// Tables whose keys are the operator's.
    open_tables: Vec<&'static str>,
}

impl Reader {
    /// With what went wrong before.
    pub(crate) fn new(raw: Raw, problems: Vec<Problem>) -> Self {
        Self { raw, keys: Vec::new(), problems, open_tables: Vec::new() }
    }

    /// The keys of one table.
    pub(crate) fn section(&mut self, name: impl Into<String>) -> Section<'_> {
        Section { reader: self, name: name.into() }
    }

    /// The names of the tables in `table` that somebody wrote something in, in order. Variables name none: where
    /// theirs end cannot be told.
    pub(crate) fn tables_in(&self, table: &str) -> Vec<String> {
        let prefix = format!("{table}.");
        let given = self.raw.file.keys().chain(self.raw.flags.keys());
        let keys = given.filter_map(|key| key.strip_prefix(&prefix)?.split_once('.')).map(|(name, _)| name);
        let empty = self.raw.empty_tables.keys().filter_map(|key| key.strip_prefix(&prefix));
        let mut names: Vec<String> = keys.chain(empty).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names of the keys that somebody gave in a table whose keys are the operator's, by file or flag.
    pub(crate) fn names_in(&mut self, table: &'static str) -> Vec<String> {
        self.open_tables.push(table);
        let prefix = format!("{table}.");
        let given = self.raw.file.keys().chain(self.raw.flags.keys());
        let mut names: Vec<String> =
            given.filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }

    /// All keys that were asked for, with their effective values, or everything that is wrong.
    ///
    /// # Errors
    /// Values that could not be read or do not fit together, and keys that nobody asked for.
    pub(crate) fn finish(mut self) -> Result<Vec<Key>, Vec<Problem>> {
        self.find_unknown();
        if self.problems.is_empty() {
            Ok(self.keys)
        } else {
            self.problems.sort_by_key(|problem| problem.order());
            Err(self.problems)
        }
    }

    fn find_unknown(&mut self) {
        let names: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
        let variables: Vec<String> = names.iter().map(|name| variable_of(name)).collect();
        let is_table = |table: &str| {
            let prefix = format!("{table}.");
            self.open_tables.contains(&table) || names.iter().any(|name| name.starts_with(&prefix))
        };
        let given = self.raw.file.iter().chain(&self.raw.flags);
        let keys =
            given.map(|(key, given)| (key, &given.origin)).filter(|(key, _)| !names.contains(&key.as_str()));
        let tables = self.raw.empty_tables.iter().filter(|(table, _)| !is_table(table));
        for (key, origin) in keys.chain(tables) {
            let message = format!("unknown key `{key}`{}", suggest(key, names.iter().copied()));
            self.problems.push(Problem::at(origin.clone(), message));
        }
        for name in self.raw.variables.keys().filter(|name| !variables.contains(name)) {
            let suggestion = suggest(name, variables.iter().map(String::as_str));
            let message = format!("unknown variable{suggestion}");
            self.problems.push(Problem::at(Origin::Variable(name.clone()), message));
        }
    }

    /// The winning layer's value for `key`.
    fn given(&self, key: &str) -> Option<Given> {
        if let Some(given) = self.raw.flags.get(key) {
            return Some(given.clone());
        }
        let variable = variable_of(key);
        if let Some(text) = self.raw.variables.get(&variable) {
            let text = Text::Either(text.clone());
            let origin = Origin::Variable(variable);
            return Some(Given { text, origin });
        }
        self.raw.file.get(key).cloned()
    }
}

/// `ingress.listen` is set by `MAILWEIR_INGRESS_LISTEN`.
pub(crate) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// One table's keys.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    reader: &'a mut Reader,
    name: String,
}

impl Section<'_> {
    /// A single value.
    pub(crate) fn get<T: Word>(&mut self, key: &str, default: T) -> T {
        self.read(key, default, one, T::to_toml)
    }

    /// A number of bytes.
    pub(crate) fn size(&mut self, key: &str, default: usize) -> usize {
        let Size(bytes) = self.get(key, Size(u64::try_from(default).unwrap_or(u64::MAX)));
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// A value that an empty text switches off.
    pub(crate) fn optional<T: Word>(&mut self, key: &str, default: Option<T>) -> Option<T> {
        let parse = |text: &Text| match text {
            Text::One(text) | Text::Either(text) if text.is_empty() => Ok(None),
            text => one(text).map(Some),
        };
        self.read(key, default, parse, |value| value.as_ref().map_or_else(|| "\"\"".into(), T::to_toml))
    }

    /// A list; a variable separates its values by commas.
    pub(crate) fn list<T: Word>(&mut self, key: &str, default: Vec<T>) -> Vec<T> {
        let parse = |text: &Text| match text {
            Text::Many(items) => items.iter().map(|item| explained(item)).collect(),
            Text::Either(items) if items.is_empty() => Ok(Vec::new()),
            Text::Either(items) => items.split(',').map(|item| explained(item.trim())).collect(),
            Text::One(item) => Err(format!("expected a list, such as [{}]", super::words::quoted(item))),
        };
        let show = |values: &Vec<T>| {
            let values: Vec<_> = values.iter().map(T::to_toml).collect();
            format!("[{}]", values.join(", "))
        };
        self.read(key, default, parse, show)
    }

    /// Whether somebody set it.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.reader.given(&format!("{}.{key}", self.name)).is_some()
    }

    /// Complains about `key` where `holds` is false.
    pub(crate) fn check(&mut self, holds: bool, key: &str, message: &str) {
        if !holds {
            let name = format!("{}.{key}", self.name);
            let origin = self.reader.given(&name).map(|given| given.origin);
            let message = format!("`{name}` {message}");
            self.reader.problems.push(Problem { origin, message });
        }
    }

    fn read<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&Text) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> T {
        let name = format!("{}.{key}", self.name);
        let given = self.reader.given(&name);
        let origin = given.as_ref().map(|given| given.origin.clone());
        let value = match given.map(|given| (parse(&given.text), given.origin)) {
            None => default,
            Some((Ok(value), _)) => value,
            Some((Err(message), origin)) => {
                let message = format!("`{name}`: {message}");
                self.reader.problems.push(Problem::at(origin, message));
                default
            }
        };
        self.reader.keys.push(Key { value: show(&value), name, origin });
        value
    }
}

fn one<T: Word>(text: &Text) -> Result<T, String> {
    match text {
        Text::One(text) | Text::Either(text) => explained(text),
        Text::Many(_) => Err("expected one value, not a list".into()),
    }
}

fn explained<T: Word>(text: &str) -> Result<T, String> {
    T::parse(text).map_err(|message| format!("{message}, not `{text}`"))
}
