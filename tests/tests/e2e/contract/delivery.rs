//! Mails that arrive: to whom, once, unchanged, and what the client is told.

use harness::client::{Client, dot_stuffed};
use harness::mails::{TestMail, added_fields};
use harness::next_hop::{Gate, NextHop, Phase, Protocol, Reaction, Script};
use harness::system::{Mode, System};

in_both_modes! {
    light;
    a_mail_comes_out_as_it_went_in,
    the_next_hops_reply_is_passed_on,
    five_recipients_of_whom_one_is_refused,
    replies_come_in_the_order_of_the_recipients,
    a_recipient_named_twice_is_answered_twice,
    a_rejected_recipient_has_no_reply_after_the_dot,
    an_smtp_client_gets_one_reply,
    an_lmtp_next_hop_answers_for_each_recipient,
    a_reply_is_passed_on_while_the_next_recipient_waits,
    next_hop_and_client_on_unix_sockets,
    many_mails_over_one_session,
}

async fn a_mail_comes_out_as_it_went_in(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail = TestMail::new();
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 2.0.0 *").await;
    let got = hop.only_mail().await;
    assert!(got.mail.starts_with("MAIL FROM:<sender@example.org>"), "{}", got.mail);
    assert_eq!(got.rcpt, ["RCPT TO:<rcpt@example.net>"]);
    for field in added_fields(&mail.content, &got.content) {
        let name = field.split(':').next().unwrap();
        assert!(["Received", "X-Virus-Scanned"].contains(&name), "unexpected field {field}");
    }
}

async fn the_next_hops_reply_is_passed_on(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Dot, "", "250 2.0.0 Ok: queued as ABCDEF");
    let hop = NextHop::start(script).await;
    let system = System::build(mode, &hop.target()).start().await;
    let (host, port) = hop.endpoint().split_once(':').unwrap();
    let expected = format!("250 2.0.0 from MTA(smtp:[{host}]:{port}): 250 2.0.0 Ok: queued as ABCDEF");
    Client::lmtp(&system.lmtp).await.submit_expecting(&TestMail::new(), &expected).await;
}

async fn five_recipients_of_whom_one_is_refused(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Rcpt, "<c@", "550 5.1.1 no such user");
    let hop = NextHop::start(script).await;
    let system = System::build(mode, &hop.target()).start().await;
    let to = ["<a@example.net>", "<b@example.net>", "<c@example.net>", "<d@example.net>", "<e@example.net>"];
    let replies = Client::lmtp(&system.lmtp).await.submit(&TestMail::new().to(&to)).await;
    assert_eq!(replies.codes(), [250, 250, 550, 250, 250]);
    assert!(replies.dot[2].last().contains("5.1.1"), "{}", replies.dot[2].last());
    let got = hop.only_mail().await;
    assert_eq!(got.rcpt.len(), 4, "one transaction for those who were taken: {:?}", got.rcpt);
}

async fn replies_come_in_the_order_of_the_recipients(mode: Mode) {
    let script = Script::new(Protocol::Smtp)
        .say(Phase::Rcpt, "<b1@", "550 5.1.1 first")
        .say(Phase::Rcpt, "<b2@", "552 5.2.2 second")
        .say(Phase::Rcpt, "<t@", "450 4.2.0 third");
    let hop = NextHop::start(script).await;
    let system = System::build(mode, &hop.target()).start().await;
    let to = ["<t@example.net>", "<b2@example.net>", "<ok@example.net>", "<b1@example.net>"];
    let replies = Client::lmtp(&system.lmtp).await.submit(&TestMail::new().to(&to)).await;
    let lines: Vec<&str> = replies.dot.iter().map(|reply| reply.last()).collect();
    let expected = ["4*third", "552 5.2.2 *second", "250 *", "550 5.1.1 *first"];
    for (line, pattern) in lines.iter().zip(expected) {
        assert!(harness::pattern::matches(pattern, line), "{pattern:?} in {lines:?}");
    }
}

async fn a_recipient_named_twice_is_answered_twice(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail = TestMail::new().to(&["<a@example.net>", "<b@example.net>", "<a@example.net>"]);
    let replies = Client::lmtp(&system.lmtp).await.submit(&mail).await;
    assert_eq!(replies.codes(), [250, 250, 250]);
    let to: Vec<String> = hop.mails(1).await.into_iter().flat_map(|mail| mail.rcpt).collect();
    assert_eq!(to, ["RCPT TO:<a@example.net>", "RCPT TO:<b@example.net>", "RCPT TO:<a@example.net>"]);
}

async fn a_rejected_recipient_has_no_reply_after_the_dot(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("MAIL FROM:<>", "250 *").await;
    client.command("RCPT TO:<a@example.net>", "250 *").await;
    client.command("RCPT TO:not an address", "501 5.*").await;
    client.command("DATA", "354 *").await;
    client.send_raw(&dot_stuffed(b"Subject: x\r\n\r\nx\r\n")).await;
    client.expect("250 *").await;
    // The next reply is the one to NOOP.
    client.command("NOOP", "250 2.0.0 *").await;
    assert!(!client.has_unread());
    assert_eq!(hop.only_mail().await.rcpt, ["RCPT TO:<a@example.net>"]);
}

async fn an_smtp_client_gets_one_reply(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::smtp(&system.lmtp).await;
    let mail = TestMail::new().to(&["<a@example.net>", "<b@example.net>"]);
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    client.expect("250 2.0.0 *").await;
    client.command("QUIT", "221 *").await;
    client.expect_closed().await;
    assert_eq!(hop.only_mail().await.rcpt.len(), 2);
}

async fn an_lmtp_next_hop_answers_for_each_recipient(mode: Mode) {
    let script = Script::new(Protocol::Lmtp).say(Phase::Dot, "<full@", "452 4.2.2 full").say(
        Phase::Dot,
        "<never@",
        "550 5.7.1 not for me",
    );
    let hop = NextHop::start(script).await;
    let system = System::build(mode, &hop.target()).start().await;
    let to = ["<never@example.net>", "<a@example.net>", "<full@example.net>"];
    let mail = TestMail::new().to(&to);
    let replies = Client::lmtp(&system.lmtp).await.submit(&mail).await;
    assert_eq!(replies.dot[0].code(), 550);
    assert_eq!(replies.dot[1].code(), 250);
    assert_eq!(replies.dot[2].code() / 100, 4);
    assert_eq!(hop.only_mail().await.rcpt.len(), 3);
}

/// The second recipient is answered only after the client has the first one's reply: so that came early, or never.
async fn a_reply_is_passed_on_while_the_next_recipient_waits(mode: Mode) {
    let gate = Gate::new();
    let script = Script::new(Protocol::Lmtp).rule(Phase::Dot, "<b@", Reaction::Behind(gate.clone()));
    let hop = NextHop::start(script).await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail = TestMail::new().to(&["<a@example.net>", "<b@example.net>"]);
    let mut client = Client::lmtp(&system.lmtp).await;
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    client.expect("250 2.0.0 *").await;
    gate.open();
    client.expect("250 2.0.0 *").await;
}

async fn next_hop_and_client_on_unix_sockets(mode: Mode) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("next-hop.sock");
    let hop = NextHop::start_unix(Script::new(Protocol::Smtp), &path).await;
    let listen = format!("unix:{}", directory.path().join("lmtp.sock").display());
    let system = System::build(mode, &hop.target()).listen(&listen).start().await;
    assert_eq!(system.lmtp, listen);
    let mail = TestMail::new();
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    added_fields(&mail.content, &hop.only_mail().await.content);
}

async fn many_mails_over_one_session(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mails: Vec<TestMail> = (0..50).map(|size| TestMail::new().padded(size * 1_000)).collect();
    for mail in &mails {
        client.submit_pipelined(mail).await;
    }
    for (mail, got) in mails.iter().zip(hop.mails(50).await) {
        added_fields(&mail.content, &got.content);
    }
    assert!(hop.seen().connections < 10, "connections are used again");
}
