//! A private `nats-server` child with JetStream.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// Generous: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server, its store and its port; killed when dropped.
pub(crate) struct Server {
    child: Option<Child>,
    store: TempDir,
    pub(crate) port: u16,
    arguments: Vec<String>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self {
            child: None,
            store: TempDir::new().unwrap(),
            port: 0,
            arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
        };
        server.run().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn store(&self) -> &Path {
        self.store.path()
    }

    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// `kill -9`, and again on the same store and port.
    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.run().await;
    }

    /// Runs on the port that it had, or finds a free one.
    pub(crate) async fn run(&mut self) {
        let port = if self.port == 0 { "-1".into() } else { self.port.to_string() };
        let mut child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port, "-js", "-sd"])
            .arg(self.store.path())
            .args(&self.arguments)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("starting nats-server: {error}; apt-get install nats-server"));
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = async {
            let (mut said, mut port) = (Vec::new(), 0);
            while let Some(line) = log.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once("Listening for client connections on ") {
                    port = address.rsplit(':').next().unwrap().parse().unwrap();
                }
                if line.contains("Server is ready") {
                    return port;
                }
                said.push(line);
            }
            panic!("nats-server ended: {said:#?}");
        };
        self.port = timeout(PATIENCE, ready).await.expect("nats-server is not ready in time");
        self.child = Some(child);
        // It must be able to go on logging.
        TaskTracker::new().spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    }
}
