//! Workers that are not there, and mails that kill theirs.

use harness::checker::{Mails, What};
use harness::client::Client;
use harness::system::{Mode, Role, System};
use harness::wait::eventually;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::row::{Outcome, Row};
use crate::world::{IMPATIENT, MAIL, PATIENT, World};

/// Deliveries after which a mail is not looked at any more.
const DELIVERIES: usize = 3;
/// Of the mail for which a worker has no memory.
const LARGE_BYTES: usize = 24 * 1024 * 1024;
/// What it may have beyond what it has already.
const SPARE_BYTES: u64 = 8 * 1024 * 1024;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::new("F10", "all workers dead; one comes back", &["451"], || Box::pin(all_dead())),
        Row::new("F11", "worker killed by the same mail three times", &["451"], || Box::pin(poison())),
        Row::new("F12", "worker without memory for a large mail", &["451", "250"], || Box::pin(no_memory())),
    ]
}

async fn all_dead() -> Outcome {
    let wait = "overload_wait = \"1s\"\n";
    let mut world =
        World::start(Mode::Distributed, |b| b.configuration(IMPATIENT).configuration(wait).workers(0)).await;
    let fault = Instant::now();
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    // Later clients need not even send their content: the mail before them waits for too long.
    eventually("MAIL is refused", async || {
        let mut client = Client::lmtp(&world.system.lmtp).await;
        client.send_line("MAIL FROM:<a@example.org>").await;
        client.expect("*").await.last().starts_with("451 4.3.2").then_some(())
    })
    .await;
    let history = world.mta.history.clone();
    eventually("the first attempt is answered", async || {
        let is_answer = |what: &What| matches!(what, What::Answer { .. });
        history.events().iter().any(|event| event.mail == MAIL && is_answer(&event.what)).then_some(())
    })
    .await;
    world.system.add(Role::Worker).await;
    let normal_after = world.normal_since(fault).await;
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    world.finish(normal_after).await
}

async fn poison() -> Outcome {
    const DEADLY: &str = "before_scan=kill";
    let set =
        |builder: harness::system::Builder| builder.configuration(PATIENT).failpoint(Role::Worker, DEADLY);
    let mut world = World::start(Mode::Distributed, set).await;
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    let mut fault = None;
    for delivery in 1..=DELIVERIES {
        world.system.node(Role::Worker, 0).process.ended().await;
        fault.get_or_insert_with(Instant::now);
        drop(world.system.take(Role::Worker));
        if delivery < DELIVERIES {
            world.system.add_with_failpoint(Role::Worker, DEADLY).await;
        } else {
            world.system.add(Role::Worker).await;
        }
    }
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    assert_eq!(world.counted("mailweir_bus_poisoned_total").await, 1);
    let normal_after = world.normal_since(fault.unwrap()).await;
    world.finish(normal_after).await
}

async fn no_memory() -> Outcome {
    let mut world = World::start(Mode::Distributed, |builder| builder.configuration(PATIENT)).await;
    world.send(Mails { large: |id| id.number == 1, large_bytes: LARGE_BYTES, ..Mails::small() });
    limit_memory(&mut world.system);
    let mut sender = world.mta.sender(MAIL.client);
    let mut sending = JoinSet::new();
    sending.spawn(async move { sender.deliver(MAIL.number).await });
    let mut fault = None;
    for delivery in 1..=DELIVERIES {
        let worker = world.system.node(Role::Worker, 0);
        worker.process.ended().await;
        fault.get_or_insert_with(Instant::now);
        worker.restart().await;
        if delivery < DELIVERIES {
            limit_memory(&mut world.system);
        }
    }
    assert!(sending.join_all().await.into_iter().all(|answered| answered), "no final answer");
    let normal_after = world.normal_since(fault.unwrap()).await;
    world.finish(normal_after).await
}

/// Lets the worker have little more memory of its own than it has. Not its address space: much of that is reserved, and
/// would be used.
fn limit_memory(system: &mut System) {
    let id = system.node(Role::Worker, 0).process.id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    let kib: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    let limit =
        Rlimit { current: Some(kib * 1024 + SPARE_BYTES), maximum: getrlimit(Resource::Data).maximum };
    prlimit(Pid::from_raw(id.cast_signed()), Resource::Data, limit).unwrap();
}
