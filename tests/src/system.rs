//! Mailweir as a client sees it: one LMTP endpoint, be it one process or four.
//!
//! The same builder makes both, so that a test of the contract cannot tell which it has.

use tempfile::TempDir;

use crate::nats::Nats;
use crate::node::Node;
use crate::process::Process;

/// Which of the two implementations of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One process.
    Standalone,
    /// Ingress, worker and egress over NATS.
    Distributed,
}

/// What to start.
pub struct Builder {
    mode: Mode,
    next_hop: String,
    clamd: Option<String>,
    configuration: String,
    environment: Vec<String>,
    workers: usize,
    nats_url: Option<String>,
    listen: String,
    waits: bool,
}

impl Builder {
    /// Does not wait until everything is ready: something that it needs is not there.
    pub fn unready(mut self) -> Self {
        self.waits = false;
        self
    }

    /// Mails are taken there, instead of on a port that the kernel picks.
    pub fn listen(mut self, endpoint: &str) -> Self {
        self.listen = endpoint.to_owned();
        self
    }

    /// Mails are scanned by the clamd there.
    pub fn clamd(mut self, endpoint: &str) -> Self {
        self.clamd = Some(endpoint.to_owned());
        self
    }

    /// TOML, given to every process.
    pub fn configuration(mut self, toml: &str) -> Self {
        self.configuration.push_str(toml);
        self
    }

    /// A variable, written `NAME=VALUE`, given to every process.
    pub fn environment(mut self, variable: &str) -> Self {
        self.environment.push(variable.to_owned());
        self
    }

    /// Number of worker processes (distributed).
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// A NATS server, or a link to one, of the test's own (distributed).
    pub fn nats(mut self, url: &str) -> Self {
        self.nats_url = Some(url.to_owned());
        self
    }

    /// Starts everything and waits until it listens.
    pub async fn start(self) -> System {
        let directory = tempfile::Builder::new().prefix("mailweir-").tempdir().expect("make directory");
        let config = directory.path().join("mailweir.toml");
        std::fs::write(&config, &self.configuration).expect("write configuration");
        let mut system = System {
            lmtp: String::new(),
            ingress: None,
            workers: Vec::new(),
            egress: None,
            next_worker: 0,
            nats: None,
            nats_url: String::new(),
            builder: self,
            directory,
        };
        system.launch().await;
        system
    }

    fn common(&self, directory: &TempDir) -> Vec<String> {
        let config = directory.path().join("mailweir.toml").display().to_string();
        vec!["--config".into(), config, "--admin".into(), "127.0.0.1:0".into()]
    }
}

/// Everything that runs; killed when dropped.
pub struct System {
    /// Where clients connect.
    pub lmtp: String,
    /// The process that takes mails: the ingress, or the whole of standalone.
    ingress: Option<Node>,
    workers: Vec<Node>,
    egress: Option<Node>,
    next_worker: usize,
    nats: Option<Nats>,
    nats_url: String,
    builder: Builder,
    directory: TempDir,
}

impl System {
    /// A system in that mode that gives its mails to `next_hop`.
    pub fn build(mode: Mode, next_hop: &str) -> Builder {
        Builder {
            mode,
            next_hop: next_hop.to_owned(),
            clamd: None,
            configuration: String::new(),
            environment: Vec::new(),
            workers: 1,
            nats_url: None,
            listen: "127.0.0.1:0".to_owned(),
            waits: true,
        }
    }

    /// The process that takes mails.
    pub fn ingress(&mut self) -> &mut Node {
        self.ingress.as_mut().expect("started")
    }

    /// A worker process (distributed).
    pub fn worker(&mut self, index: usize) -> &mut Node {
        &mut self.workers[index]
    }

    /// A process that scans mails.
    pub fn scanner(&mut self) -> &mut Node {
        match self.builder.mode {
            Mode::Standalone => self.ingress(),
            Mode::Distributed => self.worker(0),
        }
    }

    /// The process that gives mails to the next hop.
    pub fn egress(&mut self) -> &mut Node {
        match self.builder.mode {
            Mode::Standalone => self.ingress(),
            Mode::Distributed => self.egress.as_mut().expect("started"),
        }
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.ingress.iter().chain(&self.workers).chain(&self.egress)
    }

    /// All processes of ours.
    pub fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        let nodes = self.ingress.iter_mut().chain(&mut self.workers).chain(&mut self.egress);
        nodes.map(|node| &mut node.process)
    }

    /// The NATS server that was started with it (distributed).
    pub fn nats(&mut self) -> &mut Nats {
        self.nats.as_mut().expect("a server of its own")
    }

    /// Starts one more worker (distributed).
    pub async fn add_worker(&mut self) {
        let args = self.arguments("worker", true, false);
        let name = format!("worker-{}", self.next_worker);
        self.next_worker += 1;
        let node = Node::start_with(&name, &self.builder.environment, &args, self.directory.path()).await;
        self.workers.push(node);
    }

    /// Takes a worker out of our hands, to end it as the test wants (distributed).
    pub fn take_worker(&mut self) -> Node {
        self.workers.remove(0)
    }

    /// Starts another egress and gives the one before, to end it as the test wants (distributed).
    pub async fn replace_egress(&mut self) -> Node {
        let args = self.arguments("egress", false, true);
        let other = self.node("egress-next", &args).await;
        self.egress.replace(other).expect("started")
    }

    async fn launch(&mut self) {
        match self.builder.mode {
            Mode::Standalone => {
                let args = self.arguments("standalone", true, true);
                self.ingress = Some(self.node("standalone", &args).await);
            }
            Mode::Distributed => {
                if let Some(url) = &self.builder.nats_url {
                    self.nats_url = url.clone();
                } else {
                    let nats = Nats::start().await;
                    self.nats_url = nats.url();
                    self.nats = Some(nats);
                }
                let ingress = self.arguments("ingress", false, false);
                let egress = self.arguments("egress", false, true);
                self.ingress = Some(self.node("ingress", &ingress).await);
                self.egress = Some(self.node("egress", &egress).await);
                for _ in 0..self.builder.workers {
                    self.add_worker().await;
                }
            }
        }
        self.lmtp = self.ingress().endpoint("lmtp");
    }

    async fn node(&self, name: &str, args: &[String]) -> Node {
        let environment = &self.builder.environment;
        let mut node = Node::start_with(name, environment, args, self.directory.path()).await;
        if self.builder.waits {
            node.until_ready().await;
        }
        node
    }

    fn arguments(&self, role: &str, scans: bool, relays: bool) -> Vec<String> {
        let mut args = vec![role.to_owned()];
        args.extend(self.builder.common(&self.directory));
        let mut flag = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
        if role == "standalone" {
            flag("--state-directory", &self.directory.path().display().to_string());
        }
        if matches!(role, "standalone" | "ingress") {
            flag("--listen", &self.builder.listen);
        }
        if self.builder.mode == Mode::Distributed {
            flag("--nats", &self.nats_url);
        }
        if let Some(clamd) = self.builder.clamd.as_deref().filter(|_| scans) {
            flag("--clamd", clamd);
        }
        if relays {
            flag("--next-hop", &self.builder.next_hop);
        }
        args
    }
}
