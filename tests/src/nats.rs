//! A `nats-server` with JetStream: its own store, and a port that the kernel picks.
//!
//! A restart keeps the store but not the port. Whoever must survive a restart connects through a
//! [`crate::link::Link`], which keeps its address.

pub mod request;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::process::{Process, tool};
use crate::wait::eventually;

/// A running server.
pub struct Nats {
    process: Process,
    address: String,
    directory: TempDir,
}

impl Nats {
    /// Starts a server with an empty store.
    pub async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("nats-").tempdir().expect("make directory");
        let (process, address) = launch(&directory).await;
        Self { process, address, directory }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `nats://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again over the same store, on another port.
    pub async fn restart(&mut self) {
        self.kill();
        (self.process, self.address) = launch(&self.directory).await;
    }

    /// The server process, for signals.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

async fn launch(directory: &TempDir) -> (Process, String) {
    let server =
        tool(&["/usr/sbin/nats-server", "/usr/local/bin/nats-server", "/usr/bin/nats-server"], "nats-server");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let args = [
        "--addr",
        "127.0.0.1",
        "--port",
        "-1",
        "--jetstream",
        "--store_dir",
        &path("store"),
        "--ports_file_dir",
        &path("."),
    ];
    let mut process = Process::start("nats-server", &server, &args, directory.path());
    // setpriv replaces itself by the server, so the process id in the file's name is the child's.
    let ports = directory.path().join(format!("nats-server_{}.ports", process.id()));
    let address = eventually("nats-server tells its port", async || {
        assert!(process.status().is_none(), "{}", process.log_tail());
        address_in(&ports)
    })
    .await;
    (process, address)
}

/// `None` as long as the file is not there or not whole.
fn address_in(ports: &PathBuf) -> Option<String> {
    let ports: serde_json::Value = serde_json::from_slice(&std::fs::read(ports).ok()?).ok()?;
    let url = ports["nats"][0].as_str()?;
    url.strip_prefix("nats://").map(str::to_owned)
}
