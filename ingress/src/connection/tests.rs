//! Connections over a pipe in memory, with paused time: time-outs, the pipeline's ways to fail, vanishing clients.

use std::task::{Context as TaskContext, Poll};

use proto::{Outcomes, Position};
use tokio::io::{DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Settings;
use crate::testing::{Client, Scripted, accepted};

use super::*;

mod pipeline;

/// A server of one connection.
struct Bench {
    context: Arc<Context<Scripted>>,
    running: JoinSet<()>,
}

impl Bench {
    fn new(settings: Settings, pipeline: Arc<Scripted>) -> Self {
        let metrics = Metrics::default();
        let context = Context {
            admission: Admission::new(&settings, &metrics),
            rules: Arc::new(Rules::new(settings)),
            pipeline,
            metrics,
            tasks: TaskTracker::new(),
            drain: CancellationToken::new(),
            stop: CancellationToken::new(),
        };
        Self { context: Arc::new(context), running: JoinSet::new() }
    }

    fn connect(&mut self) -> Client<DuplexStream> {
        let (ours, theirs) = duplex(64 * 1024);
        self.serve(theirs);
        Client::new(ours)
    }

    fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&mut self, stream: S) {
        let connection = Connection::new(stream, "192.0.2.1", self.context.clone());
        self.running.spawn(connection.run());
    }

    /// Waits until the connection is over and nothing is held any more.
    async fn ended(&mut self) {
        self.running.join_next().await.unwrap().unwrap();
        assert_eq!(self.context.admission.in_flight_bytes(), 0);
        assert_eq!(self.context.admission.transactions(), 0);
    }
}

fn accepting() -> Bench {
    Bench::new(Settings::default(), Scripted::accepting())
}

async fn seconds_until_closed(client: &mut Client<DuplexStream>, since: Instant) -> (u64, Vec<String>) {
    let lines = client.rest().await;
    (since.elapsed().as_secs(), lines)
}

#[tokio::test(start_paused = true)]
async fn a_mail_is_taken_and_answered() {
    let mut bench = accepting();
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(2).await;
    client.send("Subject: x\r\n\r\ny\r\n.\r\nQUIT\r\n").await;
    assert_eq!(client.rest().await, ["250 2.0.0 taken", "250 2.0.0 taken", "221 2.0.0 Bye"]);
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn idle_sessions_are_kept_as_long_as_promised() {
    let mut bench = accepting();
    let mut client = bench.connect();
    client.hello().await;
    sleep(Duration::from_secs(299)).await;
    client.send("NOOP\r\n").await;
    client.until("250").await;
    let since = Instant::now();
    let (seconds, lines) = seconds_until_closed(&mut client, since).await;
    assert_eq!((seconds, lines), (300, vec!["421 4.4.2 idle for too long, closing".to_owned()]));
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn b15_a_command_that_trickles_in_is_idle() {
    let mut bench = accepting();
    let mut client = bench.connect();
    client.hello().await;
    let since = Instant::now();
    for _ in 0..29 {
        sleep(Duration::from_secs(10)).await;
        client.send("N").await;
    }
    let (seconds, lines) = seconds_until_closed(&mut client, since).await;
    assert_eq!((seconds, lines.len()), (300, 1));
}

#[tokio::test(start_paused = true)]
async fn b15_a_content_that_trickles_in_is_given_up() {
    let mut bench = accepting();
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    let since = Instant::now();
    for _ in 0..5 {
        sleep(Duration::from_secs(10)).await;
        client.send("x").await;
    }
    let (seconds, lines) = seconds_until_closed(&mut client, since).await;
    let expected = "421 4.4.2 content comes too slowly, closing";
    assert_eq!((seconds, lines), (60, vec![expected.to_owned()]));
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn f03_silence_in_the_content_ends_the_session() {
    let settings = Settings { data_rate_min: 0, ..Settings::default() };
    let mut bench = Bench::new(settings, Scripted::accepting());
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    sleep(Duration::from_secs(100)).await;
    client.send("x").await;
    let since = Instant::now();
    assert_eq!(seconds_until_closed(&mut client, since).await.0, 180);
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn b15_a_content_may_take_only_so_long() {
    let mut bench = accepting();
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    let since = Instant::now();
    let line = format!("{}\r\n", "x".repeat(60_000));
    for _ in 0..5 {
        client.send(&line).await;
        sleep(Duration::from_secs(119)).await;
    }
    assert_eq!(seconds_until_closed(&mut client, since).await.0, 600);
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_replies_is_given_up() {
    let mut bench = accepting();
    let (ours, theirs) = duplex(16);
    bench.serve(theirs);
    let since = Instant::now();
    bench.ended().await;
    // The time-out of a write, and a moment in which the client might still take them.
    assert_eq!(since.elapsed(), Duration::from_secs(301));
    drop(ours);
}

#[tokio::test(start_paused = true)]
async fn f01_a_client_that_drops_inside_data_leaves_nothing() {
    let pipeline = Scripted::new(|_, _, _| async { panic!("half a mail was handed on") });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    client.send("Subject: x\r\n\r\nhalf").await;
    drop(client);
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn draining_ends_idle_sessions_but_not_their_first_mail() {
    let mut bench = accepting();
    let mut used = bench.connect();
    used.hello().await;
    used.envelope(1).await;
    used.send(".\r\n").await;
    used.until("250").await;
    let mut fresh = bench.connect();
    fresh.hello().await;
    bench.context.admission.drain();
    bench.context.drain.cancel();
    assert_eq!(used.rest().await, ["421 4.3.2 shutting down, closing"]);
    fresh.send("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n").await;
    assert_eq!(
        fresh.rest().await,
        [
            "451 4.3.2 shutting down, try again later",
            "503 5.5.1 no MAIL was accepted",
            "503 5.5.1 no MAIL was accepted",
            "421 4.3.2 shutting down, closing",
        ]
    );
}

/// Counts what would be system calls.
struct Counted<S> {
    stream: S,
    reads: Arc<std::sync::atomic::AtomicUsize>,
    writes: Arc<std::sync::atomic::AtomicUsize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let polled = std::pin::Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            self.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.writes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::pin::Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: std::pin::Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_mail_is_few_reads_and_writes() {
    let mut bench = accepting();
    let (ours, theirs) = duplex(64 * 1024);
    let stream = Counted { stream: theirs, reads: Arc::default(), writes: Arc::default() };
    let (reads, writes) = (stream.reads.clone(), stream.writes.clone());
    bench.serve(stream);
    let mut client = Client::new(ours);
    client.hello().await;
    client.envelope(3).await;
    client.send(&format!("{}.\r\n", "Subject: x\r\n".repeat(340))).await;
    for _ in 0..3 {
        client.until("250").await;
    }
    client.send("QUIT\r\n").await;
    client.until("221").await;
    drop(client);
    bench.ended().await;
    // LHLO, envelope, content, QUIT, and the end of the stream; greeting and the reply to each.
    let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((count(&reads), count(&writes)), (5, 5));
}
