//! A `nats-server` with JetStream: its own store, and a port that the kernel picks.
//!
//! A restart keeps the store but not the port. Whoever must survive a restart connects through a
//! [`crate::link::Link`], which keeps its address. The server is the first in PATH, so that a run can choose its version.

mod cluster;
pub mod request;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::{Process, tool_in_path};
use crate::wait::eventually;

pub use cluster::{Cluster, NODES};
pub use request::api;

/// A running server.
pub struct Nats {
    process: Process,
    address: String,
    /// What is set in a file.
    configuration: PathBuf,
    store: PathBuf,
    directory: TempDir,
}

impl Nats {
    /// Starts a server with an empty store.
    pub async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("nats-").tempdir().expect("make directory");
        let store = directory.path().join("store");
        Self::start_in(directory, store, "jetstream {").await
    }

    /// Starts a server whose store is, or becomes, that directory, and holds that many bytes of messages at most. Without
    /// such a bound a server takes what is free when it starts.
    pub async fn start_with_store(store: &Path, bytes_max: u64) -> Self {
        let directory = tempfile::Builder::new().prefix("nats-").tempdir().expect("make directory");
        Self::start_in(directory, store.to_owned(), &format!("jetstream {{ max_file: {bytes_max}")).await
    }

    async fn start_in(directory: TempDir, store: PathBuf, jetstream: &str) -> Self {
        let configuration = directory.path().join("nats-server.conf");
        let text = format!("{jetstream}\n store_dir: \"{}\"\n}}\n", store.display());
        std::fs::write(&configuration, text).expect("write configuration");
        let (process, address) = launch(&configuration, &directory).await;
        Self { process, address, configuration, store, directory }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `nats://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Where its streams are.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again over the same store, on another port.
    pub async fn restart(&mut self) {
        self.kill();
        (self.process, self.address) = launch(&self.configuration, &self.directory).await;
    }

    /// The server process, for signals.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

async fn launch(configuration: &Path, directory: &TempDir) -> (Process, String) {
    let configuration = configuration.display().to_string();
    let ports = directory.path().display().to_string();
    let args =
        ["--addr", "127.0.0.1", "--port", "-1", "--config", &configuration, "--ports_file_dir", &ports];
    let environment = environment();
    let mut process = Process::start_with(&environment, "nats-server", &server(), &args, directory.path());
    // setpriv replaces itself by the server, so the process id in the file's name is the child's.
    let ports = directory.path().join(format!("nats-server_{}.ports", process.id()));
    let address = eventually("nats-server tells its port", async || {
        assert!(process.status().is_none(), "{}", process.log_tail());
        address_in(&ports)
    })
    .await;
    (process, address)
}

/// As `deploy/` has it.
fn environment() -> [(String, String); 2] {
    [("GOGC", "400"), ("GOMEMLIMIT", "1GiB")].map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn server() -> PathBuf {
    tool_in_path("nats-server", "nats-server")
}

/// `None` as long as the file is not there or not whole.
fn address_in(ports: &PathBuf) -> Option<String> {
    let ports: serde_json::Value = serde_json::from_slice(&std::fs::read(ports).ok()?).ok()?;
    let url = ports["nats"][0].as_str()?;
    url.strip_prefix("nats://").map(str::to_owned)
}
