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

/// Sends SIGTERM and waits until it has come; then nobody can begin a mail any more.
async fn terminate(system: &mut System) {
    // Between two mails a session is ended, which does no harm: mail servers open another one.
    let mut used = Client::lmtp(&system.lmtp).await;
    used.command("MAIL FROM:<>", "250 *").await;
    used.command("RSET", "250 *").await;
    // Before its first mail it is not, since a mail server would take that for a dead filter.
    let mut unused = Client::lmtp(&system.lmtp).await;
    system.ingress().process.signal(Signal::TERM);
    used.expect("421 4.3.2 *").await;
    used.expect_closed().await;
    // One that comes in the very moment may still be let in, and is then finished like the others.
    eventually("MAIL is refused", async || {
        let mut late = Client::lmtp(&system.lmtp).await;
        late.send_line("MAIL FROM:<>").await;
        (late.expect("*").await.last() != "250 2.1.0 Ok").then_some(())
    })
    .await;
    let mut late = Client::lmtp(&system.lmtp).await;
    for client in [&mut unused, &mut late] {
        client.command("MAIL FROM:<>", "451 4.3.2 *").await;
    }
}

async fn a_drain_finishes_the_mail_that_waits_for_the_next_hop(mode: Mode) {
    let gate = Gate::new();
    let script = Script::new(Protocol::Smtp).rule(Phase::Dot, "", Reaction::Behind(gate.clone()));
    let hop = NextHop::start(script).await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mail = TestMail::new();
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    hop.mails(1).await;
    terminate(&mut system).await;
    gate.open();
    client.expect("250 2.0.0 *").await;
    assert!(system.ingress().process.ended().await.success());
    hop.only_mail().await;
}

async fn a_drain_finishes_the_mail_whose_content_is_still_coming(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mail = TestMail::new();
    client.begin(&mail).await;
    let wire = dot_stuffed(&mail.content);
    client.send_raw(&wire[..20]).await;
    terminate(&mut system).await;
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
