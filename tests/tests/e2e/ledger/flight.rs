//! One delivery of a mail at a time, which goes on when its client is gone.

use harness::machine::light;
use harness::mails::TestMail;
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script};
use harness::wait::eventually;
use rustix::process::Signal;

use super::{Standalone, copies};

/// Answers at once that the time is up.
const IMPATIENT: [&str; 2] = ["--set", "ingress.reply_deadline=1s"];

/// A next hop that waits in that phase.
async fn waiting(phase: Phase) -> (NextHop, Gate) {
    let gate = Gate::new();
    let script = Script::new(Protocol::Smtp).rule(phase, "", Reaction::Behind(gate.clone()));
    (NextHop::start(script).await, gate)
}

#[tokio::test]
async fn a_retry_joins_the_mail_under_way() {
    let _place = light().await;
    let (hop, gate) = waiting(Phase::Dot).await;
    let state = tempfile::tempdir().unwrap();
    let standalone = Standalone::start("standalone", state.path(), &hop, &[], &[]).await;
    let mail = TestMail::new().to(&["<a@example.net>", "<b@example.net>"]);
    let mut first = standalone.sent("4F", &mail).await;
    hop.mails(1).await;
    let one = TestMail { to: vec!["<b@example.net>".into()], ..mail.clone() };
    let mut retry = standalone.sent("4F", &one).await;
    eventually("the retry has joined", async || {
        (standalone.metric("mailweir_ledger_joined_total").await == 1.0).then_some(())
    })
    .await;
    // Postfix splits a mail to many so; these share nobody, and do not wait.
    let other = TestMail { to: vec!["<c@example.net>".into()], ..mail.clone() };
    let mut apart = standalone.sent("4F", &other).await;
    hop.mails(2).await;
    gate.open();
    first.expect("250 2.0.0 *").await;
    let of_first = first.expect("250 2.0.0 *").await;
    assert_eq!(retry.expect("250 2.0.0 *").await, of_first);
    apart.expect("250 2.0.0 *").await;
    assert_eq!((copies(&hop, &mail), hop.seen().mails.len()), (3, 2));
}

#[tokio::test]
async fn the_client_is_put_off_at_its_deadline_and_its_retry_finds_the_outcome() {
    let _place = light().await;
    let (hop, gate) = waiting(Phase::Mail).await;
    let state = tempfile::tempdir().unwrap();
    let standalone = Standalone::start("standalone", state.path(), &hop, &[], &IMPATIENT).await;
    let mail = TestMail::new();
    let put_off = standalone.submit("4F", &mail).await.unwrap();
    assert_eq!(put_off, "451 4.4.7 no outcome in time, try again later");
    let joined = standalone.submit("4F", &mail).await.unwrap();
    assert_eq!(joined, "451 4.4.7 still under way, try again later");
    gate.open();
    hop.mails(1).await;
    eventually("the mail is done", async || {
        (standalone.metric("mailweir_ledger_in_work").await == 0.0).then_some(())
    })
    .await;
    assert!(standalone.submit("4F", &mail).await.unwrap().starts_with("250 2.0.0 from MTA"));
    assert_eq!(copies(&hop, &mail), 1);
}

#[tokio::test]
async fn a_drain_waits_for_mails_whose_client_is_gone() {
    let _place = light().await;
    let (hop, gate) = waiting(Phase::Mail).await;
    let state = tempfile::tempdir().unwrap();
    let mut standalone = Standalone::start("first", state.path(), &hop, &[], &IMPATIENT).await;
    let mail = TestMail::new();
    assert!(standalone.submit("4F", &mail).await.unwrap().starts_with("451 4.4.7 "));
    standalone.process.signal(Signal::TERM);
    eventually("no mail is taken any more", async || {
        harness::io::connect(&standalone.lmtp).await.is_err().then_some(())
    })
    .await;
    assert!(standalone.process.status().is_none(), "it waits");
    gate.open();
    assert!(standalone.process.ended().await.success(), "{}", standalone.process.log_tail());
    let second = Standalone::start("second", state.path(), &hop, &[], &[]).await;
    assert!(second.submit("4F", &mail).await.unwrap().starts_with("250 2.0.0 from MTA"));
    assert_eq!(copies(&hop, &mail), 1);
}

#[tokio::test]
async fn a_client_that_vanished_finds_its_mail_delivered() {
    let _place = light().await;
    let (hop, gate) = waiting(Phase::Dot).await;
    let state = tempfile::tempdir().unwrap();
    let arguments = ["--set", "ingress.client_loss=cancel"];
    let standalone = Standalone::start("standalone", state.path(), &hop, &[], &arguments).await;
    let mail = TestMail::new();
    let client = standalone.sent("4F", &mail).await;
    hop.mails(1).await;
    drop(client);
    eventually("the loss is noticed", async || {
        standalone.process.log().contains("client lost before it was answered").then_some(())
    })
    .await;
    gate.open();
    assert!(standalone.submit("4F", &mail).await.unwrap().starts_with("250 2.0.0 from MTA"));
    assert_eq!(hop.seen().mails.len(), 1);
}
