//! Workers come, go and die; the client sees at most delay.

use std::time::Duration;

use harness::client::{Client, dot_stuffed};
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::machine::{heavy, light};
use harness::mails::{TestMail, added_fields};
use harness::next_hop::{Gate, NextHop};
use harness::smtp_source;
use harness::system::{Mode, System};
use tokio::task::JoinSet;

/// A dead worker's mails are somebody else's after a second; nothing declares a size.
const SHORT: &str = "[bus]\nack_wait = \"1s\"\n[ingress]\nin_flight_bytes_max = \"4GiB\"\n";

#[tokio::test]
async fn a_killed_workers_mails_are_scanned_by_another() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let clamd = FakeClamd::start(Behaviour::CleanBehind(Gate::new())).await;
    let mut system = System::build(Mode::Distributed, &hop.target())
        .clamd(clamd.endpoint())
        .configuration(SHORT)
        .start()
        .await;
    let mails: Vec<TestMail> = (0..3).map(|_| TestMail::new()).collect();
    let mut clients = JoinSet::new();
    for mail in mails.clone() {
        let lmtp = system.lmtp.clone();
        clients.spawn(async move {
            let mut client = Client::lmtp(&lmtp).await;
            client.begin(&mail).await;
            client.send_raw(&dot_stuffed(&mail.content)).await;
            client.expect("250 2.0.0 *").await;
        });
    }
    // All three are being scanned, for ever.
    clamd.streams(3).await;
    clamd.behave(Behaviour::Clean);
    system.take_worker().process.kill();
    system.add_worker().await;
    clients.join_all().await;
    let got = hop.mails(3).await;
    assert_eq!(got.len(), 3, "one copy each");
    for mail in mails {
        let copy = got
            .iter()
            .find(|got| got.content.ends_with(&mail.content))
            .unwrap();
        added_fields(&mail.content, &copy.content);
    }
}

#[tokio::test]
async fn workers_are_added_and_drained_under_load() {
    const MAILS: usize = 2_000;
    let _machine = heavy().await;
    let hop = NextHop::smtp().await;
    let clamd = FakeClamd::start(Behaviour::Clean).await;
    let mut system = System::build(Mode::Distributed, &hop.target())
        .clamd(clamd.endpoint())
        .configuration(SHORT)
        .workers(2)
        .start()
        .await;
    let directory = tempfile::tempdir().unwrap();
    let mut source = smtp_source::start(&system.lmtp, 20, MAILS, directory.path());
    for step in 1..=4 {
        hop.mails(step * MAILS / 5).await;
        system.add_worker().await;
        let mut drained = system.take_worker();
        let status = drained.process.terminate().await;
        assert!(
            status.success(),
            "a drained worker ended with {status}\n{}",
            drained.process.log_tail()
        );
    }
    let status = source.ended_within(Duration::from_secs(120)).await;
    assert!(status.success(), "{}", source.log_tail());
    assert_eq!(hop.mails(MAILS).await.len(), MAILS, "one copy each");
}

#[tokio::test]
async fn an_egress_is_replaced_under_load() {
    const MAILS: usize = 1_000;
    let _machine = heavy().await;
    let hop = NextHop::smtp().await;
    let mut system = System::build(Mode::Distributed, &hop.target())
        .configuration(SHORT)
        .start()
        .await;
    let directory = tempfile::tempdir().unwrap();
    let mut source = smtp_source::start(&system.lmtp, 20, MAILS, directory.path());
    hop.mails(MAILS / 3).await;
    let mut drained = system.replace_egress().await;
    let status = drained.process.terminate().await;
    assert!(
        status.success(),
        "a drained egress ended with {status}\n{}",
        drained.process.log_tail()
    );
    let status = source.ended_within(Duration::from_secs(120)).await;
    assert!(status.success(), "{}", source.log_tail());
    assert_eq!(hop.mails(MAILS).await.len(), MAILS, "one copy each");
}

#[tokio::test]
async fn without_a_worker_the_client_is_answered_at_the_deadline() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let impatient = "[ingress]\nreply_deadline = \"4s\"\n";
    let system = System::build(Mode::Distributed, &hop.target())
        .configuration(impatient)
        .workers(0)
        .start()
        .await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client
        .submit_expecting(
            &TestMail::new().to(&["<a@example.net>", "<b@example.net>"]),
            "451 4.*",
        )
        .await;
    client.command("NOOP", "250 *").await;
    assert!(hop.seen().mails.is_empty());
}
