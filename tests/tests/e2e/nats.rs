//! NATS comes, goes and stays away: the client gets 451 or a delay, and is never refused or kept hanging.

use harness::client::Client;
use harness::link::Link;
use harness::machine::light;
use harness::mails::{TestMail, added_fields};
use harness::nats::Nats;
use harness::next_hop::NextHop;
use harness::system::{Mode, System};
use harness::wait::eventually;

/// Notices within seconds that a server is gone or back.
const QUICK: &str = "[bus]\nconnect_timeout = \"1s\"\nping_interval = \"1s\"\nrequest_timeout = \"1s\"\n\
                     [ingress]\nreply_deadline = \"10s\"\n";

/// Submits mails until one is taken, as mail servers do; everything else must be a 451.
async fn until_taken(lmtp: &str) -> TestMail {
    let mut client = Client::lmtp(lmtp).await;
    eventually("a mail is taken", async || {
        let mail = TestMail::new();
        client.send_line(&mail.mail_command()).await;
        let reply = client.expect("*").await;
        if reply.code() != 250 {
            assert!(reply.last().starts_with("451 4."), "{}", reply.last());
            // A session has a budget of commands between mails.
            client = Client::lmtp(lmtp).await;
            return None;
        }
        client.command("RSET", "250 *").await;
        let replies = client.submit(&mail).await;
        let code = replies.dot[0].code();
        assert!([250, 451].contains(&code), "{}", replies.dot[0].last());
        (code == 250).then_some(mail)
    })
    .await
}

#[tokio::test]
async fn without_nats_mail_is_refused_for_now_and_taken_once_it_is_there() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let link = Link::to_nowhere().await;
    let url = format!("nats://{}", link.endpoint());
    let system = System::build(Mode::Distributed, &hop.target())
        .nats(&url)
        .configuration(QUICK)
        .unready()
        .start()
        .await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for _ in 0..3 {
        client.command("MAIL FROM:<a@example.org>", "451 4.3.2 *").await;
    }
    client.command("QUIT", "221 *").await;

    let nats = Nats::start().await;
    link.lead_to(nats.address());
    let mail = until_taken(&system.lmtp).await;
    let got = hop.until("the mail", |seen| {
        seen.mails.iter().find(|got| got.content.ends_with(&mail.content)).cloned()
    });
    added_fields(&mail.content, &got.await.content);
}

#[tokio::test]
async fn a_killed_and_restarted_nats_costs_only_time() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let mut nats = Nats::start().await;
    let link = Link::to(nats.address()).await;
    let url = format!("nats://{}", link.endpoint());
    let system =
        System::build(Mode::Distributed, &hop.target()).nats(&url).configuration(QUICK).start().await;
    until_taken(&system.lmtp).await;

    link.go_down();
    nats.kill();
    let mut client = Client::lmtp(&system.lmtp).await;
    eventually("MAIL is refused", async || {
        client.send_line("MAIL FROM:<a@example.org>").await;
        let refused = client.expect("*").await.code() == 451;
        if !refused {
            client.command("RSET", "250 *").await;
        }
        refused.then_some(())
    })
    .await;

    nats.restart().await;
    link.lead_to(nats.address());
    let mail = until_taken(&system.lmtp).await;
    let copies = hop.seen().mails.iter().filter(|got| got.content.ends_with(&mail.content)).count();
    assert_eq!(copies, 1);
}
