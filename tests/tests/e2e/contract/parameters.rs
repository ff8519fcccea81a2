//! ESMTP parameters and XFORWARD: taken from the client, given to the next hop, never dropped in silence.

use harness::client::Client;
use harness::mails::{TestMail, added_fields};
use harness::next_hop::{NextHop, Protocol, Script};
use harness::system::{Mode, System};

in_both_modes! {
    light;
    mail_parameters_are_carried,
    rcpt_parameters_are_carried,
    a_next_hop_without_dsn_gets_none,
    smtputf8_is_carried,
    smtputf8_is_refused_where_the_next_hop_lacks_it,
    xforward_is_carried,
    xforward_is_of_one_mail_only,
    bad_parameters_are_refused,
}

async fn mail_parameters_are_carried(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let parameters = "<sender@example.org> BODY=8BITMIME RET=HDRS ENVID=QQ314159+2B AUTH=<>";
    let mail = TestMail::new().from(parameters);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let got = hop.only_mail().await.mail;
    for parameter in ["BODY=8BITMIME", "RET=HDRS", "ENVID=QQ314159+2B"] {
        assert!(got.split(' ').any(|word| word == parameter), "{parameter} is missing: {got}");
    }
}

async fn rcpt_parameters_are_carried(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail = TestMail::new().to(&[
        "<a@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bx@example.net",
        "<b@example.net> NOTIFY=NEVER",
        "<c@example.net>",
    ]);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let rcpt: Vec<String> = hop.mails(1).await.into_iter().flat_map(|mail| mail.rcpt).collect();
    assert_eq!(
        rcpt,
        [
            "RCPT TO:<a@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bx@example.net",
            "RCPT TO:<b@example.net> NOTIFY=NEVER",
            "RCPT TO:<c@example.net>",
        ]
    );
}

async fn a_next_hop_without_dsn_gets_none(mode: Mode) {
    let hop = NextHop::start(Script::new(Protocol::Smtp).keywords(&["8BITMIME"])).await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail =
        TestMail::new().from("<sender@example.org> RET=HDRS ENVID=x").to(&["<a@example.net> NOTIFY=FAILURE"]);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let got = hop.only_mail().await;
    assert_eq!(
        (got.mail.as_str(), got.rcpt),
        ("MAIL FROM:<sender@example.org>", vec!["RCPT TO:<a@example.net>".into()])
    );
    assert!(got.xforward.is_empty(), "{:?}", got.xforward);
}

async fn smtputf8_is_carried(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail =
        TestMail::new().from("<ärger@example.org> SMTPUTF8 BODY=8BITMIME").to(&["<δοκιμή@example.net>"]);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let got = hop.only_mail().await;
    assert!(
        got.mail.starts_with("MAIL FROM:<ärger@example.org>") && got.mail.contains(" SMTPUTF8"),
        "{}",
        got.mail
    );
    assert_eq!(got.rcpt, ["RCPT TO:<δοκιμή@example.net>"]);
}

async fn smtputf8_is_refused_where_the_next_hop_lacks_it(mode: Mode) {
    let hop = NextHop::start(Script::new(Protocol::Smtp).keywords(&["PIPELINING", "8BITMIME"])).await;
    let system = System::build(mode, &hop.target()).start().await;
    let mail = TestMail::new().from("<ärger@example.org> SMTPUTF8").to(&["<δοκιμή@example.net>"]);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "55* 5.6.7 *").await;
    assert!(hop.seen().mails.is_empty());
}

async fn xforward_is_carried(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("XFORWARD NAME=relay.example.com ADDR=192.0.2.7 PORT=4711", "250 2.0.0 *").await;
    client
        .command("XFORWARD PROTO=ESMTP HELO=relay+2Bx.example.com IDENT=4XYZ SOURCE=REMOTE", "250 2.0.0 *")
        .await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    let got = hop.only_mail().await.xforward.join(" ");
    for attribute in [
        "NAME=relay.example.com",
        "ADDR=192.0.2.7",
        "PORT=4711",
        "PROTO=ESMTP",
        "HELO=relay+2Bx.example.com",
        "IDENT=4XYZ",
        "SOURCE=REMOTE",
    ] {
        assert!(got.split(' ').any(|word| word == attribute), "{attribute} is missing: {got}");
    }
}

async fn xforward_is_of_one_mail_only(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.command("XFORWARD ADDR=192.0.2.7 IDENT=4XYZ", "250 2.0.0 *").await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    let second = hop.mails(2).await[1].xforward.join(" ");
    assert!(!second.contains("192.0.2.7") && !second.contains("4XYZ"), "{second}");
}

async fn bad_parameters_are_refused(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for (line, pattern) in [
        ("MAIL FROM:<a@example.org> SIZE=-1", "501 5.5.4 *"),
        ("MAIL FROM:<a@example.org> UNHEARD=OF", "555 5.5.4 *"),
        ("MAIL FROM:<a@example.org> ENVID=x+0D+0AQUIT", "501 5.5.4 *"),
        ("MAIL FROM:<a@example.org> BODY=BINARYMIME", "501 5.5.4 *"),
        ("MAIL FROM:<ä@example.org>", "55* 5.6.7 *"),
        ("MAIL FROM:<a@b> RCPT TO:<x@y>", "5* 5.5.4 *"),
    ] {
        client.command(line, pattern).await;
    }
    let mail = TestMail::new();
    client.submit_expecting(&mail, "250 *").await;
    added_fields(&mail.content, &hop.only_mail().await.content);
}
