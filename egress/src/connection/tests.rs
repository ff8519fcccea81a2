//! The connection alone, as a load generator uses it, over a pipe or TCP on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use proto::{ForwardPath, MailParams, Origin, Recipient, ReversePath};

fn envelope(recipients: usize) -> Envelope {
    let recipient = Recipient::new(ForwardPath::parse("<r@example.org>", false).unwrap());
    let origin = Origin { ident: Some("4F".into()), ..Origin::default() };
    Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient; recipients])
        .unwrap()
        .with_origin(origin)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

/// Waits for `wanted` at the end of what comes in, then answers.
async fn on<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, wanted: &str, answer: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(wanted.as_bytes()) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "{read:?}");
        read.extend_from_slice(&byte);
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(read).unwrap()
}

async fn greeted(server: &mut DuplexStream, extensions: &str) {
    on(server, "", "220 x\r\n").await;
    on(server, "LHLO load.example\r\n", &format!("250-x\r\n{extensions}")).await;
}

async fn open(client: DuplexStream) -> Result<Connection<DuplexStream>, Failure> {
    Connection::greet(client, Protocol::Lmtp, "load.example", &Timeouts::default(), soon()).await
}

#[tokio::test(start_paused = true)]
async fn a_load_generator_learns_each_reply_and_how_long_the_dot_took() {
    let (client, mut server) = duplex(64);
    let serve = async {
        greeted(&mut server, "250-PIPELINING\r\n250 XFORWARD IDENT\r\n").await;
        let asked =
            on(&mut server, "DATA\r\n", "250 x\r\n250 m\r\n250 r\r\n550 no\r\n250 r\r\n354 go\r\n").await;
        assert!(asked.starts_with("XFORWARD IDENT=4F\r\nMAIL FROM:<>\r\n"), "{asked}");
        assert_eq!(on(&mut server, "\r\n.\r\n", "").await, "..a\r\nb\r\n.\r\n");
        tokio::time::sleep(Duration::from_secs(3)).await;
        on(&mut server, "", "250 saved\r\n").await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        on(&mut server, "", "451 busy\r\n").await;
    };
    let load = async {
        let mut connection = open(client).await.unwrap();
        let sent = connection.send(&envelope(3), b".a\nb", soon()).await.unwrap();
        let codes: Vec<_> = sent.replies.iter().map(NextHopReply::code).collect();
        assert_eq!(codes, [250, 550, 451]);
        assert_eq!(sent.dot.map(|took| took.as_secs()), Some(7));
        assert!(!connection.is_ready());
    };
    tokio::join!(serve, load);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again_by_a_load_generator() {
    let (client, mut server) = duplex(4_096);
    let serve = async {
        greeted(&mut server, "250 PIPELINING\r\n").await;
        for _ in 0..3 {
            on(&mut server, "DATA\r\n", "250 m\r\n250 r\r\n354 go\r\n").await;
            on(&mut server, "\r\n.\r\n", "250 saved\r\n").await;
        }
        on(&mut server, "QUIT\r\n", "221 bye\r\n").await;
    };
    let load = async {
        let mut connection = open(client).await.unwrap();
        for _ in 0..3 {
            assert!(connection.is_ready());
            connection.send(&envelope(1), b"x", soon()).await.unwrap();
        }
        connection.quit().await;
    };
    tokio::join!(serve, load);
}

/// Every stage has its own time-out, which bytes that are no reply yet do not make longer.
#[tokio::test(start_paused = true)]
async fn each_stage_has_its_time_out() {
    let stages: [(Stage, &str, u64); 7] = [
        (Stage::Greeting, "", 1),
        (Stage::Hello, "220 x\r\n", 2),
        (Stage::Mail, "220 x\r\n250 x\r\n", 3),
        (Stage::Rcpt, "220 x\r\n250 x\r\n250 m\r\n", 4),
        (Stage::Data, "220 x\r\n250 x\r\n250 m\r\n250 r\r\n", 5),
        (Stage::Transfer, "220 x\r\n250 x\r\n250 m\r\n250 r\r\n354 go\r\n", 6),
        (Stage::Dot, "220 x\r\n250 x\r\n250 m\r\n250 r\r\n354 go\r\n", 7),
    ];
    let timeouts = Timeouts {
        greeting: Duration::from_secs(1),
        ehlo: Duration::from_secs(2),
        mail: Duration::from_secs(3),
        rcpt: Duration::from_secs(4),
        data: Duration::from_secs(5),
        transfer: Duration::from_secs(6),
        dot: Duration::from_secs(7),
        ..Timeouts::default()
    };
    for (stage, replies, seconds) in stages {
        // Nobody reads content, so only one larger than this stalls.
        let (client, mut server) = duplex(1_024);
        let content = vec![b'x'; if stage == Stage::Transfer { 4_096 } else { 1 }];
        let began = Instant::now();
        let serve = async {
            let mut asked = "";
            for reply in replies.split_inclusive("\r\n") {
                on(&mut server, asked, reply).await;
                asked = "\r\n";
            }
            if stage != Stage::Transfer {
                loop {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    server.write_all(b"2").await.unwrap();
                }
            }
            std::future::pending::<()>().await;
        };
        let load = async {
            let mut connection = Connection::greet(client, Protocol::Smtp, "x", &timeouts, soon()).await?;
            connection.send(&envelope(1), &content, soon()).await.map(|_| ())
        };
        let failure = tokio::select! {
            found = load => found.unwrap_err(),
            () = serve => unreachable!("the next hop never ends"),
        };
        assert!(matches!(failure, Failure::TimedOut(at) if at == stage), "{stage:?}: {failure:?}");
        assert_eq!(began.elapsed().as_secs(), seconds, "{stage:?}");
    }
}

#[tokio::test]
async fn a_reply_read_before_a_reset_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        on(&mut stream, "", "220 x\r\n").await;
        on(&mut stream, "EHLO load.example\r\n", "250-x\r\n250 PIPELINING\r\n").await;
        on(&mut stream, "DATA\r\n", "250 m\r\n250 r\r\n354 go\r\n").await;
        on(&mut stream, "\r\n.\r\n", "250 saved\r\n").await;
        reset(stream);
    };
    let load = async {
        let timeouts = Timeouts::default();
        let mut connection =
            Connection::open(&endpoint, Protocol::Smtp, "load.example", &timeouts, soon()).await.unwrap();
        connection.send(&envelope(1), b"x", soon()).await.unwrap()
    };
    let ((), sent) = tokio::join!(serve, load);
    assert_eq!(sent.replies[0].to_string(), "250 saved");
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[tokio::test]
async fn a_refused_connection_says_what_was_attempted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    let opened = Connection::open(&endpoint, Protocol::Smtp, "x", &Timeouts::default(), soon()).await;
    let failure = opened.unwrap_err();
    assert!(matches!(failure, Failure::Connect(_)));
    assert_eq!(failure.to_string(), "connecting to the next hop");
}

#[tokio::test(start_paused = true)]
async fn large_content_and_many_replies_do_not_wait_for_each_other() {
    let recipients = 2_000;
    let (client, mut server) = duplex(4_096);
    let serve = async {
        greeted(&mut server, "250 PIPELINING\r\n").await;
        on(&mut server, "MAIL FROM:<>\r\n", "250 m\r\n").await;
        for _ in 0..recipients {
            on(&mut server, "RCPT TO:<r@example.org>\r\n", "250 a reply that is not quite short\r\n").await;
        }
        on(&mut server, "DATA\r\n", "354 go\r\n").await;
        on(&mut server, "\r\n.\r\n", &"250 saved\r\n".repeat(recipients)).await;
    };
    let load = async {
        let mut connection = open(client).await.unwrap();
        let content = ".line\r\n".repeat(10_000);
        let sent = connection.send(&envelope(recipients), content.as_bytes(), soon()).await.unwrap();
        assert_eq!(sent.replies.len(), recipients);
    };
    tokio::join!(serve, load);
}

#[tokio::test(start_paused = true)]
async fn a_next_hop_that_left_before_the_dot_is_noticed_without_it() {
    for (last_words, refused) in [("", false), ("452 4.3.1 disk full\r\n", true)] {
        let (client, mut server) = duplex(4_096);
        let serve = async {
            greeted(&mut server, "250 PIPELINING\r\n").await;
            on(&mut server, "DATA\r\n", "250 m\r\n250 r\r\n354 go\r\n").await;
            on(&mut server, "", last_words).await;
            server.shutdown().await.unwrap();
            let mut rest = String::new();
            server.read_to_string(&mut rest).await.unwrap();
            rest
        };
        let load = async {
            let mut connection = open(client).await.unwrap();
            let mut nobody = |_, _, _| {};
            let recipients = [Position::new(0)];
            connection
                .offer(&envelope(1), &recipients, &[b"x"], false, soon(), &mut nobody)
                .await
                .unwrap_err()
        };
        let (rest, failure) = tokio::join!(serve, load);
        assert_eq!(rest, "x\r\n");
        assert_eq!(failure.stage(), Stage::Transfer);
        assert_eq!(matches!(failure, Failure::Refused { .. }), refused, "{failure:?}");
    }
}

/// Counts the writes that reach a stream.
struct Counting(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_mail_is_three_writes() {
    let (client, mut server) = duplex(64 * 1_024);
    let writes = Arc::new(AtomicUsize::new(0));
    let serve = async {
        greeted(&mut server, "250-PIPELINING\r\n250 XFORWARD IDENT\r\n").await;
        on(&mut server, "DATA\r\n", "250 x\r\n250 m\r\n250 r\r\n250 r\r\n354 go\r\n").await;
        on(&mut server, "\r\n.\r\n", "250 saved\r\n250 saved\r\n").await;
    };
    let load = async {
        let stream = Counting(client, Arc::clone(&writes));
        let timeouts = Timeouts::default();
        let mut connection =
            Connection::greet(stream, Protocol::Lmtp, "load.example", &timeouts, soon()).await.unwrap();
        let before = writes.load(Ordering::Relaxed);
        connection.send(&envelope(2), b"a\r\n.b\r\nc", soon()).await.unwrap();
        assert_eq!(writes.load(Ordering::Relaxed) - before, 3);
    };
    tokio::join!(serve, load);
}
