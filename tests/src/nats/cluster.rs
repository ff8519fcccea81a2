//! Three servers with one JetStream over them, each of which can be killed, paused, restarted or cut off.
//!
//! Ports are named before the servers start, since each needs to know the others', and are kept over a restart. Routes
//! lead through a [`Link`] for each direction of each pair; what the servers tell each other about further addresses
//! leads nowhere, so that a server whose links are down is cut off from the others, and from nobody else.

use serde_json::Value;
use tempfile::TempDir;

use super::request::api;
use super::{environment, server};
use crate::link::Link;
use crate::port::ReservedPort;
use crate::process::Process;
use crate::wait::eventually;

/// Servers of a cluster.
pub const NODES: usize = 3;

struct Node {
    process: Process,
    client: ReservedPort,
    routes: ReservedPort,
    directory: TempDir,
}

/// A running cluster.
pub struct Cluster {
    nodes: Vec<Node>,
    /// By the connecting server and the one that it connects to; none to itself.
    links: Vec<Vec<Option<Link>>>,
    /// What is told about the address of routes.
    nowhere: ReservedPort,
}

impl Cluster {
    /// Starts three servers with empty stores and waits until JetStream has a leader.
    pub async fn start() -> Self {
        let ports: Vec<_> = (0..NODES).map(|_| (ReservedPort::new(), ReservedPort::new())).collect();
        let mut links = Vec::new();
        for from in 0..NODES {
            let mut row = Vec::new();
            for (to, (_, routes)) in ports.iter().enumerate() {
                row.push(if from == to { None } else { Some(Link::to(&routes.endpoint()).await) });
            }
            links.push(row);
        }
        let nowhere = ReservedPort::new();
        let mut nodes = Vec::new();
        for (number, (client, routes)) in ports.into_iter().enumerate() {
            let directory = tempfile::Builder::new().prefix("nats-").tempdir().expect("make directory");
            let process = launch(number, &client, &routes, &links[number], &nowhere, &directory);
            nodes.push(Node { process, client, routes, directory });
        }
        let mut cluster = Self { nodes, links, nowhere };
        cluster.until_jetstream_works().await;
        cluster
    }

    /// `HOST:PORT` of a server.
    pub fn address(&self, node: usize) -> String {
        self.nodes[node].client.endpoint()
    }

    /// `nats://HOST:PORT` of a server.
    pub fn url(&self, node: usize) -> String {
        format!("nats://{}", self.address(node))
    }

    /// All of them, as `--nats` takes them.
    pub fn urls(&self) -> String {
        (0..NODES).map(|node| self.url(node)).collect::<Vec<_>>().join(",")
    }

    /// The process of a server, for signals.
    pub fn process(&self, node: usize) -> &Process {
        &self.nodes[node].process
    }

    /// The directory of a server's store.
    pub fn store(&self, node: usize) -> std::path::PathBuf {
        self.nodes[node].directory.path().join("store")
    }

    /// kill -9.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].process.kill();
    }

    /// Starts a server that was killed, over its store and on its ports.
    pub fn restart(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        node.process.kill();
        node.process =
            launch(number, &node.client, &node.routes, &self.links[number], &self.nowhere, &node.directory);
    }

    /// Cuts a server off from the two others; its clients stay.
    pub fn cut_off(&self, node: usize) {
        for (_, link) in self.links_of(node) {
            link.go_down();
        }
    }

    /// Ends [`Cluster::cut_off`].
    pub fn join_again(&self, node: usize) {
        for (to, link) in self.links_of(node) {
            link.lead_to(&self.nodes[to].routes.endpoint());
        }
    }

    fn links_of(&self, node: usize) -> impl Iterator<Item = (usize, &Link)> {
        let all = self.links.iter().enumerate();
        let all = all.flat_map(|(from, row)| row.iter().enumerate().map(move |(to, link)| (from, to, link)));
        all.filter(move |(from, to, _)| *from == node || *to == node)
            .filter_map(|(_, to, link)| Some((to, link.as_ref()?)))
    }

    /// The server that leads a stream, as `ask` knows it; `None` when it knows none.
    pub async fn leader_by(&self, ask: usize, stream: &str) -> Option<usize> {
        let info = self.stream(ask, stream).await?;
        let name = info["cluster"]["leader"].as_str()?;
        (0..NODES).find(|node| name_of(*node) == name)
    }

    /// Waits until a stream has a leader that `ask` knows, and gives it.
    pub async fn leader(&self, ask: usize, stream: &str) -> usize {
        eventually("the stream has a leader", async || self.leader_by(ask, stream).await).await
    }

    /// Waits until every replica of a stream is there and has everything.
    pub async fn until_whole(&self, ask: usize, stream: &str) {
        eventually("all replicas are current", async || {
            let info = self.stream(ask, stream).await?;
            let replicas = info["cluster"]["replicas"].as_array()?;
            let is_current = |replica: &Value| replica["current"] == true && replica["offline"] != true;
            (replicas.len() == NODES - 1 && replicas.iter().all(is_current)).then_some(())
        })
        .await;
    }

    /// What `ask` says about a stream.
    async fn stream(&self, ask: usize, stream: &str) -> Option<Value> {
        let info = api(&self.address(ask), &format!("STREAM.INFO.{stream}"), "").await.ok()?;
        info["error"].is_null().then_some(info)
    }

    async fn until_jetstream_works(&mut self) {
        for node in &mut self.nodes {
            let address = node.client.endpoint();
            eventually("JetStream has a leader", async || {
                assert!(node.process.status().is_none(), "{}", node.process.log_tail());
                let names = api(&address, "STREAM.NAMES", "").await.ok()?;
                names["error"].is_null().then_some(())
            })
            .await;
        }
    }
}

fn name_of(node: usize) -> String {
    format!("node{node}")
}

fn launch(
    number: usize,
    client: &ReservedPort,
    routes: &ReservedPort,
    links: &[Option<Link>],
    nowhere: &ReservedPort,
    directory: &TempDir,
) -> Process {
    let routes_to: Vec<String> =
        links.iter().flatten().map(|link| format!("nats://{}", link.endpoint())).collect();
    let args = [
        "--addr=127.0.0.1".to_owned(),
        format!("--port={}", client.number()),
        format!("--server_name={}", name_of(number)),
        "--jetstream".to_owned(),
        format!("--store_dir={}", directory.path().join("store").display()),
        "--cluster_name=weir".to_owned(),
        format!("--cluster=nats://{}", routes.endpoint()),
        format!("--cluster_advertise={}", nowhere.endpoint()),
        "--no_advertise".to_owned(),
        format!("--routes={}", routes_to.join(",")),
    ];
    Process::start_with(&environment(), &name_of(number), &server(), &args, directory.path())
}
