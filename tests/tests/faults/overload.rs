//! More than can be done: the excess is refused before its content travels, and nothing collapses.

use std::time::Duration;

use harness::checker::{Event, Load, Mails, Patience, What};
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::system::{Builder, Mode, Role};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::row::{Outcome, Row};
use crate::world::{IMPATIENT, PATIENT, World};

/// What one scan takes, and how many run at a time: 40 mails a second, whatever the machine.
const SCAN: Duration = Duration::from_millis(100);
const SLOTS: &str = "[worker]\nslots_small = 4\nslots_medium = 2\nslots_large = 1\n";
/// Between two mails of a client.
const AT_ONCE: Duration = Duration::ZERO;
const PHASE: Duration = Duration::from_secs(4);
/// Clients that do not wait for one another: as many as there are places before MAIL is refused, and ten times that.
const CAPACITY: u32 = 8;
const BURST: u32 = 120;
/// Of which this part is done at least.
const GOODPUT_MIN: f64 = 0.8;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::new("F42", "burst far beyond capacity", &["451 before the content"], || Box::pin(burst()))
            .heavy(),
        Row::new("F43", "all deferred mails retried at once", &["451"], || Box::pin(storm())).heavy(),
        Row::new("F44", "large mails beyond the memory", &["451 before the content"], || Box::pin(large()))
            .heavy(),
        Row::new("F45", "a stream of large mails beside small ones", &["250"], || Box::pin(beside())).heavy(),
    ]
}

fn is_yes(event: &Event) -> bool {
    matches!(event.what, What::Answer { code: 250, .. })
}

/// Answers of 250 in each second between two times of the log.
fn goodput(events: &[Event], from: Duration, to: Duration) -> f64 {
    let count = events.iter().filter(|event| is_yes(event) && (from..to).contains(&event.at)).count();
    count as f64 / (to - from).as_secs_f64()
}

/// What those who were turned away have seen.
fn refusals(events: &[Event]) -> String {
    let mut texts: Vec<&str> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Answer { code, text, .. } if *code != 250 => Some(text.as_str()),
            What::Answer { .. } | What::Invoke { .. } => None,
            What::Info(_) => Some("no answer"),
        })
        .collect();
    texts.sort_unstable();
    texts.dedup();
    match texts[..] {
        [] => "250".to_owned(),
        _ if texts.iter().all(|text| text.starts_with("451 4.3.2")) => "451 before the content".to_owned(),
        _ => texts.join(", "),
    }
}

async fn burst() -> Outcome {
    let clamd = FakeClamd::start(Behaviour::CleanAfter { base: SCAN, each_mib: Duration::ZERO }).await;
    let few = "transactions_max = 40\n";
    let set =
        |b: Builder| b.configuration(PATIENT).configuration(few).configuration(SLOTS).clamd(clamd.endpoint());
    let mut world = World::start(Mode::Distributed, set).await;
    world.send(Mails { recipients_max: 1, ..Mails::small() });
    let history = world.mta.history.clone();
    let before = history.now();
    assert_eq!(Load::start(&world.mta, 1..=CAPACITY, AT_ONCE).last(PHASE).await, 0);
    let during = history.now();
    assert_eq!(Load::start(&world.mta, 101..=100 + BURST, AT_ONCE).last(PHASE).await, 0);
    let (after, fault) = (history.now(), Instant::now());
    let normal_after = world.normal_since(fault).await;
    let again = history.now();
    assert_eq!(Load::start(&world.mta, 301..=300 + CAPACITY, AT_ONCE).last(PHASE).await, 0);
    let events = history.events();
    let usual = goodput(&events, before, during);
    for (name, rate) in [
        ("during", goodput(&events, during, during + PHASE)),
        ("after", goodput(&events, again, again + PHASE)),
    ] {
        assert!(
            rate >= GOODPUT_MIN * usual,
            "{rate:.1}/s {name} the burst, {usual:.1}/s before; it took until {after:?}"
        );
    }
    let saw = refusals(&events);
    Outcome { saw, ..world.finish(normal_after).await }
}

async fn storm() -> Outcome {
    const MAILS: u32 = 300;
    let set = |b: Builder| b.configuration(IMPATIENT).workers(0);
    let mut world = World::start(Mode::Distributed, set).await;
    // They all come again at the same moment.
    world.mta.patience = Patience { pause: Duration::from_secs(2), ..Patience::default() };
    let mut senders = JoinSet::new();
    for client in 1..=MAILS {
        let mut sender = world.mta.sender(client);
        senders.spawn(async move { sender.deliver(1).await });
    }
    let history = world.mta.history.clone();
    let is_no = |event: &Event| matches!(event.what, What::Answer { .. });
    harness::wait::eventually("all are deferred", async || {
        // Each has two recipients.
        (history.events().iter().filter(|event| is_no(event)).count() >= 2 * MAILS as usize).then_some(())
    })
    .await;
    let fault = Instant::now();
    world.system.add(Role::Worker).await;
    assert!(senders.join_all().await.into_iter().all(|answered| answered), "no final answer");
    let normal_after = world.normal_since(fault).await;
    world.finish(normal_after).await
}

async fn large() -> Outcome {
    const BYTES: usize = 8 * 1024 * 1024;
    const MEMORY_KIB_MAX: u64 = 300 * 1024;
    let cap = "in_flight_bytes_max = \"25 MiB\"\nsize_bytes_max = \"10 MiB\"\n";
    let set = |b: Builder| b.configuration(PATIENT).configuration(cap);
    let mut world = World::start(Mode::Distributed, set).await;
    world.send(Mails { large: |id| id.number == 1, large_bytes: BYTES, recipients_max: 1, ..Mails::small() });
    let fault = Instant::now();
    let mut senders = JoinSet::new();
    for client in 1..=10 {
        let mut sender = world.mta.sender(client);
        senders.spawn(async move { sender.deliver(1).await });
    }
    assert!(senders.join_all().await.into_iter().all(|answered| answered), "no final answer");
    let peak = world.system.ingress().process.memory_peak_kib();
    assert!(peak < MEMORY_KIB_MAX, "the ingress had {peak} KiB");
    let normal_after = world.normal_since(fault).await;
    let saw = refusals(&world.mta.history.events());
    Outcome { saw, ..world.finish(normal_after).await }
}

async fn beside() -> Outcome {
    const BYTES: usize = 2 * 1024 * 1024;
    const SMALL: u32 = 4;
    let each_mib = Duration::from_secs(1);
    let clamd = FakeClamd::start(Behaviour::CleanAfter { base: SCAN, each_mib }).await;
    let set = |b: Builder| b.configuration(PATIENT).configuration(SLOTS).clamd(clamd.endpoint());
    let mut world = World::start(Mode::Distributed, set).await;
    world.send(Mails { large: |id| (51..=54).contains(&id.client), large_bytes: BYTES, ..Mails::small() });
    let history = world.mta.history.clone();
    assert_eq!(Load::start(&world.mta, 1..=SMALL, AT_ONCE).last(PHASE).await, 0);
    let fault = Instant::now();
    let streams = Load::start(&world.mta, 51..=54, AT_ONCE);
    assert_eq!(Load::start(&world.mta, 11..=10 + SMALL, AT_ONCE).last(PHASE).await, 0);
    assert_eq!(streams.end().await, 0);
    let (alone, beside) =
        (slowest(&history.events(), 1..=SMALL), slowest(&history.events(), 11..=10 + SMALL));
    assert!(
        beside <= alone * 2 + Duration::from_millis(250),
        "99 of 100 small mails took {alone:?} alone and {beside:?} beside large ones"
    );
    let normal_after = world.normal_since(fault).await;
    let saw = refusals(&history.events());
    Outcome { saw, ..world.finish(normal_after).await }
}

/// The 99th percentile of the time from an attempt to its answer.
fn slowest(events: &[Event], clients: std::ops::RangeInclusive<u32>) -> Duration {
    let mut begun = std::collections::HashMap::new();
    let mut times = Vec::new();
    for event in events.iter().filter(|event| clients.contains(&event.mail.client)) {
        match event.what {
            What::Invoke { .. } => drop(begun.insert(event.mail, event.at)),
            What::Answer { .. } => times.extend(begun.get(&event.mail).map(|begun| event.at - *begun)),
            What::Info(_) => {}
        }
    }
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}
