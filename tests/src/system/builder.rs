//! What to start.

use tempfile::TempDir;

use super::{Mode, Role, System};

/// What to start.
pub struct Builder {
    pub(super) mode: Mode,
    pub(super) next_hop: String,
    pub(super) clamd: Option<String>,
    configuration: String,
    ingresses: usize,
    workers: usize,
    egresses: usize,
    pub(super) nats_url: Option<String>,
    pub(super) listen: Option<String>,
    pub(super) nats_of_first: Vec<(Role, String)>,
    pub(super) failpoints: Vec<(Role, String)>,
    flags: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) waits: bool,
}

impl Builder {
    pub(super) fn new(mode: Mode, next_hop: &str) -> Self {
        Self {
            mode,
            next_hop: next_hop.to_owned(),
            clamd: None,
            configuration: String::new(),
            ingresses: 1,
            workers: 1,
            egresses: 1,
            nats_url: None,
            listen: None,
            nats_of_first: Vec::new(),
            failpoints: Vec::new(),
            flags: Vec::new(),
            variables: Vec::new(),
            waits: true,
        }
    }

    /// Does not wait until everything is ready: something that it needs is not there.
    pub fn unready(mut self) -> Self {
        self.waits = false;
        self
    }

    /// Mails are taken there, instead of on a port that the kernel picks.
    pub fn listen(mut self, endpoint: &str) -> Self {
        self.listen = Some(endpoint.to_owned());
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

    /// Given to every process.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// A variable in the environment of every process.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Number of ingress processes (distributed).
    pub fn ingresses(mut self, count: usize) -> Self {
        self.ingresses = count;
        self
    }

    /// Number of worker processes (distributed).
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Number of egress processes (distributed).
    pub fn egresses(mut self, count: usize) -> Self {
        self.egresses = count;
        self
    }

    /// `point=kill` or `point=stop`, for the first process of that role.
    pub fn failpoint(mut self, role: Role, failpoint: &str) -> Self {
        self.failpoints.push((role, failpoint.to_owned()));
        self
    }

    /// A NATS server, or a link to one, of the test's own (distributed); several with commas between them.
    pub fn nats(mut self, url: &str) -> Self {
        self.nats_url = Some(url.to_owned());
        self
    }

    /// The first process of that role reaches NATS there, by a link of its own (distributed).
    pub fn nats_of_first(mut self, role: Role, url: &str) -> Self {
        self.nats_of_first.push((role, url.to_owned()));
        self
    }

    /// Mails go there, instead of to the next hop that the system was built for.
    pub fn next_hop(mut self, target: &str) -> Self {
        self.next_hop = target.to_owned();
        self
    }

    /// Starts everything and waits until it listens.
    pub async fn start(self) -> System {
        let directory = tempfile::Builder::new().prefix("mailweir-").tempdir().expect("make directory");
        let config = directory.path().join("mailweir.toml");
        std::fs::write(&config, &self.configuration).expect("write configuration");
        let mut system = System {
            lmtp: String::new(),
            ingresses: Vec::new(),
            workers: Vec::new(),
            egresses: Vec::new(),
            started: 0,
            nats: None,
            nats_url: String::new(),
            ports: Vec::new(),
            builder: self,
            directory,
        };
        system.launch().await;
        system
    }

    pub(super) fn count(&self, role: Role) -> usize {
        match (self.mode, role) {
            (Mode::Standalone, Role::Ingress) => 1,
            (Mode::Standalone, Role::Worker | Role::Egress) => 0,
            (Mode::Distributed, Role::Ingress) => self.ingresses,
            (Mode::Distributed, Role::Worker) => self.workers,
            (Mode::Distributed, Role::Egress) => self.egresses,
        }
    }

    pub(super) fn common(&self, directory: &TempDir) -> Vec<String> {
        let config = directory.path().join("mailweir.toml").display().to_string();
        let mut args = vec!["--config".into(), config, "--admin".into(), "127.0.0.1:0".into()];
        args.extend(self.flags.iter().cloned());
        args
    }
}
