//! Links that go silent: nothing gets through, and nobody is told. Healed once the first attempt has been answered.

use std::sync::Arc;
use std::time::Duration;

use harness::checker::{History, What};
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::link::Link;
use harness::nats::Nats;
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script};
use harness::system::{Builder, Mode, Role};
use harness::wait::eventually;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::row::{Outcome, Row};
use crate::world::{IMPATIENT, MAIL, PATIENT, World};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new("F38a", "ingress to NATS silent during the scan", &["451"], || Box::pin(ingress_cut_off())),
        Row::new("F38b", "worker to NATS silent during the scan", &["250"], || Box::pin(worker_cut_off())),
        Row::new("F38c", "egress to NATS silent at the dot", &["250"], || Box::pin(egress_cut_off()))
            .extra(2),
    ];
    for (mode, name) in [(Mode::Distributed, "distributed"), (Mode::Standalone, "standalone")] {
        let letter = if mode == Mode::Distributed { 'd' } else { 's' };
        let row = |id: &str, what: &str, run: Box<dyn Fn() -> _ + Send>| {
            Row::new(&format!("F38{id}-{letter}"), &format!("{what}, {name}"), &["451"], run)
        };
        rows.push(row("d", "clamd silent during the scan", Box::new(move || Box::pin(clamd_silent(mode)))));
        rows.push(row(
            "e",
            "next hop silent before the dot",
            Box::new(move || Box::pin(hop_silent(mode, Phase::Data))),
        ));
        rows.push(
            row(
                "f",
                "next hop silent after the dot",
                Box::new(move || Box::pin(hop_silent(mode, Phase::Dot))),
            )
            .extra(2),
        );
    }
    rows
}

/// A mail whose scan waits for the gate.
struct Held {
    gate: Gate,
    clamd: FakeClamd,
}

impl Held {
    async fn new() -> Self {
        let gate = Gate::new();
        let clamd = FakeClamd::start(Behaviour::CleanBehind(gate.clone())).await;
        Self { gate, clamd }
    }
}

fn send(world: &World) -> JoinSet<bool> {
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    sending
}

async fn answered(history: &Arc<History>) {
    eventually("the first attempt is answered", async || {
        let is_answer = |what: &What| !matches!(what, What::Invoke { .. });
        history.events().iter().any(|event| event.mail == MAIL && is_answer(&event.what)).then_some(())
    })
    .await;
}

async fn end(mut world: World, sending: JoinSet<bool>, fault: Instant) -> Outcome {
    let normal_after = world.normal_since(fault).await;
    end_at(world, sending, normal_after).await
}

async fn end_at(world: World, sending: JoinSet<bool>, normal_after: Duration) -> Outcome {
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    world.finish(normal_after).await
}

async fn ingress_cut_off() -> Outcome {
    let (nats, held) = (Nats::start().await, Held::new().await);
    let link = Link::to(nats.address()).await;
    let set = |builder: Builder| {
        let builder = builder.configuration(IMPATIENT).clamd(held.clamd.endpoint());
        builder.nats_of_first(Role::Ingress, &format!("nats://{}", link.endpoint()))
    };
    let world = World::over(&nats, World::hop().await, set).await;
    let sending = send(&world);
    held.clamd.streams(1).await;
    let fault = Instant::now();
    link.go_silent();
    held.gate.open();
    held.clamd.behave(Behaviour::Clean);
    world.hop.mails(1).await;
    answered(&world.mta.history).await;
    link.speak();
    end(world, sending, fault).await
}

async fn worker_cut_off() -> Outcome {
    let (nats, held) = (Nats::start().await, Held::new().await);
    let link = Link::to(nats.address()).await;
    let set = |builder: Builder| {
        let builder = builder.configuration(PATIENT).clamd(held.clamd.endpoint());
        builder.nats_of_first(Role::Worker, &format!("nats://{}", link.endpoint()))
    };
    let mut world = World::over(&nats, World::hop().await, set).await;
    let sending = send(&world);
    held.clamd.streams(1).await;
    let fault = Instant::now();
    link.go_silent();
    held.clamd.behave(Behaviour::Clean);
    held.gate.open();
    world.system.add(Role::Worker).await;
    answered(&world.mta.history).await;
    // What it still has to say comes too late.
    link.speak();
    let normal_after = world.normal_since(fault).await;
    world.system.take(Role::Worker).process.terminate().await;
    end_at(world, sending, normal_after).await
}

async fn egress_cut_off() -> Outcome {
    let nats = Nats::start().await;
    let link = Link::to(nats.address()).await;
    let (gate, script) = (Gate::new(), Script::new(Protocol::Smtp).lenient());
    let hop = NextHop::start(script.clone().rule(Phase::Dot, "", Reaction::Behind(gate.clone()))).await;
    let set = |builder: Builder| {
        let url = format!("nats://{}", link.endpoint());
        builder.configuration(PATIENT).nats_of_first(Role::Egress, &url)
    };
    let mut world = World::over(&nats, hop, set).await;
    let sending = send(&world);
    world.hop.mails(1).await;
    let fault = Instant::now();
    link.go_silent();
    world.hop.follow(script);
    gate.open();
    world.system.add(Role::Egress).await;
    answered(&world.mta.history).await;
    link.speak();
    let normal_after = world.normal_since(fault).await;
    world.system.take(Role::Egress).process.terminate().await;
    end_at(world, sending, normal_after).await
}

async fn clamd_silent(mode: Mode) -> Outcome {
    let held = Held::new().await;
    let link = Link::to(held.clamd.endpoint()).await;
    let quick = "[clamd]\nconnect_timeout = \"1s\"\ntotal_timeout = \"2s\"\n";
    let set = |builder: Builder| builder.configuration(PATIENT).configuration(quick).clamd(link.endpoint());
    let world = World::start(mode, set).await;
    let sending = send(&world);
    held.clamd.streams(1).await;
    let fault = Instant::now();
    link.go_silent();
    held.clamd.behave(Behaviour::Clean);
    held.gate.open();
    answered(&world.mta.history).await;
    link.speak();
    end(world, sending, fault).await
}

async fn hop_silent(mode: Mode, phase: Phase) -> Outcome {
    let (gate, script) = (Gate::new(), Script::new(Protocol::Smtp).lenient());
    let hop = NextHop::start(script.clone().rule(phase, "", Reaction::Behind(gate.clone()))).await;
    let link = Link::to(hop.endpoint()).await;
    let quick =
        "[egress.timeouts]\ngreeting = \"1s\"\nehlo = \"1s\"\nmail = \"1s\"\nrcpt = \"1s\"\ndata = \"1s\"\n";
    let set =
        |builder: Builder| builder.configuration(IMPATIENT).configuration(quick).next_hop(link.endpoint());
    let world = World::before(hop, mode, set).await;
    let sending = send(&world);
    match phase {
        Phase::Dot => drop(world.hop.mails(1).await),
        _ => {
            let is_data = |command: &String| command == "DATA";
            world.hop.until("DATA", |seen| seen.commands.iter().any(is_data).then_some(())).await;
        }
    }
    let fault = Instant::now();
    link.go_silent();
    world.hop.follow(script);
    gate.open();
    answered(&world.mta.history).await;
    link.speak();
    end(world, sending, fault).await
}
