//! The ports file: where this process really listens, for whoever started it with port 0.
//!
//! Written whole and then put in place by a rename, once everything is bound: who sees the file sees all of it, and can
//! connect.

use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

/// What is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Ports {
    /// Process id.
    pub(crate) pid: u32,
    /// Where mails are taken.
    pub(crate) lmtp: Vec<String>,
    /// The admin port, if there is one.
    pub(crate) admin: Option<String>,
}

impl Ports {
    /// Puts the file in place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, self)?;
        file.write_all(b"\n")?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_was_bound_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ports.json");
        let ports = Ports { pid: 7, lmtp: vec!["127.0.0.1:4711".into(), "unix:/run/x".into()], admin: None };
        ports.write(&path).unwrap();
        ports.write(&path).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read["lmtp"][0], "127.0.0.1:4711");
        assert!(read["admin"].is_null());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
