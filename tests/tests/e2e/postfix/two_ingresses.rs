//! Postfix hands its mails to two ingresses, and one dies with twenty of them at the final dot.
//!
//! Without an identity that both ingresses know a filter doubles 15 of 20 then: Postfix goes on to the second at once,
//! while what the first has taken is on its way.

use harness::clamd::Clamd;
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::mails::TestMail;
use harness::nats::request::stream_messages;
use harness::next_hop::Gate;
use harness::postfix::{Postfix, PostfixPorts};
use harness::system::{Mode, Role, System};
use harness::wait::eventually;

use super::{assert_delivered_once, fragment, hand_in, mail};

const MAILS: usize = 20;

/// Postfix before and behind all ingresses of a system.
async fn between(system: &System, ports: PostfixPorts) -> Postfix {
    let reinjection = ports.reinjection();
    let main = fragment("main.cf", &system.lmtp, &reinjection);
    let endpoints = system.endpoints();
    // Only the first element takes `inet:`.
    let line = |endpoints: &[String]| format!("content_filter = scan:inet:{}\n", endpoints.join(","));
    assert!(main.contains(&line(&endpoints[..1])), "the fragment names the filter in another way:\n{main}");
    let main = main.replace(&line(&endpoints[..1]), &line(&endpoints));
    let master = fragment("master.cf", &system.lmtp, &reinjection);
    Postfix::start(ports, &main, &master).await
}

/// Number of a metric of an ingress; 0 as long as it was never counted.
async fn metric(system: &mut System, name: &str) -> f64 {
    let text = system.ingress().admin("/metrics").await;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0.0)
}

#[tokio::test]
async fn an_ingress_killed_at_the_dot_doubles_nothing() {
    let _machine = harness::machine::heavy().await;
    let ports = PostfixPorts::new();
    let gate = Gate::new();
    let clamd = FakeClamd::start(Behaviour::CleanBehind(gate.clone())).await;
    let mut system = System::build(Mode::Distributed, &ports.reinjection())
        .clamd(clamd.endpoint())
        .ingresses(2)
        .start()
        .await;
    let postfix = between(&system, ports).await;
    let to = ["<user0@example.net>", "<user1@example.net>", "<user2@example.net>"];
    let mails: Vec<TestMail> = (0..MAILS).map(|_| TestMail::new().to(&to)).collect();
    hand_in(&postfix.entry(), &mails).await;
    let nats = system.nats().address().to_owned();
    eventually("all are published and wait for a scan", async || {
        (stream_messages(&nats, "MAIL").await.ok()? == MAILS as u64).then_some(())
    })
    .await;
    drop(system.take(Role::Ingress));
    eventually("all wait at the second", async || {
        (metric(&mut system, "mailweir_bus_waiting").await >= MAILS as f64).then_some(())
    })
    .await;
    gate.open();
    postfix.until_queue_is_empty().await;
    assert_delivered_once(&postfix, &mails);
    let attached = metric(&mut system, "mailweir_bus_joins_total{end=\"attached\"}").await;
    assert_eq!(attached, MAILS as f64, "they were not joined to what was under way");
}

#[tokio::test]
async fn a_worker_killed_under_load_suspends_nothing() {
    let _machine = harness::machine::heavy().await;
    let ports = PostfixPorts::new();
    let clamd = Clamd::start().await;
    let mut system = System::build(Mode::Distributed, &ports.reinjection())
        .clamd(&clamd.unix())
        .configuration("[bus]\nack_wait = \"1s\"\n")
        .ingresses(2)
        .workers(2)
        .start()
        .await;
    let postfix = between(&system, ports).await;
    let mails: Vec<TestMail> =
        (1..=100).map(|number| mail(if number % 20 == 0 { 1 } else { number })).collect();
    let entry = postfix.entry();
    let handing_in = hand_in(&entry, &mails);
    let killing = async {
        eventually("mails flow", async || (postfix.delivered_count() > 10).then_some(())).await;
        system.take_worker().process.kill();
    };
    tokio::join!(handing_in, killing);
    postfix.until_queue_is_empty().await;
    assert_delivered_once(&postfix, &mails);
    assert!(!postfix.log().contains("suspended"), "Postfix suspended the filter:\n{}", postfix.log());
}
