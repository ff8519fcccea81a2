//! A private `nats-server` child with JetStream.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// Generous: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

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

    /// Sends a signal, `STOP` or `CONT`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().unwrap().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
        assert!(status.success());
    }

    /// Lets it write down what it knows, and end.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM").await;
        if let Some(mut child) = self.child.take() {
            timeout(PATIENCE, child.wait()).await.expect("nats-server does not end").unwrap();
        }
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

static CLUSTERS: AtomicU16 = AtomicU16::new(0);

/// Three servers with one JetStream over them. Routes have a loopback address that no other process uses, since their
/// ports must be known before a server starts.
pub(crate) async fn cluster() -> [Server; 3] {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let first = 6_222 + 3 * CLUSTERS.fetch_add(1, Ordering::Relaxed);
    let route = |node: u16| format!("nats://127.{}.{b}.{c}:{}", 64 + a % 64, first + node);
    let routes = [0, 1, 2].map(route).join(",");
    let start = async |node: u16| {
        let name = format!("node{node}");
        let own = route(node);
        Server::start_with(&[
            "--server_name",
            &name,
            "--cluster_name",
            "weir",
            "--cluster",
            &own,
            "--routes",
            &routes,
        ])
        .await
    };
    let (one, two, three) = tokio::join!(start(0), start(1), start(2));
    [one, two, three]
}
