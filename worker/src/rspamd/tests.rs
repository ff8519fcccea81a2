//! The client over sockets, against an rspamd that says what it is told.

use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use proto::{Envelope, ForwardPath, MailParams, Recipient, ReversePath};

use super::*;
use crate::Metrics;
use crate::pool::testing::{mail, minute, settings};
use crate::pool::{Asked, Failed, Pool};

const CONTENT: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

/// Reads a request with [`CONTENT`], answers and closes. Gives the request.
async fn serve(
    socket: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    reply: &[u8],
) -> String {
    let mut request = Vec::new();
    while !request.ends_with(CONTENT) {
        if socket.read_buf(&mut request).await.unwrap() == 0 {
            break;
        }
    }
    // The client may be gone.
    let _result: io::Result<()> = socket.write_all(reply).await;
    String::from_utf8(request).unwrap()
}

async fn scan(endpoint: Endpoint, envelope: Option<Envelope>) -> Result<Outcome, Failed> {
    let metrics = Metrics::register(&mut Registry::default());
    let pool = Pool::new("rspamd", Rspamd, settings(&[endpoint]), &metrics);
    let mail = mail(CONTENT);
    let mut asked = Asked::head_of(&mail, usize::MAX);
    if let Some(envelope) = &envelope {
        asked.envelope = envelope;
    }
    pool.scan(&asked, minute()).await
}

async fn ask_one(reply: &[u8], envelope: Option<Envelope>) -> (Result<Outcome, Failed>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reply = reply.to_vec();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { serve(&mut listener.accept().await.unwrap().0, &reply).await });
    let outcome = scan(Endpoint::Tcp { host: "127.0.0.1".into(), port }, envelope).await;
    (outcome, tasks.join_next().await.unwrap().unwrap())
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const SPAM: &str = r#"{"score":20.5,"required_score":15.0,"action":"reject"}"#;

#[track_caller]
fn assert_spam(outcome: Result<Outcome, Failed>) {
    let Ok(Outcome::Score(said)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(said.score.to_string(), "20.5");
}

#[tokio::test]
async fn the_envelope_travels_in_fields() {
    let mut origin = proto::Origin::default();
    for attribute in ["NAME=client.example", "ADDR=IPv6:2001:db8::1", "HELO=helo.example", "IDENT=4FABCD"] {
        origin.take(attribute).unwrap();
    }
    let recipients = ["<a@example.org>", "<b@example.org>"];
    let recipients = recipients.map(|path| Recipient::new(ForwardPath::parse(path, false).unwrap()));
    let sender = ReversePath::parse("<s@example.net>", false).unwrap();
    let envelope =
        Envelope::new(sender, MailParams::default(), recipients.to_vec()).unwrap().with_origin(origin);
    let (outcome, request) = ask_one(ok(SPAM).as_bytes(), Some(envelope)).await;
    assert_spam(outcome);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().filter(|line| !line.starts_with("host: 127.0.0.1:")).collect();
    assert_eq!(lines.remove(0), "POST /checkv2 HTTP/1.1");
    lines.sort_unstable();
    let expected = [
        "content-length: 21",
        "from: s@example.net",
        "helo: helo.example",
        "hostname: client.example",
        "ip: 2001:db8::1",
        "queue-id: 4FABCD",
        "rcpt: a@example.org",
        "rcpt: b@example.org",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body.as_bytes(), CONTENT);
}

#[tokio::test]
async fn it_may_listen_on_a_unix_socket_and_answer_in_chunks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rspamd");
    let listener = UnixListener::bind(&path).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let reply = format!("{head}{:x}\r\n{SPAM}\r\n0\r\n\r\n", SPAM.len());
        serve(&mut listener.accept().await.unwrap().0, reply.as_bytes()).await
    });
    assert_spam(scan(Endpoint::Unix(path), None).await);
}

#[tokio::test]
async fn no_usable_answer_is_a_failure() {
    let redirect = "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(REPLY_BYTES_MAX));
    let cases = [
        (String::new(), "before any answer"),
        ("garbage\r\n\r\n".into(), "cannot read the answer"),
        ("SPAMD/1.1 0 EX_OK\r\n\r\n".into(), "cannot read the answer"),
        (redirect.into(), "HTTP status 301"),
        ("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n".into(), "HTTP status 500"),
        (format!("HTTP/1.1 200 OK\r\n\r\n{SPAM}"), "it has no length"),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{SPAM}"), "cannot read the answer"),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{SPAM}"), "within the answer"),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{SPAM}"), "within the answer"),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{SPAM}"), "within the answer"),
        (ok(&long), "longer than 1048576 bytes"),
        (ok("pong"), "no answer of rspamd"),
        (ok("{}"), "no answer of rspamd"),
    ];
    for (reply, why) in cases {
        let (outcome, _) = ask_one(reply.as_bytes(), None).await;
        let Err(Failed(reason)) = outcome else { panic!("{outcome:?} of {reply:.200}") };
        assert!(reason.contains(why), "{reason} of {reply:.200}");
    }
}
