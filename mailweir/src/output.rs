//! The one place that writes to standard output and standard error.
//!
//! Results go to standard output, complaints to standard error, and the log too, so that a result can be piped. A reader
//! that went away is no failure of ours.

use std::fmt;
use std::io::{self, Write as _};

/// Writes a result.
pub(crate) fn result(text: impl fmt::Display) {
    // A closed pipe means that nobody wants to know.
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes a result that has its line ends.
pub(crate) fn raw(text: &str) {
    // As above.
    drop(io::stdout().lock().write_all(text.as_bytes()));
}

/// Writes a complaint.
pub(crate) fn complaint(text: impl fmt::Display) {
    // As above.
    drop(writeln!(io::stderr().lock(), "mailweir: {text}"));
}
