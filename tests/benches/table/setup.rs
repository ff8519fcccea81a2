//! What is measured: one system at a time between the load generator and the sink.

use std::env;
use std::path::{Path, PathBuf};

use harness::clamd::Clamd;
use harness::nats::Nats;
use harness::node::Node;
use tempfile::TempDir;

use crate::amavis::Amavis;
use crate::proc::Role;

/// Who stands between load generator and sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Direct,
    Standalone,
    StandaloneNoLedger,
    Distributed,
    DistributedNoLedger,
    Amavis,
}

impl System {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Standalone => "standalone",
            Self::StandaloneNoLedger => "standalone --no-ledger",
            Self::Distributed => "distributed",
            Self::DistributedNoLedger => "distributed --no-ledger",
            Self::Amavis => "amavisd-new",
        }
    }

    /// The flags of every role of it.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::StandaloneNoLedger | Self::DistributedNoLedger => &["--no-ledger"],
            Self::Direct | Self::Standalone | Self::Distributed | Self::Amavis => &[],
        }
    }
}

/// What is asked of each mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checks {
    None,
    ClamdAndAttachments,
}

impl Checks {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClamdAndAttachments => "clamd + attachments",
        }
    }
}

/// The next hop; it has no state that could be asked for.
const SINK: &str = "sink";

/// Everything that runs for one system; it ends when this is dropped.
pub(crate) struct Running {
    /// Where the load goes.
    pub(crate) entry: String,
    /// The processes whose use is accounted.
    pub(crate) roles: Vec<Role>,
    _nodes: Vec<Node>,
    _amavis: Option<Amavis>,
    _nats: Option<Nats>,
    _clamd: Option<Clamd>,
    _directory: TempDir,
}

impl Running {
    pub(crate) async fn start(system: System, checks: Checks) -> Self {
        let directory = tempfile::Builder::new().prefix("bench-").tempdir().expect("make directory");
        let clamd = match checks {
            Checks::None => None,
            Checks::ClamdAndAttachments => Some(Clamd::start_in(&temporary()).await),
        };
        let mut running = Self {
            entry: String::new(),
            roles: Vec::new(),
            _nodes: Vec::new(),
            _amavis: None,
            _nats: None,
            _clamd: clamd,
            _directory: directory,
        };
        running.launch(system, checks).await;
        running
    }

    async fn launch(&mut self, system: System, checks: Checks) {
        let directory = self._directory.path().to_owned();
        open_to_all(&directory);
        let socket = directory.join("sink.sock");
        let next_hop = format!("unix:{}", socket.display());
        self.node(SINK, &["--listen", &next_hop], &directory).await;
        open_to_all(&socket);
        let clamd = self._clamd.as_ref().map(Clamd::unix);
        let scan = scan_flags(checks, clamd.as_deref());
        match system {
            System::Direct => self.entry = next_hop,
            System::Standalone | System::StandaloneNoLedger => {
                let state = directory.display().to_string();
                let args = ["--listen", "127.0.0.1:0", "--next-hop", &next_hop, "--state-directory", &state];
                let args = [&args[..], system.flags(), &scan].concat();
                self.entry = self.node("standalone", &args, &directory).await;
            }
            System::Distributed | System::DistributedNoLedger => {
                let nats = Nats::start().await;
                let url = nats.url();
                self.roles.push(Role { name: "nats-server", pid: nats.process().id() });
                self._nats = Some(nats);
                let common = [&["--nats", &url][..], system.flags()].concat();
                let ingress = [&common[..], &["--listen", "127.0.0.1:0"]].concat();
                self.entry = self.node("ingress", &ingress, &directory).await;
                self.node("egress", &[&common[..], &["--next-hop", &next_hop]].concat(), &directory).await;
                self.node("worker", &[&common[..], &scan].concat(), &directory).await;
            }
            System::Amavis => {
                let clamd = clamd.as_deref().map(|clamd| clamd.trim_start_matches("unix:"));
                let amavis = Amavis::start(&socket.display().to_string(), clamd).await;
                self.entry = amavis.entry.clone();
                self.roles.push(Role { name: "amavisd", pid: amavis.process.id() });
                self._amavis = Some(amavis);
            }
        }
        for node in &mut self._nodes {
            if node.process.name() != SINK {
                node.until_ready().await;
            }
        }
        if let Some(clamd) = &self._clamd {
            self.roles.push(Role { name: "clamd", pid: clamd.process().id() });
        }
    }

    /// Starts a role and returns where it listens, when it does.
    async fn node(&mut self, role: &'static str, args: &[&str], directory: &Path) -> String {
        let admin: &[&str] = if role == SINK { &[] } else { &["--admin", "127.0.0.1:0"] };
        let args: Vec<String> = [&[role], args, admin].concat().into_iter().map(str::to_owned).collect();
        let node = Node::start(role, &args, directory).await;
        let listens = matches!(role, "standalone" | "ingress");
        let endpoint = if listens { node.endpoint("lmtp") } else { String::new() };
        self.roles.push(Role { name: role, pid: node.process.id() });
        self._nodes.push(node);
        endpoint
    }
}

/// Where clamd and amavisd-new have their temporary files: in memory, as their operators are told to have them.
pub(crate) fn temporary() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

fn scan_flags(checks: Checks, clamd: Option<&str>) -> Vec<&str> {
    match (checks, clamd) {
        (Checks::ClamdAndAttachments, Some(clamd)) => vec!["--clamd", clamd],
        (Checks::ClamdAndAttachments | Checks::None, _) => vec!["--set", "attachments.enabled=false"],
    }
}

/// amavisd runs as a user of its own and must reach the sink's socket.
fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("chmod");
}
