//! SIGTERM: what has begun is finished, nothing new is begun, and the process ends by itself.

use harness::client::{Client, dot_stuffed};
use harness::mails::TestMail;
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script};
use harness::system::{Mode, System};
use harness::wait::eventually;
use rustix::process::Signal;

in_both_modes! {
    light;
    a_drain_finishes_the_mail_that_waits_for_the_next_hop,
    a_drain_finishes_the_mail_whose_content_is_still_coming,
    a_drain_without_mails_ends_at_once,
}

/// Sends SIGTERM and waits until new transactions are refused on `bystander`, an idle session.
async fn terminate(system: &mut System, bystander: &mut Client) {
    system.ingress().process.signal(Signal::TERM);
    // A signal has no event; that MAIL is refused is how a client notices.
    eventually("MAIL is refused", async || {
        bystander.send_line("MAIL FROM:<>").await;
        let reply = bystander.expect("*").await;
        if reply.code() == 250 {
            bystander.command("RSET", "250 *").await;
            return None;
        }
        assert!(reply.last().starts_with("451 4.3.2 "), "{}", reply.last());
        Some(())
    })
    .await;
}

async fn a_drain_finishes_the_mail_that_waits_for_the_next_hop(mode: Mode) {
    let gate = Gate::new();
    let script = Script::new(Protocol::Smtp).rule(Phase::Dot, "", Reaction::Behind(gate.clone()));
    let hop = NextHop::start(script).await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let mut bystander = Client::lmtp(&system.lmtp).await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mail = TestMail::new();
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    hop.mails(1).await;
    terminate(&mut system, &mut bystander).await;
    gate.open();
    client.expect("250 2.0.0 *").await;
    assert!(system.ingress().process.ended().await.success());
    hop.only_mail().await;
}

async fn a_drain_finishes_the_mail_whose_content_is_still_coming(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let mut bystander = Client::lmtp(&system.lmtp).await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mail = TestMail::new();
    client.begin(&mail).await;
    let wire = dot_stuffed(&mail.content);
    client.send_raw(&wire[..20]).await;
    terminate(&mut system, &mut bystander).await;
    client.send_raw(&wire[20..]).await;
    client.expect("250 2.0.0 *").await;
    assert!(system.ingress().process.ended().await.success());
    hop.only_mail().await;
}

async fn a_drain_without_mails_ends_at_once(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let _idle = Client::lmtp(&system.lmtp).await;
    for process in system.processes() {
        process.signal(Signal::TERM);
    }
    for process in system.processes() {
        let status = process.ended().await;
        assert!(status.success(), "{} ended with {status}", process.name());
    }
}
