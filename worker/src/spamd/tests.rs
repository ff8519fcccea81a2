//! The client over sockets, against a spamd that says what it is told.

use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use proto::Endpoint;

use super::*;
use crate::Metrics;
use crate::pool::testing::{mail, minute, settings};
use crate::pool::{Asked, Failed, Pool};

/// Reads a whole request when `reads`, gives `reply` and closes; tells what it read.
async fn ask_one(reply: &[u8], reads: bool, options: &Options) -> (Result<Outcome, Failed>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reply = reply.to_vec();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        if reads {
            socket.read_to_end(&mut request).await.unwrap();
        }
        // The client may be gone.
        let _result: std::io::Result<()> = socket.write_all(&reply).await;
        request
    });
    let endpoint = Endpoint::Tcp { host: "127.0.0.1".into(), port };
    let metrics = Metrics::register(&mut Registry::default());
    let pool = Pool::new("spam", Spamd::new(options), settings(&[endpoint]), &metrics);
    let mail = mail(b"Subject: x\r\n\r\nhello\r\n");
    let outcome = pool.scan(&Asked::head_of(&mail, usize::MAX), minute()).await;
    (outcome, tasks.join_next().await.unwrap().unwrap())
}

#[tokio::test]
async fn a_mail_goes_there_whole_and_its_score_comes_back() {
    let options = Options { user: Some("filter".into()), wants_report: false };
    let reply = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\nSpam: True ; 1000.0 / 5.0\r\n\r\nGTUBE";
    let (outcome, request) = ask_one(reply, true, &options).await;
    let Ok(Outcome::Score(said)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((said.score.to_string().as_str(), said.symbols.len()), ("1000", 1));
    let expected =
        "SYMBOLS SPAMC/1.5\r\nUser: filter\r\nContent-length: 21\r\n\r\nSubject: x\r\n\r\nhello\r\n";
    assert_eq!(String::from_utf8_lossy(&request), expected);
}

#[tokio::test]
async fn a_user_that_is_no_word_is_not_sent() {
    let options = Options { user: Some("a\r\nContent-length: 0".into()), wants_report: true };
    let (_, request) = ask_one(b"", true, &options).await;
    assert!(request.starts_with(b"REPORT SPAMC/1.5\r\nContent-length: 21\r\n\r\nSubject"));
}

#[tokio::test]
async fn no_usable_answer_is_a_failure() {
    let endless = vec![b'x'; 2 * REPLY_BYTES_MAX];
    let cut = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\nSpam: True ; 1000.0 / 5.0\r\n\r\nGTU";
    let cases: [(&[u8], &str); 5] = [
        (b"", "before any answer"),
        (b"SPAMD/1.0 74 EX_IOERR\r\n", "74 EX_IOERR"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "the first line is not spamd's"),
        (cut, "not as long as it says"),
        (&endless, "longer than 65536 bytes"),
    ];
    for (reply, why) in cases {
        let (outcome, _) = ask_one(reply, true, &Options::default()).await;
        let Err(Failed(reason)) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains(why), "{reason}");
    }
}

#[tokio::test]
async fn a_spamd_that_never_answers_costs_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut settings = settings(&[Endpoint::Tcp { host: "127.0.0.1".into(), port }]);
    settings.total_timeout = Duration::from_millis(50);
    let metrics = Metrics::register(&mut Registry::default());
    let pool = Pool::new("spam", Spamd::new(&Options::default()), settings, &metrics);
    let mail = mail(b"x");
    let outcome = pool.scan(&Asked::head_of(&mail, usize::MAX), minute()).await;
    assert!(matches!(&outcome, Err(Failed(reason)) if reason.contains("no answer in time")), "{outcome:?}");
}
