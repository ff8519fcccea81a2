//! Clients that go away, and an ingress that goes away from them.

use std::sync::Arc;

use harness::checker::{MailId, Mta, What};
use harness::client::{Client, dot_stuffed};
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script, Seen};
use harness::system::Mode;
use harness::wait::eventually;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::row::{Outcome, Row};
use crate::world::{MAIL, PATIENT, World};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (mode, name) in [(Mode::Distributed, "distributed"), (Mode::Standalone, "standalone")] {
        let letter = if mode == Mode::Distributed { 'a' } else { 'b' };
        let mut row = |id: &str, what: &str, saw, run: Box<dyn Fn() -> _ + Send>| {
            rows.push(Row::new(&format!("{id}{letter}"), &format!("{what}, {name}"), saw, run));
        };
        row("F01", "client drops inside DATA", &["250"], Box::new(move || Box::pin(drops_inside_data(mode))));
        row(
            "F02",
            "client drops after the dot, before the reply",
            &["250"],
            Box::new(move || Box::pin(drops_after_the_dot(mode, true))),
        );
        row(
            "F02-no-ident-",
            "client without IDENT drops after the dot, before the reply",
            &["250"],
            Box::new(move || Box::pin(drops_after_the_dot(mode, false))),
        );
        row(
            "F03",
            "client silent inside DATA",
            &["250"],
            Box::new(move || Box::pin(silent_inside_data(mode))),
        );
        row(
            "F04",
            "kill -9 while the content is received",
            &["250"],
            Box::new(move || Box::pin(killed_while_receiving(mode))),
        );
    }
    rows.push(Row::new(
        "F07a",
        "kill -9 between two recipients' replies, distributed",
        &["250 lost"],
        || Box::pin(killed_between_replies(Mode::Distributed)),
    ));
    // It holds the first reply back until both are recorded, so this is at the dot.
    let what = "kill -9 between the next hop's replies for two recipients, standalone";
    rows.push(
        Row::new("F07b", what, &["lost"], || Box::pin(killed_between_replies(Mode::Standalone))).extra(2),
    );
    rows
}

/// Says everything as far as 354.
async fn begin(endpoint: &str, mta: &Mta, id: MailId) -> Client {
    let mut client = Client::lmtp(endpoint).await;
    if mta.ident {
        client.command(&format!("XFORWARD IDENT={} SOURCE=REMOTE", mta.mails.ident(id)), "250 *").await;
    }
    client.command(&format!("MAIL FROM:<{id}@check.example.org>"), "250 *").await;
    for recipient in 0..mta.mails.recipients(id) {
        client.command(&format!("RCPT TO:<{}>", id.to(recipient).address()), "250 *").await;
    }
    client.command("DATA", "354 *").await;
    client
}

fn half(content: &[u8]) -> &[u8] {
    &content[..content.len() / 2]
}

async fn drops_inside_data(mode: Mode) -> Outcome {
    let mut world = World::start(mode, |builder| builder.configuration(PATIENT)).await;
    let mut client = begin(&world.system.lmtp, &world.mta, MAIL).await;
    client.send_raw(half(&world.mta.mails.content(MAIL))).await;
    let fault = Instant::now();
    drop(client);
    let normal_after = world.normal_since(fault).await;
    assert!(world.mta.sender(MAIL.client).deliver(MAIL.number).await);
    world.finish(normal_after).await
}

async fn drops_after_the_dot(mode: Mode, ident: bool) -> Outcome {
    let gate = Gate::new();
    let clamd = FakeClamd::start(Behaviour::CleanBehind(gate.clone())).await;
    let mut world =
        World::start(mode, |builder| builder.configuration(PATIENT).clamd(clamd.endpoint())).await;
    world.mta.ident = ident;
    let mut client = begin(&world.system.lmtp, &world.mta, MAIL).await;
    client.send_raw(&dot_stuffed(&world.mta.mails.content(MAIL))).await;
    clamd.streams(1).await;
    clamd.behave(Behaviour::Clean);
    let fault = Instant::now();
    drop(client);
    let normal_after = world.normal_since(fault).await;
    if mode == Mode::Distributed && !ident {
        // Its retry cannot be known. From here on the first one is forbidden; before, both might be delivered.
        eventually("the first is given up", async || {
            (world.counted("mailweir_bus_ledger_aborts_total").await > 0).then_some(())
        })
        .await;
    }
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    let history = world.mta.history.clone();
    eventually("the retry has begun", async || {
        history.events().iter().any(|event| event.mail == MAIL).then_some(())
    })
    .await;
    gate.open();
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    world.finish(normal_after).await
}

async fn silent_inside_data(mode: Mode) -> Outcome {
    let stall = "[ingress]\nreply_deadline = \"15s\"\nreply_grace = \"8s\"\ndata_stall = \"1s\"\n";
    let mut world = World::start(mode, |builder| builder.configuration(stall)).await;
    let mut client = begin(&world.system.lmtp, &world.mta, MAIL).await;
    client.send_raw(half(&world.mta.mails.content(MAIL))).await;
    let fault = Instant::now();
    client.expect("421 *").await;
    client.expect_closed().await;
    let normal_after = world.normal_since(fault).await;
    assert!(world.mta.sender(MAIL.client).deliver(MAIL.number).await);
    world.finish(normal_after).await
}

async fn killed_while_receiving(mode: Mode) -> Outcome {
    let mut world = World::start(mode, |builder| builder.configuration(PATIENT)).await;
    let mut client = begin(&world.system.lmtp, &world.mta, MAIL).await;
    client.send_raw(half(&world.mta.mails.content(MAIL))).await;
    let fault = Instant::now();
    world.system.ingress().restart().await;
    client.expect_closed().await;
    let normal_after = world.normal_since(fault).await;
    assert!(world.mta.sender(MAIL.client).deliver(MAIL.number).await);
    world.finish(normal_after).await
}

/// The next hop answers for the first recipient, and for the second only once the ingress is dead.
async fn killed_between_replies(mode: Mode) -> Outcome {
    let gate = Gate::new();
    let script = Script::new(Protocol::Lmtp).lenient();
    let second = MAIL.to(1).address();
    let held = script.clone().rule(Phase::Dot, &second, Reaction::Behind(gate.clone()));
    let hop = NextHop::start(held).await;
    let mut world = World::before(hop, mode, |builder| builder.configuration(PATIENT)).await;
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    let history = Arc::clone(&world.mta.history);
    match mode {
        Mode::Distributed => {
            eventually("the first recipient is answered", async || {
                let is_answer = |what: &What| matches!(what, What::Answer { code: 250, .. });
                history
                    .events()
                    .iter()
                    .any(|event| event.mail == MAIL && is_answer(&event.what))
                    .then_some(())
            })
            .await;
        }
        Mode::Standalone => {
            let is_half = |seen: &Seen| seen.mails.iter().any(|mail| mail.replies.len() == 1).then_some(());
            world.hop.until("the first recipient is answered", is_half).await;
        }
    }
    let fault = Instant::now();
    world.system.ingress().restart().await;
    gate.open();
    let normal_after = world.normal_since(fault).await;
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    world.finish(normal_after).await
}
