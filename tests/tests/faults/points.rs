//! Each role killed and stopped at each of its steps, by the failpoints of debug builds.
//!
//! One mail to two recipients is on its way, and nothing else, so that the allowed copies are exactly its own. A killed
//! process is started again at once, as a supervisor does; beside a stopped one another is started, and once the mail
//! is done the stopped one goes on, says what it still has to say, and is ended.

use std::time::Duration;

use harness::system::{Builder, Mode, Role};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::row::{Outcome, Row};
use crate::world::{MAIL, PATIENT, World};

/// Recipients of the mail, each of whom may get a copy more.
const RECIPIENTS: usize = 2;
/// Of a client whose ingress was stopped.
const SHORT: Duration = Duration::from_secs(4);

#[derive(Clone, Copy)]
struct Case {
    id: &'static str,
    role: Role,
    /// `point=kill` or `point=stop`.
    point: &'static str,
    saw: &'static [&'static str],
    extra_max: usize,
    ingresses: usize,
    mode: Mode,
}

const fn case(id: &'static str, role: Role, point: &'static str, saw: &'static [&'static str]) -> Case {
    Case { id, role, point, saw, extra_max: 0, ingresses: 1, mode: Mode::Distributed }
}

impl Case {
    /// The window that remains: the dot may have been sent, and nothing says so.
    const fn in_the_window(self) -> Self {
        Self { extra_max: RECIPIENTS, ..self }
    }

    const fn two_ingresses(self) -> Self {
        Self { ingresses: 2, ..self }
    }

    const fn standalone(self) -> Self {
        Self { mode: Mode::Standalone, ..self }
    }

    fn what(&self) -> String {
        let who = match (self.mode, self.role, self.ingresses) {
            (Mode::Standalone, ..) => "standalone",
            (_, Role::Ingress, 1) => "ingress",
            (_, Role::Ingress, _) => "one of two ingresses",
            (_, Role::Worker, _) => "worker",
            (_, Role::Egress, _) => "egress",
        };
        let (point, action) = self.point.split_once('=').unwrap();
        let action = if action == "kill" { "kill -9" } else { "SIGSTOP, later SIGCONT" };
        format!("{who} {action} {}", point.replace('_', " "))
    }
}

const SEEN: &[&str] = &["250"];
const LOST: &[&str] = &["lost"];
const TIMEOUT: &[&str] = &["timeout"];

const CASES: [Case; 24] = [
    case("F05a", Role::Ingress, "after_job_stored=kill", LOST),
    case("F05b", Role::Ingress, "after_job_stored=kill", LOST).two_ingresses(),
    case("F05c", Role::Ingress, "after_job_stored=stop", TIMEOUT).two_ingresses(),
    case("F06a", Role::Ingress, "after_outcome=kill", LOST),
    case("F06b", Role::Ingress, "after_outcome=kill", LOST).two_ingresses(),
    case("F06c", Role::Ingress, "after_outcome=stop", TIMEOUT).two_ingresses(),
    case("F08a", Role::Worker, "before_scan=kill", SEEN),
    case("F08b", Role::Worker, "before_verdict=kill", SEEN),
    case("F08c", Role::Worker, "after_verdict=kill", SEEN),
    case("F09a", Role::Worker, "before_scan=stop", SEEN),
    case("F09b", Role::Worker, "before_verdict=stop", SEEN),
    case("F09c", Role::Worker, "after_verdict=stop", SEEN),
    case("F13a", Role::Egress, "before_claim=kill", SEEN),
    case("F13b", Role::Egress, "after_claim=kill", SEEN),
    case("F14a", Role::Egress, "after_dot=kill", SEEN).in_the_window(),
    case("F14b", Role::Egress, "after_record=kill", SEEN),
    case("F15", Role::Egress, "before_claim=stop", SEEN),
    case("F16a", Role::Egress, "after_claim=stop", SEEN).in_the_window(),
    case("F16b", Role::Egress, "after_dot=stop", SEEN).in_the_window(),
    case("F16c", Role::Egress, "after_record=stop", SEEN),
    case("F13c", Role::Egress, "before_claim=kill", LOST).standalone(),
    case("F13d", Role::Egress, "after_claim=kill", LOST).standalone(),
    case("F14c", Role::Egress, "after_dot=kill", LOST).standalone().in_the_window(),
    case("F14d", Role::Egress, "after_record=kill", LOST).standalone(),
];

pub(crate) fn rows() -> Vec<Row> {
    let row = |case: &'static Case| {
        Row::new(case.id, &case.what(), case.saw, move || Box::pin(run(case))).extra(case.extra_max)
    };
    CASES.iter().map(row).collect()
}

async fn run(case: &'static Case) -> Outcome {
    let is_kill = case.point.ends_with("=kill");
    // All of standalone is the process that has the ingress's place.
    let role = if case.mode == Mode::Standalone { Role::Ingress } else { case.role };
    let set = |builder: Builder| {
        builder.configuration(PATIENT).ingresses(case.ingresses).failpoint(role, case.point)
    };
    let mut world = World::start(case.mode, set).await;
    if role == Role::Ingress && !is_kill {
        world.patience(SHORT);
    }
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    let node = world.system.node(role, 0);
    if is_kill {
        node.process.ended().await;
        let fault = Instant::now();
        node.restart().await;
        let normal_after = world.normal_since(fault).await;
        assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
        return world.finish(normal_after).await;
    }
    node.process.stopped().await;
    let fault = Instant::now();
    if role != Role::Ingress {
        world.system.add(role).await;
    }
    let normal_after = world.normal_since(fault).await;
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    let mut stopped = world.system.take(role);
    stopped.process.signal(Signal::CONT);
    stopped.process.terminate().await;
    world.finish(normal_after).await
}
