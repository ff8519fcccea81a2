//! The dialogue with the client, apart from mails.

use harness::client::Client;
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::system::{Mode, System};

in_both_modes! {
    light;
    greets_and_announces_what_it_can,
    answers_every_command,
    refuses_commands_out_of_order,
    a_refused_mail_refuses_all_that_was_pipelined_behind_it,
    bare_line_ends_in_commands_are_not_executed,
    two_pipelined_transactions_in_one_session_do_not_mix,
    rset_forgets_the_transaction,
}

async fn greets_and_announces_what_it_can(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::connect(&system.lmtp).await;
    client.expect("220 * LMTP *").await;
    let hello = client.command("LHLO client.example.org", "250 *").await;
    let announced: Vec<&str> = hello.lines.iter().skip(1).map(|line| &line[4..]).collect();
    for keyword in ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"] {
        assert!(announced.contains(&keyword), "{keyword} is not announced: {announced:?}");
    }
    assert!(announced.contains(&"SIZE 52428800"), "{announced:?}");
    assert!(announced.contains(&"XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"), "{announced:?}");
    for keyword in ["CHUNKING", "BINARYMIME", "XCLIENT"] {
        assert!(!announced.iter().any(|line| line.starts_with(keyword)), "{keyword} is announced");
    }
}

async fn answers_every_command(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("NOOP", "250 2.0.0 *").await;
    client.command("VRFY someone", "252 2.*").await;
    client.command("HELP", "214 2.*").await;
    client.command("RSET", "250 2.0.0 *").await;
    client.command("BDAT 10 LAST", "502 5.5.1 *").await;
    client.command("GET / HTTP/1.1", "50? 5.5.*".replace('?', "*").as_str()).await;
    client.command("QUIT", "221 2.0.0 *").await;
    client.expect_closed().await;
}

async fn refuses_commands_out_of_order(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("RCPT TO:<a@example.net>", "503 5.5.1 *").await;
    client.command("DATA", "503 5.5.1 *").await;
    client.command("MAIL FROM:<>", "250 2.1.0 *").await;
    client.command("DATA", "503 5.5.1 *").await;
    // A refused MAIL: what is pipelined behind it was not meant for the transaction before it.
    client.command("MAIL FROM:<>", "503 5.5.1 *").await;
    client.command("RCPT TO:<a@example.net>", "503 5.5.1 *").await;
    client.command("QUIT", "221 *").await;
    assert!(hop.seen().mails.is_empty());
}

async fn a_refused_mail_refuses_all_that_was_pipelined_behind_it(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let pipelined = "MAIL FROM:<a@example.org> SIZE=99999999999\r\nRCPT TO:<a@example.net>\r\n\
                     RCPT TO:<b@example.net>\r\nDATA\r\n";
    client.send_raw(pipelined.as_bytes()).await;
    client.expect("552 5.3.4 *").await;
    for _ in 0..3 {
        client.expect("503 5.5.1 *").await;
    }
    client.command("NOOP", "250 2.0.0 *").await;
}

async fn bare_line_ends_in_commands_are_not_executed(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    // Neither opens a transaction.
    for command in ["MAIL FROM:<>\n", "MAIL FROM:<>\rRSET\r\n", "MAIL FROM:<>\r\r\n"] {
        client.send_raw(command.as_bytes()).await;
        client.expect("500 5.5.2 *").await;
        client.command("RCPT TO:<a@example.net>", "503 5.5.1 *").await;
    }
}

async fn two_pipelined_transactions_in_one_session_do_not_mix(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let first = TestMail::new().to(&["<a@example.net>", "<b@example.net>"]);
    let second = TestMail::new().from("<other@example.org>").to(&["<c@example.net>"]);
    assert_eq!(client.submit_pipelined(&first).await.codes(), [250, 250]);
    assert_eq!(client.submit_pipelined(&second).await.codes(), [250]);
    let mails = hop.mails(2).await;
    let recipients: Vec<usize> = mails.iter().map(|mail| mail.rcpt.len()).collect();
    assert_eq!(recipients, [2, 1]);
    assert!(mails[1].mail.starts_with("MAIL FROM:<other@example.org>"), "{}", mails[1].mail);
    assert!(mails[1].content.ends_with(&second.content));
}

async fn rset_forgets_the_transaction(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("MAIL FROM:<forgotten@example.org>", "250 *").await;
    client.command("RCPT TO:<forgotten@example.net>", "250 *").await;
    client.command("RSET", "250 *").await;
    client.command("DATA", "503 *").await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    let mail = hop.only_mail().await;
    assert!(!format!("{} {:?}", mail.mail, mail.rcpt).contains("forgotten"));
}
