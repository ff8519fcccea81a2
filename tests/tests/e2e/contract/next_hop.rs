//! What the client is told when the next hop says no, says nothing, or is not there (faults.md F17 to F22).

use harness::client::{Client, dot_stuffed};
use harness::link::{Fault, Link};
use harness::mails::{TestMail, added_fields};
use harness::next_hop::{NextHop, Phase, Protocol, Reaction, Script};
use harness::port::ReservedPort;
use harness::system::{Mode, System};
use harness::wait::eventually;

use super::IMPATIENT;

in_both_modes! {
    light;
    a_transient_reply_to_mail_is_transient,
    a_transient_reply_to_one_recipient_is_its_own,
    a_transient_reply_to_data_is_transient,
    a_transient_reply_to_the_dot_is_transient,
    a_permanent_reply_to_the_greeting_ehlo_or_mail_is_a_misconfiguration,
    a_permanent_reply_to_a_recipient_is_passed_on,
    a_permanent_reply_to_the_dot_is_passed_on,
    all_recipients_refused_sends_no_content,
    a_dot_without_an_answer_is_answered_at_the_deadline,
    a_connection_dropped_after_the_250_counts_as_delivered,
    a_connection_dropped_instead_of_the_250_is_transient,
    a_next_hop_that_is_down_is_transient,
    a_next_hop_that_comes_back_in_time_gets_the_mail,
    a_dropped_connection_is_opened_again,
    content_that_was_cut_off_is_sent_again_whole,
    content_that_is_always_cut_off_is_transient,
}

/// The replies to one mail of two recipients, with a next hop that follows `script`.
async fn replies_with(mode: Mode, script: Script) -> (Vec<String>, NextHop) {
    let hop = NextHop::start(script).await;
    let system = System::build(mode, &hop.target()).configuration(IMPATIENT).start().await;
    let mail = TestMail::new().to(&["<a@example.net>", "<b@example.net>"]);
    let replies = Client::lmtp(&system.lmtp).await.submit(&mail).await;
    (replies.dot.iter().map(|reply| reply.last().to_owned()).collect(), hop)
}

fn assert_replies(replies: &[String], patterns: [&str; 2]) {
    assert_eq!(replies.len(), 2);
    for (reply, pattern) in replies.iter().zip(patterns) {
        assert!(harness::pattern::matches(pattern, reply), "{pattern:?}: {replies:?}");
    }
}

async fn a_transient_reply_to_mail_is_transient(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Mail, "", "452 4.3.1 later");
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["4* 4.*", "4* 4.*"]);
    assert!(hop.seen().mails.is_empty());
}

async fn a_transient_reply_to_one_recipient_is_its_own(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Rcpt, "<a@", "450 4.2.1 busy");
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["4* 4.*", "250 *"]);
    assert_eq!(hop.only_mail().await.rcpt, ["RCPT TO:<b@example.net>"]);
}

async fn a_transient_reply_to_data_is_transient(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Data, "", "451 4.3.0 later");
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["4* 4.*", "4* 4.*"]);
    assert!(hop.seen().mails.is_empty());
}

async fn a_transient_reply_to_the_dot_is_transient(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Dot, "", "451 4.3.0 later");
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["4* 4.3.0 *later", "4* 4.3.0 *later"]);
    assert_eq!(hop.seen().mails.len(), 1, "it is the client who tries again");
}

async fn a_permanent_reply_to_the_greeting_ehlo_or_mail_is_a_misconfiguration(mode: Mode) {
    for phase in [Phase::Greeting, Phase::Hello, Phase::Mail] {
        let script = Script::new(Protocol::Smtp).say(phase, "", "554 5.7.1 go away");
        let (replies, hop) = replies_with(mode, script).await;
        assert_replies(&replies, ["451 4.*", "451 4.*"]);
        assert!(hop.seen().mails.is_empty(), "{phase:?}");
    }
}

async fn a_permanent_reply_to_a_recipient_is_passed_on(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Rcpt, "<b@", "550 5.1.1 unknown");
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["250 *", "550 5.1.1 *unknown"]);
    assert_eq!(hop.only_mail().await.rcpt, ["RCPT TO:<a@example.net>"]);
}

async fn a_permanent_reply_to_the_dot_is_passed_on(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Dot, "", "554 5.6.0 not this content");
    let (replies, _hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["554 5.6.0 *content", "554 5.6.0 *content"]);
}

async fn all_recipients_refused_sends_no_content(mode: Mode) {
    let script = Script::new(Protocol::Smtp).say(Phase::Rcpt, "", "550 5.1.1 unknown");
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["550 5.1.1 *", "550 5.1.1 *"]);
    assert!(hop.seen().mails.is_empty());
}

async fn a_dot_without_an_answer_is_answered_at_the_deadline(mode: Mode) {
    let script = Script::new(Protocol::Smtp).rule(Phase::Dot, "", Reaction::Never);
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["451 4.*", "451 4.*"]);
    assert_eq!(hop.seen().mails.len(), 1, "what may have been taken is not sent again by us");
}

async fn a_connection_dropped_after_the_250_counts_as_delivered(mode: Mode) {
    let script = Script::new(Protocol::Smtp).rule(
        Phase::Dot,
        "",
        Reaction::SayThenDrop("250 2.0.0 Ok: queued as X".into()),
    );
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["250 *", "250 *"]);
    assert_eq!(hop.seen().mails.len(), 1);
}

async fn a_connection_dropped_instead_of_the_250_is_transient(mode: Mode) {
    let script = Script::new(Protocol::Smtp).rule(Phase::Dot, "", Reaction::Drop);
    let (replies, hop) = replies_with(mode, script).await;
    assert_replies(&replies, ["451 4.*", "451 4.*"]);
    assert_eq!(hop.seen().mails.len(), 1, "what may have been taken is not sent again by us");
}

async fn a_next_hop_that_is_down_is_transient(mode: Mode) {
    let nobody = ReservedPort::new();
    let system = System::build(mode, &nobody.endpoint()).configuration(IMPATIENT).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new(), "451 4.*").await;
    // The session goes on.
    client.command("NOOP", "250 *").await;
}

async fn a_next_hop_that_comes_back_in_time_gets_the_mail(mode: Mode) {
    let hop = NextHop::smtp().await;
    let link = Link::to_nowhere().await;
    let patient = "[egress]\nretry_pause = \"200ms\"\nprobe_pause_max = \"1s\"\n";
    let system = System::build(mode, link.endpoint()).configuration(patient).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mail = TestMail::new();
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    // The link counts attempts; it has no event.
    eventually("two attempts", async || (link.connections() >= 2).then_some(())).await;
    link.lead_to(hop.endpoint());
    client.expect("250 *").await;
    hop.only_mail().await;
}

async fn a_dropped_connection_is_opened_again(mode: Mode) {
    let hop = NextHop::smtp().await;
    let link = Link::to(hop.endpoint()).await;
    let system = System::build(mode, link.endpoint()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    link.cut();
    client.submit_expecting(&TestMail::new(), "250 *").await;
    assert_eq!(hop.seen().mails.len(), 2);
}

/// Whoever sends this much notices a cut before the final dot is written: it does not fit into the kernel's buffers.
const LARGER_THAN_SOCKET_BUFFERS: usize = 20_000_000;

/// Bytes after which a connection is cut inside the content.
const INSIDE_THE_CONTENT: Fault = Fault::CutAfter(50_000);

async fn content_that_was_cut_off_is_sent_again_whole(mode: Mode) {
    let hop = NextHop::smtp().await;
    let link = Link::to(hop.endpoint()).await;
    link.fail(INSIDE_THE_CONTENT, Fault::None);
    let system = System::build(mode, link.endpoint()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mail = TestMail::new().padded(LARGER_THAN_SOCKET_BUFFERS);
    client.begin(&mail).await;
    client.send_raw(&dot_stuffed(&mail.content)).await;
    let is_data = |command: &&String| command.as_str() == "DATA";
    hop.until("DATA", |seen| seen.commands.iter().find(is_data).cloned()).await;
    link.fail(Fault::None, Fault::None);
    client.expect("250 2.0.0 *").await;
    added_fields(&mail.content, &hop.only_mail().await.content);
    assert!(link.connections() > 1);
}

async fn content_that_is_always_cut_off_is_transient(mode: Mode) {
    let hop = NextHop::smtp().await;
    let link = Link::to(hop.endpoint()).await;
    link.fail(INSIDE_THE_CONTENT, Fault::None);
    let system = System::build(mode, link.endpoint()).configuration(IMPATIENT).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new().padded(LARGER_THAN_SOCKET_BUFFERS), "451 4.*").await;
    assert!(hop.seen().mails.is_empty(), "half a mail was ended with a dot");
    assert!(link.connections() < 100, "{} attempts", link.connections());
}
