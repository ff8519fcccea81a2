//! The system under the faults, and what its processes count.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::http;
use harness::link::Link;
use harness::nats::Nats;
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script};
use harness::system::{Mode, System};
use rustix::process::Signal;
use tokio::time::timeout;

use crate::plan::{Fault, Who};

const CONFIGURATION: &str = "\
    [bus]\nack_wait = \"1s\"\nconnect_timeout = \"1s\"\nping_interval = \"1s\"\nrequest_timeout = \"2s\"\n\
    inline_bytes_max = \"64 KiB\"\nchunk_bytes = \"32 KiB\"\njanitor_interval = \"2s\"\njanitor_age = \"30s\"\n\
    [ledger]\nclaim_stale = \"1s\"\nsettle_timeout = \"3s\"\nrun_on = \"20s\"\n\
    [egress]\nretry_pause = \"500ms\"\n\
    [ingress]\nreply_deadline = \"5s\"\nreply_grace = \"8s\"\n";

/// Dots whose reply never came.
const IN_DOUBT: &str = "mailweir_egress_in_doubt_total";
/// Claims without an outcome that were passed.
const AMBIGUOUS: [&str; 2] = ["mailweir_bus_ledger_ambiguous_total", "mailweir_ledger_ambiguous_total"];
/// A paused process answers nobody.
const METRICS_PATIENCE: Duration = Duration::from_secs(1);
const SCAN: Duration = Duration::from_millis(5);

/// How often a second copy was possible, as far as the processes could still tell.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Doubts {
    pub(crate) in_doubt: u64,
    pub(crate) ambiguous: u64,
}

pub(crate) struct Stage {
    pub(crate) hop: NextHop,
    pub(crate) system: System,
    /// The server, and the one way to it.
    queue: Option<(Nats, Link)>,
    clamd: FakeClamd,
    gate: Gate,
    /// By process id.
    doubts: BTreeMap<u32, Doubts>,
}

fn script() -> Script {
    Script::new(Protocol::Smtp).lenient()
}

impl Stage {
    pub(crate) async fn build(mode: Mode) -> Self {
        let hop = NextHop::start(script()).await;
        let clamd = FakeClamd::start(usual_scans()).await;
        let builder = System::build(mode, &hop.target()).configuration(CONFIGURATION).clamd(clamd.endpoint());
        let mut queue = None;
        let builder = match mode {
            Mode::Standalone => builder,
            Mode::Distributed => {
                let nats = Nats::start().await;
                let link = Link::to(nats.address()).await;
                let builder = builder.nats(&format!("nats://{}", link.endpoint()));
                queue = Some((nats, link));
                builder.ingresses(2).workers(2).egresses(2)
            }
        };
        let system = builder.start().await;
        Self { hop, system, queue, clamd, gate: Gate::new(), doubts: BTreeMap::new() }
    }

    /// `HOST:PORT` of the server, where there is one.
    pub(crate) fn nats(&self) -> Option<String> {
        self.queue.as_ref().map(|(nats, _)| nats.address().to_owned())
    }

    /// Lets it happen.
    pub(crate) async fn suffer(&mut self, fault: Fault) {
        let dot = |reaction| script().rule(Phase::Dot, "", reaction);
        match fault {
            Fault::Kill(who) => {
                self.count().await;
                match (who.place(), &mut self.queue) {
                    (Some((role, index)), _) => self.system.node(role, index).process.kill(),
                    (None, Some((nats, link))) => {
                        nats.kill();
                        link.go_down();
                    }
                    (None, None) => {}
                }
            }
            Fault::Pause(who) => self.signal(who, Signal::STOP),
            Fault::CutLink => self.link(Link::cut),
            Fault::SilentLink => self.link(Link::go_silent),
            Fault::HopLate => self.hop.follow(dot(Reaction::Later(Duration::from_millis(1_500)))),
            Fault::HopStalls => self.hop.follow(dot(Reaction::Behind(self.gate.clone()))),
            Fault::HopDefers => self.hop.follow(script().say(Phase::Rcpt, "", "451 4.3.0 not now")),
            Fault::HopDrops => self.hop.follow(dot(Reaction::Drop)),
            Fault::HopTakesAndDrops => self.hop.follow(dot(Reaction::TakeThenDrop)),
            Fault::SlowScans => {
                let base = Duration::from_millis(500);
                self.clamd.behave(Behaviour::CleanAfter { base, each_mib: Duration::ZERO });
            }
        }
    }

    /// Undoes it.
    pub(crate) async fn heal(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(who) => match (who.place(), &mut self.queue) {
                (Some((role, index)), _) => self.system.node(role, index).restart().await,
                (None, Some((nats, link))) => {
                    nats.restart().await;
                    link.lead_to(nats.address());
                }
                (None, None) => {}
            },
            Fault::Pause(who) => self.signal(who, Signal::CONT),
            Fault::CutLink => {}
            Fault::SilentLink => self.link(Link::speak),
            Fault::HopStalls => {
                self.hop.follow(script());
                std::mem::take(&mut self.gate).open();
            }
            Fault::HopLate | Fault::HopDefers | Fault::HopDrops | Fault::HopTakesAndDrops => {
                self.hop.follow(script());
            }
            Fault::SlowScans => self.clamd.behave(usual_scans()),
        }
    }

    fn signal(&mut self, who: Who, signal: Signal) {
        match (who.place(), &self.queue) {
            (Some((role, index)), _) => self.system.node(role, index).process.signal(signal),
            (None, Some((nats, _))) => nats.process().signal(signal),
            (None, None) => {}
        }
    }

    fn link(&self, act: impl FnOnce(&Link)) {
        if let Some((_, link)) = &self.queue {
            act(link);
        }
    }

    /// Keeps what the processes have counted, before some of them forget it; the sum over all that ever ran.
    pub(crate) async fn count(&mut self) -> Doubts {
        let nodes: Vec<_> =
            self.system.nodes().map(|node| (node.process.id(), node.endpoint("admin"))).collect();
        for (id, admin) in nodes {
            if let Ok(Some((200, metrics))) = timeout(METRICS_PATIENCE, http::get(&admin, "/metrics")).await {
                self.doubts.insert(id, doubts_in(&metrics));
            }
        }
        self.doubts.values().fold(Doubts::default(), |sum, one| Doubts {
            in_doubt: sum.in_doubt + one.in_doubt,
            ambiguous: sum.ambiguous + one.ambiguous,
        })
    }
}

fn doubts_in(metrics: &str) -> Doubts {
    let mut doubts = Doubts::default();
    for (name, value) in metrics.lines().filter_map(|line| line.split_once(' ')) {
        let Ok(value) = value.parse::<u64>() else { continue };
        if name == IN_DOUBT {
            doubts.in_doubt += value;
        } else if AMBIGUOUS.contains(&name) {
            doubts.ambiguous += value;
        }
    }
    doubts
}

fn usual_scans() -> Behaviour {
    Behaviour::CleanAfter { base: SCAN, each_mib: Duration::ZERO }
}
