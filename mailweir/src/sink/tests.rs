//! Conversations with the sink over real sockets, in the words of a client.

use std::sync::Arc;
use std::time::Duration;

use proto::Endpoint;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::SinkServer;
use super::store::{Keeper, Store};
use super::totals::{Counted, Totals};
use crate::config::Config;
use crate::signals::Shutdown;

const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    address: String,
    totals: Arc<Totals>,
    shutdown: Shutdown,
    tasks: JoinSet<()>,
}

async fn start(flags: &[(&str, &str)], keeper: Option<Arc<dyn Keeper>>) -> Running {
    let mut all = vec![("sink.listen", "127.0.0.1:0")];
    all.extend(flags);
    let settings = Config::of_flags(&all).unwrap().sections.sink;
    let server = SinkServer::bind(settings, keeper).await.unwrap();
    let (address, totals) = (server.local().unwrap().remove(0), server.totals());
    let (shutdown, mut tasks) = (Shutdown::default(), JoinSet::new());
    tasks.spawn(server.serve(shutdown.clone()));
    Running { address, totals, shutdown, tasks }
}

impl Running {
    /// Sends all of `said` at once, closes our side, and gives every reply line but those of the greeting.
    async fn talk(&self, said: &str) -> Vec<String> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        conversation(stream, said).await
    }

    fn counted(&self) -> Counted {
        self.totals.counted()
    }
}

async fn conversation(mut stream: impl AsyncRead + AsyncWrite + Unpin, said: &str) -> Vec<String> {
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    let lines = heard.lines().filter(|line| !line.starts_with("250-") && !line.starts_with("250 XFORWARD"));
    lines.skip(1).map(str::to_owned).collect()
}

fn codes(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| &line[..3]).collect()
}

const HEAD: &str =
    "LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<Refused.one@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n";

/// As a client that waits for 354 would send it: in two pieces, read between them.
async fn in_two(running: &Running, head: &str, tail: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(&running.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n") || !String::from_utf8_lossy(&heard).contains("354 ") {
        assert!(stream.read_buf(&mut heard).await.unwrap() > 0, "{}", String::from_utf8_lossy(&heard));
    }
    stream.write_all(tail.as_bytes()).await.unwrap();
    let ended = timeout(DEADLINE, stream.read_to_end(&mut heard)).await;
    let heard = String::from_utf8(heard).unwrap();
    assert!(ended.is_ok(), "the sink does not close:\n{heard}");
    let lines = heard.lines().filter(|line| !line.starts_with("250-") && !line.starts_with("250 XFORWARD"));
    lines.skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn it_counts_what_it_takes_by_lmtp() {
    let running = start(&[], None).await;
    let heard = in_two(&running, HEAD, "A: 1\r\n\r\nx\r\n.\r\nQUIT\r\n").await;
    assert_eq!(codes(&heard), ["250", "250", "250", "250", "354", "250", "250", "250", "221"], "{heard:#?}");
    let expected = Counted { connections: 1, mails: 1, recipients: 3, bytes: 11, ..Counted::default() };
    assert_eq!(running.counted(), expected);
}

#[tokio::test]
async fn a_refused_recipient_gets_550_in_its_place_and_the_others_the_mail() {
    let running = start(&[("sink.refuse_rcpt", "refused*@d")], None).await;
    let heard =
        in_two(&running, HEAD, "A: 1\r\n\r\nx\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<refused@d>\r\nQUIT\r\n")
            .await;
    let expected = ["250", "250", "550", "250", "354", "250", "250", "250", "550", "221"];
    assert_eq!(codes(&heard), expected, "{heard:#?}");
    assert_eq!((running.counted().recipients, running.counted().refused_recipients), (2, 2));
}

#[tokio::test]
async fn a_refused_recipient_out_of_order_is_out_of_order() {
    let running = start(&[("sink.refuse_rcpt", "*")], None).await;
    let heard = running.talk("LHLO x\r\nRCPT TO:<c@d>\r\nQUIT\r\n").await;
    assert_eq!(codes(&heard), ["503", "221"], "{heard:#?}");
}

#[tokio::test]
async fn by_smtp_there_is_one_reply() {
    let running = start(&[], None).await;
    let heard = in_two(&running, &HEAD.replace("LHLO", "EHLO"), "x\r\n.\r\nQUIT\r\n").await;
    assert_eq!(codes(&heard), ["250", "250", "250", "250", "354", "250", "221"], "{heard:#?}");
}

#[tokio::test]
async fn the_final_dot_is_refused_as_told() {
    let running = start(&[("sink.refuse_data", "452")], None).await;
    let heard = in_two(&running, HEAD, "x\r\n.\r\nQUIT\r\n").await;
    assert_eq!(codes(&heard)[5..], ["452", "452", "452", "221"], "{heard:#?}");
    assert_eq!((running.counted().mails, running.counted().refused_mails), (0, 1));
}

#[tokio::test]
async fn the_connection_is_dropped_as_told() {
    let running = start(&[("sink.drop_after_dot", "true")], None).await;
    let heard = in_two(&running, HEAD, "x\r\n.\r\n").await;
    assert_eq!(codes(&heard).last(), Some(&"354"), "{heard:#?}");
    assert_eq!((running.counted().mails, running.counted().dropped), (0, 1));
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_354_is_refused() {
    let running = start(&[], None).await;
    let heard = running.talk(&format!("{HEAD}x\r\n.\r\n")).await;
    assert!(!codes(&heard).contains(&"354"), "{heard:#?}");
    assert_eq!(running.counted().mails, 0);
}

#[tokio::test]
async fn mails_are_stored_with_their_envelopes() {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Keeper> = Arc::new(Store::open(directory.path()).unwrap());
    let running = start(&[], Some(store)).await;
    let head = HEAD.replace("MAIL FROM:<a@b>", "XFORWARD IDENT=4F\r\nMAIL FROM:<a@b> BODY=8BITMIME");
    in_two(&running, &head, "..dot\r\n.\r\nQUIT\r\n").await;
    let index = std::fs::read_to_string(directory.path().join("index.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(index.trim()).unwrap();
    assert_eq!(
        (line["sender"].as_str(), line["recipients"][2]["address"].as_str()),
        (Some("a@b"), Some("e@d"))
    );
    assert_eq!((line["xforward"]["ident"].as_str(), line["bytes"].as_u64()), (Some("4F"), Some(6)));
    assert_eq!(line["params"]["body"], "EightBitMime");
    let content = std::fs::read(directory.path().join(line["file"].as_str().unwrap())).unwrap();
    assert_eq!(content, b".dot\r\n");
}

#[tokio::test]
async fn a_store_goes_on_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    for expected in ["000001.eml", "000002.eml"] {
        let store: Arc<dyn Keeper> = Arc::new(Store::open(directory.path()).unwrap());
        let running = start(&[], Some(store)).await;
        in_two(&running, HEAD, "x\r\n.\r\nQUIT\r\n").await;
        assert!(directory.path().join(expected).exists(), "{expected}");
    }
}

#[tokio::test]
async fn unix_sockets_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::Unix(directory.path().join("s"));
    let running = start(&[("sink.listen", &endpoint.to_string())], None).await;
    assert_eq!(running.address, endpoint.to_string());
    let stream = UnixStream::connect(directory.path().join("s")).await.unwrap();
    let heard = conversation(stream, "LHLO x\r\nQUIT\r\n").await;
    assert_eq!(codes(&heard), ["221"]);
}

#[tokio::test]
async fn a_drain_ends_idle_sessions_and_lets_transactions_finish() {
    let mut running = start(&[], None).await;
    let mut idle = TcpStream::connect(&running.address).await.unwrap();
    let mut greeting = [0; 4];
    idle.read_exact(&mut greeting).await.unwrap();
    let mut busy = TcpStream::connect(&running.address).await.unwrap();
    busy.write_all(HEAD.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("354 ") {
        assert!(busy.read_buf(&mut heard).await.unwrap() > 0);
    }
    running.shutdown.drain.cancel();
    let mut rest = String::new();
    idle.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("421"), "{rest}");
    busy.write_all(b"x\r\n.\r\n").await.unwrap();
    let mut rest = String::new();
    busy.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest.matches("250 2.0.0").count(), 3, "{rest}");
    running.tasks.join_next().await.unwrap().unwrap();
}
