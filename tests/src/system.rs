//! Mailweir as a client sees it: one LMTP endpoint or more, be it one process or many.
//!
//! The same builder makes both, so that a test of the contract cannot tell which it has.

mod builder;

use std::path::Path;

use tempfile::TempDir;

use crate::nats::Nats;
use crate::node::Node;
use crate::port::ReservedPort;
use crate::process::Process;

pub use builder::Builder;

/// Which of the two implementations of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One process.
    Standalone,
    /// Ingress, worker and egress over NATS.
    Distributed,
}

/// The variable that names failpoints; only debug builds know it.
const FAILPOINT: &str = "MAILWEIR_FAILPOINT";

/// Which process of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes mails; the whole of standalone.
    Ingress,
    /// Scans.
    Worker,
    /// Gives mails to the next hop.
    Egress,
}

impl Role {
    /// The command that starts it.
    fn command(self, mode: Mode) -> &'static str {
        match (mode, self) {
            (Mode::Standalone, _) => "standalone",
            (Mode::Distributed, Self::Ingress) => "ingress",
            (Mode::Distributed, Self::Worker) => "worker",
            (Mode::Distributed, Self::Egress) => "egress",
        }
    }
}

/// Everything that runs; killed when dropped.
pub struct System {
    /// Where clients connect: the first ingress.
    pub lmtp: String,
    /// The processes that take mails: ingresses, or the whole of standalone.
    ingresses: Vec<Node>,
    workers: Vec<Node>,
    egresses: Vec<Node>,
    /// Processes started so far, for their names.
    started: usize,
    nats: Option<Nats>,
    nats_url: String,
    /// Of the ingresses.
    ports: Vec<ReservedPort>,
    builder: Builder,
    directory: TempDir,
}

impl System {
    /// A system in that mode that gives its mails to `next_hop`.
    pub fn build(mode: Mode, next_hop: &str) -> Builder {
        Builder::new(mode, next_hop)
    }

    /// The process that takes mails.
    pub fn ingress(&mut self) -> &mut Node {
        &mut self.ingresses[0]
    }

    /// A worker process (distributed).
    pub fn worker(&mut self, index: usize) -> &mut Node {
        &mut self.workers[index]
    }

    /// A process that scans mails.
    pub fn scanner(&mut self) -> &mut Node {
        self.node(Role::Worker, 0)
    }

    /// The process that gives mails to the next hop.
    pub fn egress(&mut self) -> &mut Node {
        self.node(Role::Egress, 0)
    }

    /// A process of that role; all roles are one process in standalone.
    pub fn node(&mut self, role: Role, index: usize) -> &mut Node {
        &mut self.list(role)[index]
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.ingresses.iter().chain(&self.workers).chain(&self.egresses)
    }

    /// All processes of ours.
    pub fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        let nodes = self.ingresses.iter_mut().chain(&mut self.workers).chain(&mut self.egresses);
        nodes.map(|node| &mut node.process)
    }

    /// The NATS server that was started with it (distributed).
    pub fn nats(&mut self) -> &mut Nats {
        self.nats.as_mut().expect("a server of its own")
    }

    /// Where clients connect, one for each ingress.
    pub fn endpoints(&self) -> Vec<String> {
        self.ingresses.iter().map(|node| node.endpoint("lmtp")).collect()
    }

    /// Where the processes keep their files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts one more process of that role, without failpoints (distributed). A new ingress is the last endpoint.
    pub async fn add(&mut self, role: Role) {
        let url = self.nats_url.clone();
        self.spawn(role, &[], &url).await;
    }

    /// As [`System::add`], with `point=kill` or `point=stop`.
    pub async fn add_with_failpoint(&mut self, role: Role, failpoint: &str) {
        let url = self.nats_url.clone();
        self.spawn(role, &[(FAILPOINT.to_owned(), failpoint.to_owned())], &url).await;
    }

    /// Starts one more worker (distributed).
    pub async fn add_worker(&mut self) {
        self.add(Role::Worker).await;
    }

    /// Takes a process out of our hands, to end it as the test wants.
    pub fn take(&mut self, role: Role) -> Node {
        self.list(role).remove(0)
    }

    /// Takes a worker out of our hands, to end it as the test wants (distributed).
    pub fn take_worker(&mut self) -> Node {
        self.take(Role::Worker)
    }

    /// Starts another egress and gives the one before, to end it as the test wants (distributed).
    pub async fn replace_egress(&mut self) -> Node {
        self.add(Role::Egress).await;
        self.take(Role::Egress)
    }

    /// Starts an ingress that knows other servers than the rest, and is none of the endpoints (distributed).
    pub async fn ingress_of(&mut self, nats: &str) -> Node {
        let args = self.arguments(Role::Ingress, nats);
        Node::start("ingress-alone", &args, self.directory.path()).await
    }

    fn list(&mut self, role: Role) -> &mut Vec<Node> {
        match (self.builder.mode, role) {
            (Mode::Standalone, _) | (Mode::Distributed, Role::Ingress) => &mut self.ingresses,
            (Mode::Distributed, Role::Worker) => &mut self.workers,
            (Mode::Distributed, Role::Egress) => &mut self.egresses,
        }
    }

    async fn launch(&mut self) {
        if self.builder.mode == Mode::Distributed {
            if let Some(url) = &self.builder.nats_url {
                self.nats_url = url.clone();
            } else {
                let nats = Nats::start().await;
                self.nats_url = nats.url();
                self.nats = Some(nats);
            }
        }
        for role in [Role::Ingress, Role::Egress, Role::Worker] {
            for number in 0..self.builder.count(role) {
                let of_first = |list: &[(Role, String)]| {
                    let found = list.iter().find(|(of, _)| *of == role && number == 0);
                    found.map(|(_, text)| text.clone())
                };
                let variables = of_first(&self.builder.failpoints).map(|point| (FAILPOINT.to_owned(), point));
                let variables: Vec<_> = variables.into_iter().collect();
                let url = of_first(&self.builder.nats_of_first).unwrap_or_else(|| self.nats_url.clone());
                self.spawn(role, &variables, &url).await;
            }
        }
        self.lmtp = self.ingress().endpoint("lmtp");
    }

    async fn spawn(&mut self, role: Role, variables: &[(String, String)], nats_url: &str) {
        let args = self.arguments(role, nats_url);
        let name = format!("{}-{}", role.command(self.builder.mode), self.started);
        self.started += 1;
        let variables = [variables, &self.builder.variables].concat();
        let mut node = Node::start_with(&variables, &name, &args, self.directory.path()).await;
        // A worker is waited for by the mails.
        if self.builder.waits && role != Role::Worker {
            node.until_ready().await;
        }
        self.list(role).push(node);
    }

    fn arguments(&mut self, role: Role, nats_url: &str) -> Vec<String> {
        let (mode, builder) = (self.builder.mode, &self.builder);
        let mut args = vec![role.command(mode).to_owned()];
        args.extend(builder.common(&self.directory));
        let mut flag = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
        if mode == Mode::Standalone {
            flag("--state-directory", &self.directory.path().display().to_string());
        } else {
            nats_url.split(',').for_each(|url| flag("--nats", url));
        }
        if role == Role::Ingress {
            // A port of its own, so that it is the same after a restart.
            let listen = builder.listen.clone().filter(|_| self.ingresses.is_empty());
            let listen = listen.unwrap_or_else(|| {
                let port = ReservedPort::new();
                let endpoint = port.endpoint();
                self.ports.push(port);
                endpoint
            });
            flag("--listen", &listen);
        }
        let all = mode == Mode::Standalone;
        if let Some(clamd) = builder.clamd.as_deref().filter(|_| all || role == Role::Worker) {
            flag("--clamd", clamd);
        }
        if all || role == Role::Egress {
            flag("--next-hop", &builder.next_hop);
        }
        args
    }
}
