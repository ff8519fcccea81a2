//! The client against a server that does as it is told.

mod fake;

use std::time::Duration;

use bytes::Bytes;
use proto::{Envelope, ForwardPath, MailParams, Recipient, ReversePath, TxId};
use tokio::net::TcpListener;

use self::fake::{Act, CONTINUE, Fake, NO_CHANGE, OPTIONS, echo, no_change};
use super::*;
use crate::pool::client::Client as _;

fn target(endpoint: &Endpoint) -> Target<'_> {
    Target { endpoint, connect_timeout: Duration::from_secs(5) }
}

fn client() -> Client {
    Client::new(Settings { service: "avscan".into(), ..Settings::default() })
}

async fn exchange(
    client: &Client,
    endpoint: &Endpoint,
    connection: Option<Connection>,
    content: &[u8],
) -> Result<Reply<Connection>, Failure> {
    let envelope = envelope();
    let request = Request {
        envelope: &envelope,
        content: &Bytes::copy_from_slice(content),
        tx: TxId::new(uuid::Uuid::nil()),
        deadline: Instant::now() + Duration::from_secs(60),
    };
    client.exchange(target(endpoint), connection, &request).await
}

async fn outcome(fake: &Fake, content: &[u8]) -> Result<Outcome, String> {
    let reply = exchange(&client(), &fake.endpoint, None, content).await;
    reply.map(|reply| reply.outcome).map_err(|failure| failure.chain())
}

fn say(text: &str) -> Act {
    Act::Say(text.into())
}

/// An answer to be sent as it is.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

const FOUND: &str = "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\n\
                     Encapsulated: res-hdr=0, res-body=26\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n4\r\ngone\r\n0\r\n\r\n";

#[tokio::test]
async fn every_answer_has_its_outcome() {
    let content = b"Subject: x\r\n\r\nhello\r\n";
    let infected = |name: &str| Ok(Outcome::Infected(name.into()));
    let changed = || infected("changed by the ICAP server");
    let http = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n";
    let long = format!("ICAP/1.0 204 OK\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let cases = [
        (no_change(), Ok(Outcome::Clean)),
        (say("ICAP/1.0 204 x\r\nEncapsulated: null-body=0\r\n\r\n"), Ok(Outcome::Clean)),
        (Act::SayAndClose(NO_CHANGE.into()), Ok(Outcome::Clean)),
        (Act::Echo, Ok(Outcome::Clean)),
        (say(&text(echo(http, content))), Ok(Outcome::Clean)),
        (say(&text(echo(http, b"Subject: x\r\n\r\nhello"))), changed()),
        (say(&text(echo(http, b"Subject: x\r\n\r\nhello\r\n."))), changed()),
        (
            say(&text(echo("HTTP/1.1 403 No\r\n\r\n", content))),
            infected("the ICAP server put HTTP 403 in its place"),
        ),
        (say("ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\n\r\n"), changed()),
        (say(FOUND), infected("Eicar")),
        (say("ICAP/1.0 204 x\r\nX-Virus-ID: Eicar\r\n\r\n"), infected("Eicar")),
        (say("ICAP/1.0 403 x\r\nX-Virus-ID: Eicar\r\n\r\n"), infected("Eicar")),
        (
            say("ICAP/1.0 200 OK\r\nX-Infection-Found: Threat=Heuristics.Encrypted.Zip;\r\n\r\n"),
            Ok(Outcome::Encrypted("Heuristics.Encrypted.Zip".into())),
        ),
        (Act::Interrupt(FOUND.into()), infected("Eicar")),
        (Act::Interrupt(NO_CHANGE.into()), Err("before the end of the content")),
        (say("ICAP/1.0 200 OK\r\n\r\n"), Err("means nothing here")),
        (say("ICAP/1.0 206 x\r\nEncapsulated: res-body=0\r\n\r\n"), Err("means nothing here")),
        (say("ICAP/1.0 204 x\r\nEncapsulated: res-body=0\r\n\r\n"), Err("means nothing here")),
        (say(CONTINUE), Err("before the end of the content")),
        (say("ICAP/1.0 404 ICAP Service not found\r\n\r\n"), Err("404 ICAP Service not found")),
        (say("ICAP/1.0 500 Server error\r\nX-Virus-ID: x\r\n\r\n"), Err("500 Server error")),
        (say(&format!("{NO_CHANGE}x")), Err("behind the answer")),
        (say("HTTP/1.1 204 No Content\r\n\r\n"), Err("cannot read the answer")),
        (say("ICAP/1.0 204 x\nISTag: y\n\n\r\n\r\n"), Err("cannot read the answer")),
        (say(&long), Err("longer than")),
        (Act::SayAndClose(String::new()), Err("before any answer")),
        (Act::SayAndClose("ICAP/1.0 204 No".into()), Err("within the answer")),
        (Act::SayAndClose(text(echo(http, content)).replace("0\r\n\r\n", "")), Err("within the answer")),
        (say("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=99999999\r\n\r\n"), Err("encapsulated")),
    ];
    for (act, expected) in cases {
        let fake = Fake::tcp(OPTIONS, [act.clone(), act.clone()]).await;
        // More than the socket buffers hold, so that an interruption comes while the client writes.
        let large = vec![b'x'; 8 * 1024 * 1024];
        let content = if matches!(act, Act::Interrupt(_)) { large.as_slice() } else { content };
        let got = outcome(&fake, content).await;
        match expected {
            Ok(expected) => assert_eq!(got, Ok(expected), "{act:?}"),
            Err(why) => assert!(got.as_ref().is_err_and(|got| got.contains(why)), "{act:?}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn a_connection_serves_many_mails_and_options_are_asked_once() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Fake::unix(&directory.path().join("icap"), []);
    let (client, mut connection) = (client(), None);
    let contents: Vec<Vec<u8>> = [0, 1, 1000, 64 * 1024, 200_001].map(|size| vec![b'x'; size]).into();
    for content in &contents {
        let reply = exchange(&client, &fake.endpoint, connection, content).await.unwrap();
        assert_eq!(reply.outcome, Outcome::Clean);
        connection = reply.connection;
        assert!(connection.is_some());
    }
    let seen = fake.seen.lock().unwrap();
    assert!(seen.contents == contents);
    assert_eq!((seen.connections, seen.asked_options), (1, 1));
    assert!(seen.heads[0].contains("\r\nAllow: 204\r\n"), "{}", seen.heads[0]);
    assert!(!seen.heads[0].contains("Preview"), "{}", seen.heads[0]);
}

#[tokio::test]
async fn what_is_found_or_closed_ends_the_connection() {
    for act in [say(FOUND), say("ICAP/1.0 204 x\r\nConnection: close\r\n\r\n")] {
        let fake = Fake::tcp(OPTIONS, [act]).await;
        assert!(exchange(&client(), &fake.endpoint, None, b"x").await.unwrap().connection.is_none());
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_lost() {
    let fake = Fake::tcp(OPTIONS, [Act::SayAndClose(NO_CHANGE.into())]).await;
    let client = client();
    let reply = exchange(&client, &fake.endpoint, None, b"x").await.unwrap();
    let failure = exchange(&client, &fake.endpoint, reply.connection, b"x").await.err().unwrap();
    assert!(matches!(failure, Failure::Lost(_)), "{failure:?}");
}

fn with_preview(bytes: usize) -> String {
    OPTIONS.replace("Allow", &format!("Preview: {bytes}\r\nAllow"))
}

#[tokio::test]
async fn a_preview_is_shown_first() {
    let content = b"0123456789";
    let cases = [
        // All of it is in the preview.
        (10, no_change(), Ok(Outcome::Clean), true),
        (11, no_change(), Ok(Outcome::Clean), true),
        // The server wants the rest.
        (9, Act::ContinueThenSay(NO_CHANGE.into()), Ok(Outcome::Clean), false),
        (0, Act::ContinueThenSay(NO_CHANGE.into()), Ok(Outcome::Clean), false),
        (4, Act::ContinueThenSay(FOUND.into()), Ok(Outcome::Infected("Eicar".into())), false),
        // It does not.
        (9, no_change(), Ok(Outcome::OverLimit("scanned 9 of 10 bytes".into())), false),
        (4, say(FOUND), Ok(Outcome::Infected("Eicar".into())), false),
        (4, Act::ContinueThenSay(CONTINUE.into()), Err("before the end of the content"), false),
        (4, Act::ContinueThenSay("ICAP/1.0 500 no\r\n\r\n".into()), Err("500 no"), false),
    ];
    for (preview, act, expected, was_all) in cases {
        let fake = Fake::tcp(&with_preview(preview), [act.clone()]).await;
        let got = outcome(&fake, content).await;
        match &expected {
            Ok(expected) => assert_eq!(got.as_ref(), Ok(expected), "{preview} {act:?}"),
            Err(why) => {
                assert!(got.as_ref().is_err_and(|got| got.contains(why)), "{preview} {act:?}: {got:?}")
            }
        }
        let seen = fake.seen.lock().unwrap();
        assert_eq!(seen.was_all, was_all, "{preview}");
        assert!(seen.heads[0].contains(&format!("\r\nPreview: {preview}\r\n")));
        let shown =
            if matches!(act, Act::ContinueThenSay(_)) { content } else { &content[..preview.min(10)] };
        assert_eq!(seen.contents[0], shown);
    }
}

#[tokio::test]
async fn without_previews_everything_is_sent_at_once() {
    let fake = Fake::tcp(&with_preview(4), []).await;
    let client = Client::new(Settings { preview: false, ..Settings::default() });
    let reply = exchange(&client, &fake.endpoint, None, b"0123456789").await.unwrap();
    assert_eq!(reply.outcome, Outcome::Clean);
    assert_eq!(fake.seen.lock().unwrap().contents[0], b"0123456789");
}

#[tokio::test]
async fn options_are_asked_again_when_the_tag_has_changed() {
    let new = NO_CHANGE.replace("one", "two");
    let fake = Fake::tcp(OPTIONS, [no_change(), say(&new), no_change()]).await;
    let (client, mut connection) = (client(), None);
    for asked in [1, 1, 2] {
        let reply = exchange(&client, &fake.endpoint, connection, b"x").await.unwrap();
        connection = reply.connection;
        assert_eq!(fake.seen.lock().unwrap().asked_options, asked);
    }
}

#[tokio::test]
async fn its_tag_stands_for_its_signatures_where_it_is_probed() {
    let found = FOUND.replacen("\r\n", "\r\nISTag: \"one\"\r\n", 1);
    let new = NO_CHANGE.replace("one", "two");
    let script = || [say(&found), no_change(), say(&new), say(&new)];
    let fake = Fake::tcp(OPTIONS, script()).await;
    let client = client();
    let tag = || client.signatures(&fake.endpoint);
    assert_eq!(tag(), None);
    client.probe(target(&fake.endpoint)).await.unwrap();
    assert_eq!(tag().as_deref(), Some("one"));
    exchange(&client, &fake.endpoint, None, b"x").await.unwrap();
    assert_eq!(tag().as_deref(), Some("one"));
    exchange(&client, &fake.endpoint, None, b"x").await.unwrap();
    assert_eq!(tag(), None, "it has others now");
    fake.seen.lock().unwrap().options.push_back(OPTIONS.replace("one", "two"));
    exchange(&client, &fake.endpoint, None, b"x").await.unwrap();
    assert_eq!(tag().as_deref(), Some("two"));

    let fake = Fake::tcp(OPTIONS, [no_change()]).await;
    let unprobed = Client::new(Settings { canary_interval: Duration::ZERO, ..Settings::default() });
    exchange(&unprobed, &fake.endpoint, None, b"x").await.unwrap();
    assert_eq!(unprobed.signatures(&fake.endpoint), None);
}

#[tokio::test]
async fn a_server_that_closes_behind_options_is_asked_on_another_connection() {
    let closing = OPTIONS.replace("Allow", "Connection: close\r\nAllow");
    let fake = Fake::tcp(&closing, []).await;
    assert_eq!(outcome(&fake, b"x").await, Ok(Outcome::Clean));
    assert_eq!(fake.seen.lock().unwrap().connections, 2);
}

#[tokio::test]
async fn a_service_that_is_none_has_failed() {
    for options in
        ["ICAP/1.0 404 no\r\n\r\n", "ICAP/1.0 200 OK\r\nMethods: REQMOD\r\n\r\n", "nonsense\r\n\r\n"]
    {
        let fake = Fake::tcp(options, []).await;
        assert!(outcome(&fake, b"x").await.is_err(), "{options}");
        assert!(fake.seen.lock().unwrap().contents.is_empty());
    }
}

#[tokio::test]
async fn a_host_proves_itself_by_finding_the_test_file() {
    let fake = Fake::tcp(OPTIONS, [say(FOUND), no_change()]).await;
    let client = client();
    let version = client.probe(target(&fake.endpoint)).await.unwrap();
    assert_eq!(version, "fake (no preview, at most 7 connections)");
    assert!(memchr::memmem::find(&fake.seen.lock().unwrap().contents[0], &crate::eicar::eicar()).is_some());
    let failure = client.probe(target(&fake.endpoint)).await.unwrap_err();
    assert!(failure.chain().contains("does not find the EICAR test file"), "{failure:?}");
}

#[tokio::test]
async fn a_probe_takes_no_longer_than_it_may() {
    let fake = Fake::tcp(OPTIONS, [Act::Hang]).await;
    let target = Target { endpoint: &fake.endpoint, connect_timeout: Duration::from_millis(50) };
    assert!(matches!(client().probe(target).await, Err(Failure::Timeout)));
}

#[tokio::test]
async fn a_host_that_is_not_there_cannot_be_asked() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let endpoint = Endpoint::Tcp { host: "127.0.0.1".into(), port };
    let failure = exchange(&client(), &endpoint, None, b"x").await.err().unwrap();
    assert!(matches!(failure, Failure::Connect(_)), "{failure:?}");
}

fn envelope() -> Envelope {
    let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
    Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient]).unwrap()
}
