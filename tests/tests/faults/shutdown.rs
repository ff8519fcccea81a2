//! Processes that are asked to end: all of them in turn under load, and one that is killed because it takes too long.

use std::time::Duration;

use harness::checker::{Load, Mta, What, Why};
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script};
use harness::system::{Builder, Mode, Role};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::row::{Outcome, Row};
use crate::world::{MAIL, PATIENT, World};

/// Clients under which processes come and go.
const SENDERS: u32 = 6;
/// Mails that must arrive between two steps.
const MAILS_BETWEEN: usize = 40;
/// How long an impatient operator waits for an end before he kills.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) fn rows() -> Vec<Row> {
    let late =
        |id: &str, what: &str, role, saw, run: fn(Role) -> _| Row::new(id, what, saw, move || run(role));
    vec![
        Row::new("F39", "SIGTERM of each process in turn under load, restarted", &["no failure"], || {
            Box::pin(rolling())
        })
        .heavy(),
        late("F40a", "ingress SIGTERM, kill -9 a second later", Role::Ingress, &["lost"], |role| {
            Box::pin(killed_while_ending(role))
        }),
        late("F40b", "worker SIGTERM, kill -9 a second later", Role::Worker, &["250"], |role| {
            Box::pin(killed_while_ending(role))
        }),
        late("F40c", "egress at the dot SIGTERM, kill -9 a second later", Role::Egress, &["250"], |role| {
            Box::pin(killed_while_ending(role))
        })
        .extra(2),
    ]
}

async fn rolling() -> Outcome {
    let set = |builder: Builder| builder.configuration(PATIENT).ingresses(2).workers(2).egresses(2);
    let mut world = World::start(Mode::Distributed, set).await;
    let load = Load::start(&world.mta, 1..=SENDERS, Duration::ZERO);
    let mut fault = Instant::now();
    for role in [Role::Ingress, Role::Worker, Role::Egress] {
        for index in 0..2 {
            goes_on(&world.hop).await;
            let node = world.system.node(role, index);
            let status = node.process.terminate().await;
            assert!(status.success(), "{status}\n{}", node.process.log_tail());
            fault = Instant::now();
            node.restart().await;
            node.until_ready().await;
        }
    }
    goes_on(&world.hop).await;
    assert_eq!(load.end().await, 0, "mails without a final answer");
    let normal_after = world.normal_since(fault).await;
    let saw = failures(&world.mta);
    Outcome { saw, ..world.finish(normal_after).await }
}

/// Waits until more mails have arrived.
async fn goes_on(hop: &NextHop) {
    hop.mails(hop.seen().mails.len() + MAILS_BETWEEN).await;
}

/// Attempts that ended without an answer; being turned away with 451, or at a closed port, is none.
fn failures(mta: &Mta) -> String {
    let is_failure = |what: &What| matches!(what, What::Info(Why::Lost | Why::TimedOut));
    let events = mta.history.events();
    let failed: Vec<String> = events
        .iter()
        .filter(|event| is_failure(&event.what))
        .map(|event| format!("{} #{} {:?}", event.mail, event.attempt, event.what))
        .collect();
    if failed.is_empty() { "no failure".to_owned() } else { failed.join(", ") }
}

/// The mail is held at the step that belongs to the role, so that its process cannot end.
async fn killed_while_ending(role: Role) -> Outcome {
    let (gate, script) = (Gate::new(), Script::new(Protocol::Smtp).lenient());
    let held = script.clone().rule(Phase::Dot, "", Reaction::Behind(gate.clone()));
    let hop = NextHop::start(if role == Role::Egress { held } else { script.clone() }).await;
    let clean = if role == Role::Egress { Behaviour::Clean } else { Behaviour::CleanBehind(gate.clone()) };
    let clamd = FakeClamd::start(clean).await;
    let set = |builder: Builder| builder.configuration(PATIENT).clamd(clamd.endpoint());
    let mut world = World::before(hop, Mode::Distributed, set).await;
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    match role {
        Role::Egress => drop(world.hop.mails(1).await),
        Role::Ingress | Role::Worker => clamd.streams(1).await,
    }
    let fault = Instant::now();
    let node = world.system.node(role, 0);
    node.process.signal(Signal::TERM);
    sleep(GRACE).await;
    assert!(
        node.process.status().is_none(),
        "it has ended although it had work\n{}",
        node.process.log_tail()
    );
    node.restart().await;
    clamd.behave(Behaviour::Clean);
    world.hop.follow(script);
    gate.open();
    let normal_after = world.normal_since(fault).await;
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    world.finish(normal_after).await
}
