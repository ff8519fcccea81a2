//! Configuration in two stages: [`raw`] keeps what was written and where, the sections say what it means.
//!
//! Every setting is a key of a TOML table, a variable `MAILWEIR_TABLE_KEY`, and `--set TABLE.KEY=VALUE`; those that
//! people change often have a flag of their own. All mistakes of a run are told together. Defaults live with the
//! settings that they belong to, in each role's crate.

mod raw;
mod reader;
mod sections;
mod units;
mod words;

use std::fmt;
use std::path::PathBuf;

pub(crate) use raw::{Environment, FAILPOINT_VARIABLE, FAULTS_VARIABLE, FILE_VARIABLE, FlagValue, Origin};
pub(crate) use sections::*;

use raw::Raw;
use reader::Reader;

/// A key with its effective value.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// `table.key`.
    pub(crate) name: String,
    /// As it would stand in a file; secrets are left out.
    pub(crate) value: String,
    /// Who set it.
    pub(crate) origin: Option<Origin>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    origin: Option<Origin>,
    message: String,
}

impl Problem {
    fn at(origin: Origin, message: impl Into<String>) -> Self {
        Self { origin: Some(origin), message: message.into() }
    }

    /// File lines first, in order, then the rest.
    fn order(&self) -> (bool, usize, String) {
        match &self.origin {
            Some(Origin::File { line, .. }) => (false, *line, String::new()),
            Some(origin) => (true, 0, origin.to_string()),
            None => (true, 0, String::new()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Where the layers come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The file and its text.
    pub(crate) file: Option<(PathBuf, String)>,
    /// The environment.
    pub(crate) environment: Environment,
    /// The flags.
    pub(crate) flags: Vec<FlagValue>,
}

/// What the machine says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Its name.
    pub(crate) name: String,
    /// Its memory.
    pub(crate) memory_bytes: u64,
    /// Where the service may keep files, when it is told.
    pub(crate) state_directory: Option<PathBuf>,
}

/// A valid configuration.
#[derive(Debug)]
pub(crate) struct Config {
    /// What the roles get.
    pub(crate) sections: Sections,
    /// Every key, in the order of the tables.
    pub(crate) keys: Vec<Key>,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn load(sources: Sources) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut raw = Raw::new(&sources.environment, sources.flags);
        if let Some((path, text)) = &sources.file {
            raw.take_file(path, text, &mut problems);
        }
        let mut reader = Reader::new(raw, problems);
        let sections = Sections::read(&mut reader);
        let keys = reader.finish()?;
        Ok(Self { sections, keys })
    }

    /// Of these keys and values alone, as flags would give them.
    ///
    /// # Errors
    /// Everything that is wrong.
    #[cfg(test)]
    pub(crate) fn of_flags(flags: &[(&str, &str)]) -> Result<Self, Vec<Problem>> {
        let flag = |&(key, value): &(&str, &str)| FlagValue {
            flag: format!("--set {key}"),
            key: key.to_owned(),
            values: vec![value.to_owned()],
            repeats: false,
        };
        Self::load(Sources { flags: flags.iter().map(flag).collect(), ..Sources::default() })
    }

    /// The same, with the machine's name, directory and a share of its memory where nobody said otherwise.
    pub(crate) fn on_host(mut self, host: &Host) -> Self {
        if self.sections.node.hostname.is_none() {
            self.sections.set_hostname(&host.name);
            self.show("node.hostname", words::quoted(&host.name));
        }
        if !self.is_set("ingress.in_flight_bytes_max") {
            let bytes = ::ingress::Settings::in_flight_bytes_for(host.memory_bytes);
            self.sections.ingress.server.in_flight_bytes_max = bytes;
            self.show("ingress.in_flight_bytes_max", words::quoted(&units::show_size(bytes)));
        }
        if let Some(directory) = &host.state_directory
            && !self.is_set("ledger.directory")
        {
            self.sections.ledger.directory.clone_from(directory);
            self.show("ledger.directory", words::quoted(&directory.to_string_lossy()));
        }
        self
    }

    fn show(&mut self, name: &str, value: String) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.name == name) {
            key.value = value;
        }
    }

    /// Whether somebody set `key`.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known.name == key && known.origin.is_some())
    }

    /// The effective configuration as a file, with who set what.
    pub(crate) fn to_toml(&self) -> String {
        let mut out = String::new();
        let mut table = "";
        for key in &self.keys {
            let (of, name) = key.name.rsplit_once('.').unwrap_or(("", &key.name));
            if of != table {
                let gap = if table.is_empty() { "" } else { "\n" };
                out.push_str(&format!("{gap}[{of}]\n"));
                table = of;
            }
            let origin = key.origin.as_ref().map(|origin| format!("  # {origin}")).unwrap_or_default();
            out.push_str(&format!("{name} = {}{origin}\n", key.value));
        }
        out
    }
}

/// `; did you mean …?` with the nearest known name, when one is near.
fn suggest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    nearest.map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
