//! Both sides of each limit that a client meets.

use harness::client::{Client, dot_stuffed};
use harness::mails::{TestMail, added_fields};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};

in_both_modes! {
    light;
    a_thousand_recipients_and_not_one_more,
    a_message_of_the_largest_size_and_not_a_byte_more,
    a_declared_size_above_the_limit_is_refused_at_mail,
    a_command_line_of_the_greatest_length_and_not_a_byte_more,
    a_client_that_goes_inside_data_leaves_nothing,
}

async fn a_thousand_recipients_and_not_one_more(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("MAIL FROM:<>", "250 *").await;
    let commands: String = (0..1_001).map(|n| format!("RCPT TO:<user{n}@example.net>\r\n")).collect();
    client.send_raw(commands.as_bytes()).await;
    for _ in 0..1_000 {
        client.expect("250 2.1.5 *").await;
    }
    client.expect("452 4.5.3 *").await;
    client.command("DATA", "354 *").await;
    client.send_raw(&dot_stuffed(b"Subject: to all\r\n\r\nx\r\n")).await;
    for _ in 0..1_000 {
        client.expect("250 *").await;
    }
    client.command("NOOP", "250 2.0.0 *").await;
    let to: Vec<String> = hop.seen().mails.into_iter().flat_map(|mail| mail.rcpt).collect();
    let expected: Vec<String> = (0..1_000).map(|n| format!("RCPT TO:<user{n}@example.net>")).collect();
    assert_eq!(to, expected);
}

async fn a_message_of_the_largest_size_and_not_a_byte_more(mode: Mode) {
    let hop = NextHop::smtp().await;
    let small = "[ingress]\nsize_bytes_max = \"20000\"\n";
    let system = System::build(mode, &hop.target()).configuration(small).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let header = "Subject: x\r\n\r\n";
    let of_size = |size: usize| {
        let mut content = format!("{header}{}", ".".repeat(size - header.len() - 2)).into_bytes();
        content.extend_from_slice(b"\r\n");
        TestMail::new().content(content)
    };
    // The size counts neither stuffed dots nor the end of data (RFC 1870).
    let largest = of_size(20_000);
    client.submit_expecting(&largest, "250 *").await;
    client.submit_expecting(&of_size(20_001), "552 5.3.4 *").await;
    client.submit_expecting(&TestMail::new().padded(1_000_000), "552 5.3.4 *").await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    added_fields(&largest.content, &hop.mails(2).await[0].content);
}

async fn a_declared_size_above_the_limit_is_refused_at_mail(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("MAIL FROM:<> SIZE=52428801", "552 5.3.4 *").await;
    client.command("MAIL FROM:<> SIZE=52428800", "250 *").await;
}

async fn a_command_line_of_the_greatest_length_and_not_a_byte_more(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    // 2 048 bytes with CRLF.
    let longest = format!("NOOP {}", "x".repeat(2_048 - 2 - 5));
    client.command(&longest, "250 *").await;
    client.command(&format!("{longest}x"), "500 5.5.2 *").await;
    client.command("NOOP", "250 *").await;
    client.send_raw(&[&b"x".repeat(1_000_000)[..], b"\r\n"].concat()).await;
    client.expect("500 5.5.2 *").await;
    client.command("NOOP", "250 *").await;
}

async fn a_client_that_goes_inside_data_leaves_nothing(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    for content in ["", "Subject: x\r\n\r\nhalf a li", "Subject: x\r\n\r\n.", "Subject: x\r\n\r\n.\r"] {
        let mut client = Client::lmtp(&system.lmtp).await;
        client.begin(&TestMail::new()).await;
        client.send_raw(content.as_bytes()).await;
        client.finish_sending().await;
        while client.try_reply("the end of the connection").await.is_some() {}
    }
    let mail = TestMail::new();
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    added_fields(&mail.content, &hop.only_mail().await.content);
}
