//! Overload: 451 at MAIL, before the content travels, while mails wait too long or the queue is too full; and open again
//! once that is over.

use harness::client::{Client, dot_stuffed};
use harness::machine::light;
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::system::{Mode, System};
use harness::wait::eventually;

/// Sends a mail up to its final dot and leaves its reply to come.
async fn leave_one(lmtp: &str) -> (Client, TestMail) {
    let mail = TestMail::new();
    let mut client = Client::lmtp(lmtp).await;
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    (client, mail)
}

/// Asks until MAIL gets a reply of this form.
async fn until_mail(lmtp: &str, pattern: &str) {
    eventually(&format!("MAIL gets {pattern}"), async || {
        let mut client = Client::lmtp(lmtp).await;
        client.send_line("MAIL FROM:<a@example.org>").await;
        let reply = client.expect("*").await;
        harness::pattern::matches(pattern, reply.last()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn mails_are_refused_while_others_wait_too_long() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let impatient = "[ingress]\noverload_wait = \"1s\"\n";
    let mut system =
        System::build(Mode::Distributed, &hop.target()).configuration(impatient).workers(0).start().await;
    let (mut waiting, mail) = leave_one(&system.lmtp).await;
    until_mail(&system.lmtp, "451 4.3.2 mails wait for * s, try again later").await;
    let metrics = system.ingress().admin("/metrics").await;
    assert!(metrics.contains("mailweir_ingress_mail_refused_total{reason=\"gate\"} "), "{metrics}");
    system.add_worker().await;
    waiting.expect("250 2.0.0 *").await;
    until_mail(&system.lmtp, "250 *").await;
    assert!(hop.only_mail().await.content.ends_with(&mail.content));
}

#[tokio::test]
async fn mails_are_refused_while_the_queue_is_too_full() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let small = "[bus]\nqueue_messages_max = 4\n[ingress]\noverload_fill = 60\n";
    let mut system =
        System::build(Mode::Distributed, &hop.target()).configuration(small).workers(0).start().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(leave_one(&system.lmtp).await.0);
    }
    until_mail(&system.lmtp, "451 4.3.2 the queue is 75 % full, try again later").await;
    system.add_worker().await;
    for client in &mut waiting {
        client.expect("250 2.0.0 *").await;
    }
    until_mail(&system.lmtp, "250 *").await;
    assert_eq!(hop.mails(3).await.len(), 3);
}
