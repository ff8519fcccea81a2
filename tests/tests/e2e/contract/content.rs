//! Bytes: what comes out is what went in, and only CRLF.CRLF ends it.

use harness::client::{Client, dot_stuffed};
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::mails::{TestMail, added_fields};
use harness::next_hop::{NextHop, Protocol, Script};
use harness::system::{Mode, System};

in_both_modes! {
    light;
    contents_with_dots_come_out_byte_for_byte,
    eight_bit_and_control_bytes_come_out_byte_for_byte,
    an_empty_message_is_delivered,
    bare_line_ends_are_repaired,
    nothing_but_crlf_dot_crlf_ends_data,
    nothing_but_crlf_dot_crlf_ends_data_that_is_too_large,
    what_follows_the_end_of_data_is_a_command,
    our_own_verdict_fields_are_not_believed,
}

/// Contents that end with CRLF, or are empty, without bare CR or LF.
const DOTS: [&str; 14] = [
    ".\r\n",
    "..\r\n",
    "...x\r\n",
    ".\r\n.\r\n.\r\n",
    "\r\n",
    "\r\n\r\n",
    "\r\n.\r\n",
    "Subject: only a header\r\n",
    "Subject: x\r\n\r\n.\r\n",
    "Subject: x\r\n\r\n..\r\n",
    "Subject: x\r\n\r\n.a\r\n..b\r\n...c\r\n",
    "Subject: x\r\n\r\na.\r\n.\r\n",
    "Subject: x\r\n\r\n. \r\n.\t\r\n",
    "Subject: x\r\n\r\n\r\n\r\n.\r\n\r\n",
];

async fn contents_with_dots_come_out_byte_for_byte(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for (number, content) in DOTS.iter().enumerate() {
        client.submit_expecting(&TestMail::new().content(*content), "250 *").await;
        let got = &hop.mails(number + 1).await[number];
        added_fields(content.as_bytes(), &got.content);
    }
    hop.assert_no_bare_line_ends();
}

async fn eight_bit_and_control_bytes_come_out_byte_for_byte(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let all_bytes: Vec<u8> = (0..=255).filter(|byte| ![b'\r', b'\n'].contains(byte)).collect();
    let line = "x".repeat(5_000);
    let mail = TestMail::new()
        .from("<sender@example.org> BODY=8BITMIME")
        .body(&all_bytes)
        .body(b"\r\n")
        .body(line.as_bytes())
        .body(b"\r\n");
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let got = hop.only_mail().await;
    added_fields(&mail.content, &got.content);
    assert!(got.mail.contains(" BODY=8BITMIME"), "{}", got.mail);
}

async fn an_empty_message_is_delivered(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail = TestMail::new().content("");
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    added_fields(b"", &hop.only_mail().await.content);
}

async fn bare_line_ends_are_repaired(mode: Mode) {
    let hop = NextHop::start(Script::new(Protocol::Smtp).lenient()).await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.begin(&TestMail::new()).await;
    client.send_raw(b"Subject: x\r\n\r\na\nb\rc\r\rd\n\re\r\n.\r\n").await;
    client.expect("250 *").await;
    let got = hop.only_mail().await;
    added_fields(b"Subject: x\r\n\r\na\r\nb\r\nc\r\n\r\nd\r\n\r\ne\r\n", &got.content);
    hop.assert_no_bare_line_ends();
}

/// faults.md B02: what some servers take for the end of data, and is none.
const NOT_THE_END: [&[u8]; 20] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\n.\r",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n. \r\n",
    b"\r\n .\r\n",
    b"\x0b.\x0b",
    b"\x0c.\x0c",
    b"\r\n.\x0b\r\n",
    b"\xc2\x85.\xc2\x85",
    b"\xe2\x80\xa8.\xe2\x80\xa8",
    b"\r\n..\r\n",
];

/// A second mail behind what must not end the first.
fn smuggle(sequence: &[u8]) -> Vec<u8> {
    let commands = b"MAIL FROM:<smuggler@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nsmuggled";
    [b"Subject: outer\r\n\r\nouter", sequence, commands, b"\r\n.\r\n"].concat()
}

async fn nothing_but_crlf_dot_crlf_ends_data(mode: Mode) {
    let hop = NextHop::start(Script::new(Protocol::Smtp).lenient()).await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for (number, sequence) in NOT_THE_END.iter().enumerate() {
        let name = sequence.escape_ascii().to_string();
        client.begin(&TestMail::new().from("<outer@example.org>")).await;
        client.send_raw(&smuggle(sequence)).await;
        client.expect("250 *").await;
        client.command("NOOP", "250 *").await;
        assert!(!client.has_unread(), "more than one reply: {name}");
        let mails = hop.mails(number + 1).await;
        assert_eq!(mails.len(), number + 1, "one mail became more at the next hop: {name}");
        let content = &mails[number].content;
        assert!(content.ends_with(b"DATA\r\nsmuggled\r\n"), "{name}: {}", content.escape_ascii());
    }
    hop.assert_no_bare_line_ends();
    let smuggled = hop.seen().commands.into_iter().find(|command| command.contains("smuggler"));
    assert_eq!(smuggled, None);
}

async fn nothing_but_crlf_dot_crlf_ends_data_that_is_too_large(mode: Mode) {
    let hop = NextHop::start(Script::new(Protocol::Smtp).lenient()).await;
    let small = "[ingress]\nsize_bytes_max = \"1KiB\"\n";
    let system = System::build(mode, &hop.target()).configuration(small).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for sequence in NOT_THE_END {
        client.begin(&TestMail::new()).await;
        client.send_raw(&[&b"x".repeat(2_000), &smuggle(sequence)[..]].concat()).await;
        client.expect("552 5.3.4 *").await;
        client.command("NOOP", "250 *").await;
        assert!(!client.has_unread(), "more than one reply: {}", sequence.escape_ascii());
    }
    assert!(hop.seen().mails.is_empty());
}

async fn what_follows_the_end_of_data_is_a_command(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.begin(&TestMail::new()).await;
    // A CR before a legal end of data, and the next command in the same write.
    client.send_raw(b"Subject: x\r\n\r\nx\r\r\n.\r\nVRFY who\r\n").await;
    client.expect("250 *").await;
    client.expect("252 *").await;
    added_fields(b"Subject: x\r\n\r\nx\r\n\r\n", &hop.only_mail().await.content);
}

async fn our_own_verdict_fields_are_not_believed(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, FakeClamd::start(Behaviour::Clean).await);
    let system = System::build(mode, &hop.target()).clamd(clamd.endpoint()).start().await;
    let forged =
        b"X-Virus-Scanned: forged by the sender\r\nSubject: x\r\n\r\nX-Virus-Scanned: kept in the body\r\n";
    let mut client = Client::lmtp(&system.lmtp).await;
    client.begin(&TestMail::new()).await;
    client.send_raw(&dot_stuffed(forged)).await;
    client.expect("250 *").await;
    let content = hop.only_mail().await.content;
    let text = content.escape_ascii().to_string();
    assert!(!text.contains("forged by the sender"), "{text}");
    assert!(content.ends_with(b"Subject: x\r\n\r\nX-Virus-Scanned: kept in the body\r\n"), "{text}");
}
