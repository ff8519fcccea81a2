//! The load generator: a process of its own, `mailweir load`, which fails unless every mail was accepted.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mails<'m> {
    /// The generator's own, of this size. Other seeds make other mails: clamd remembers what it found clean.
    Generated { size: &'m str, seed: u64 },
    /// These in turn.
    Files(&'m [PathBuf]),
}

/// Sends so many, and gives the report.
///
/// # Errors
/// When a mail was not accepted.
pub(crate) async fn load(to: &str, mails: Mails<'_>, connections: u32, count: u32) -> Result<Value> {
    let mut command = Command::new(harness::node::binary());
    command.args(["load", "--json", "--ident", "--to", to]);
    command.args(["--connections", &connections.to_string(), "--mails", &count.to_string()]);
    match mails {
        Mails::Generated { size, seed } => command.args(["--size", size, "--seed", &seed.to_string()]),
        Mails::Files(paths) => {
            for path in paths {
                command.arg("--file").arg(path);
            }
            &mut command
        }
    };
    let output = command.output().await?;
    // What was not accepted stands in the report.
    let told = [&output.stderr[..], &output.stdout].concat();
    ensure!(output.status.success(), "load to {to} failed: {}", String::from_utf8_lossy(&told));
    serde_json::from_slice(&output.stdout).context("reading the report of load")
}

/// A figure of a report.
///
/// # Errors
/// When it is not there.
pub(crate) fn figure(report: &Value, pointer: &str) -> Result<f64> {
    report.pointer(pointer).and_then(Value::as_f64).context(pointer.to_owned())
}
