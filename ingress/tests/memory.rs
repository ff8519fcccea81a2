//! Row F44 of the fault matrix: many large mails at once need the memory that admission counts, and not a fifth more.
//! A process of its own, since it is the process's memory that is measured.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use ingress::{Listener, Metrics, Pipeline, Server, Settings};

const MIB: u64 = 1024 * 1024;
const MAIL_BYTES_MAX: u64 = 16 * MIB;
const ADMITTED: usize = 8;
const CLIENTS: usize = 20;

/// Holds every mail until it is let go.
struct Holding {
    started: mpsc::Sender<()>,
    let_go: Arc<Semaphore>,
}

impl Pipeline for Holding {
    async fn submit(
        &self,
        mail: proto::Mail,
        _: proto::Deadline,
        _: Arc<dyn proto::Early>,
    ) -> proto::Outcomes {
        self.started.send(()).await.unwrap();
        let _permit = self.let_go.acquire().await.unwrap();
        proto::Outcomes::all(&mail.envelope, &proto::Reply::enhanced(250, 0, 0, "taken"))
    }
}

/// The largest resident size so far, in bytes.
fn resident_bytes_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Sends one mail of the largest size, announced or not; true when it was taken. An announced one is refused at MAIL, the
/// other behind its dot.
async fn send(address: String, content: Arc<[u8]>, announced: bool) -> bool {
    let mut stream = BufReader::new(TcpStream::connect(&address).await.unwrap());
    let size = if announced { format!(" SIZE={}", content.len()) } else { String::new() };
    let envelope = format!("HELO client\r\nMAIL FROM:<>{size}\r\nRCPT TO:<a@b.test>\r\nDATA\r\n");
    stream.write_all(envelope.as_bytes()).await.unwrap();
    let mut lines = Vec::new();
    while lines.len() < 5 {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        lines.push(line);
    }
    if lines[2].starts_with("451 4.3.2") {
        return false;
    }
    assert!(lines[4].starts_with("354"), "{lines:?}");
    stream.write_all(&content).await.unwrap();
    stream.write_all(b".\r\n").await.unwrap();
    let mut reply = String::new();
    stream.read_line(&mut reply).await.unwrap();
    if !announced && reply.starts_with("452 4.3.1") {
        return false;
    }
    assert_eq!(reply, "250 2.0.0 taken\r\n");
    true
}

#[tokio::test]
async fn f44_large_mails_at_once_stay_within_what_was_admitted() {
    let settings = Settings {
        size_bytes_max: MAIL_BYTES_MAX,
        in_flight_bytes_max: MAIL_BYTES_MAX * ADMITTED as u64,
        ..Settings::default()
    };
    let budget = settings.in_flight_bytes_max;
    let (started, mut starts) = mpsc::channel(CLIENTS);
    let let_go = Arc::new(Semaphore::new(0));
    let pipeline = Holding { started, let_go: let_go.clone() };
    let server = Server::new(settings, Arc::new(pipeline), Metrics::default());
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local().to_string();
    let mut serving = JoinSet::new();
    let drain = CancellationToken::new();
    serving.spawn(server.serve(vec![listener], drain.clone(), CancellationToken::new()));

    let line = [b"x".repeat(62).as_slice(), b"\r\n"].concat();
    let content: Arc<[u8]> = line.repeat((MAIL_BYTES_MAX / 64) as usize).into();
    let before = resident_bytes_max();
    let start = |announced| {
        let clients = (0..CLIENTS).map(|_| send(address.clone(), content.clone(), announced));
        clients.collect::<JoinSet<_>>()
    };

    let clients = start(true);
    for _ in 0..ADMITTED {
        starts.recv().await.unwrap();
    }
    let used = resident_bytes_max() - before;
    assert!(budget * 8 / 10 < used, "{used} is less than was sent: nothing was measured");
    let_go.add_permits(CLIENTS);
    let taken = clients.join_all().await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), ADMITTED);

    // Who of them is taken is chance: each takes more as its content comes, until nothing is left.
    let taken = start(false).join_all().await;
    assert!(taken.contains(&true), "all were refused although one would fit");

    let used = resident_bytes_max() - before;
    assert!(used < budget * 12 / 10, "{used} used, {budget} admitted");
    drain.cancel();
    serving.join_next().await.unwrap().unwrap();
}
