//! Workers come, go and die; the client sees at most delay.

use std::time::Duration;

use harness::client::{Client, dot_stuffed};
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::machine::{heavy, light};
use harness::mails::{TestMail, added_fields};
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script};
use harness::process::Process;
use harness::smtp_source;
use harness::system::{Mode, System};
use rustix::process::Signal;
use tokio::task::JoinSet;

/// A dead worker's mails are somebody else's after a second.
const SHORT: &str = "[bus]\nack_wait = \"1s\"\n";

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
        let copy = got.iter().find(|got| got.content.ends_with(&mail.content)).unwrap();
        added_fields(&mail.content, &copy.content);
    }
}

#[tokio::test]
async fn a_paused_worker_that_wakes_up_does_no_harm() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let gate = Gate::new();
    let clamd = FakeClamd::start(Behaviour::CleanBehind(gate.clone())).await;
    let mut system = System::build(Mode::Distributed, &hop.target())
        .clamd(clamd.endpoint())
        .configuration(SHORT)
        .start()
        .await;
    let mail = TestMail::new();
    let mut client = Client::lmtp(&system.lmtp).await;
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    clamd.streams(1).await;
    clamd.behave(Behaviour::Clean);
    let mut paused = system.take_worker();
    paused.process.signal(Signal::STOP);
    system.add_worker().await;
    client.expect("250 2.0.0 *").await;
    // Its scan ends now, and whatever it has to say comes too late.
    gate.open();
    paused.process.signal(Signal::CONT);
    paused.process.terminate().await;
    client.submit_expecting(&TestMail::new(), "250 2.0.0 *").await;
    let copies = hop.mails(2).await;
    assert_eq!(copies.len(), 2, "one copy each");
    added_fields(&mail.content, &copies[0].content);
}

#[tokio::test]
async fn an_egress_killed_before_the_dot_costs_only_time() {
    let _place = light().await;
    let script = Script::new(Protocol::Smtp);
    let hop = NextHop::start(script.clone().rule(Phase::Data, "", Reaction::Never)).await;
    let mut system = System::build(Mode::Distributed, &hop.target()).configuration(SHORT).start().await;
    let mail = TestMail::new();
    let mut client = Client::lmtp(&system.lmtp).await;
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    let is_data = |command: &&String| command.as_str() == "DATA";
    hop.until("DATA", |seen| seen.commands.iter().find(is_data).cloned()).await;
    hop.follow(script);
    system.egress().process.kill();
    drop(system.replace_egress().await);
    client.expect("250 2.0.0 *").await;
    added_fields(&mail.content, &hop.only_mail().await.content);
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
    let mut complaints = String::new();
    for step in 1..=4 {
        tokio::select! {
            biased;
            _ = hop.mails(step * MAILS / 5) => {}
            status = source.ended() => assert!(status.success(), "{}\n{complaints}", source.log_tail()),
        }
        system.add_worker().await;
        let mut drained = system.take_worker();
        let status = drained.process.terminate().await;
        assert!(status.success(), "a drained worker ended with {status}\n{}", drained.process.log_tail());
        complaints.push_str(&complaints_of(&drained.process));
    }
    let status = source.ended_within(Duration::from_secs(120)).await;
    assert!(status.success(), "{}\n{complaints}", source.log_tail());
    assert_eq!(hop.mails(MAILS).await.len(), MAILS, "one copy each");
}

/// What a process warned of: why a mail was refused, where one was.
fn complaints_of(process: &Process) -> String {
    let log = process.log();
    let complaints = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
    complaints.flat_map(|line| [process.name(), ": ", line, "\n"]).collect()
}

#[tokio::test]
async fn an_egress_is_replaced_under_load() {
    const MAILS: usize = 1_000;
    let _machine = heavy().await;
    let hop = NextHop::smtp().await;
    let mut system = System::build(Mode::Distributed, &hop.target()).configuration(SHORT).start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut source = smtp_source::start(&system.lmtp, 20, MAILS, directory.path());
    hop.mails(MAILS / 3).await;
    let mut drained = system.replace_egress().await;
    let status = drained.process.terminate().await;
    assert!(status.success(), "a drained egress ended with {status}\n{}", drained.process.log_tail());
    let status = source.ended_within(Duration::from_secs(120)).await;
    assert!(status.success(), "{}", source.log_tail());
    assert_eq!(hop.mails(MAILS).await.len(), MAILS, "one copy each");
}

#[tokio::test]
async fn without_a_worker_the_client_is_answered_at_the_deadline() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let impatient = "[ingress]\nreply_deadline = \"4s\"\n";
    let system =
        System::build(Mode::Distributed, &hop.target()).configuration(impatient).workers(0).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new().to(&["<a@example.net>", "<b@example.net>"]), "451 4.*").await;
    client.command("NOOP", "250 *").await;
    assert!(hop.seen().mails.is_empty());
}
