//! A TCP link between two parties that fails as the test wants: cut, stalled, slow, half-closed, or not there.
//!
//! It keeps its address while what is behind it comes, goes and moves to another port.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// After that many bytes both directions end, without a farewell.
    CutAfter(u64),
    /// After that many bytes this direction ends (FIN), the other goes on.
    HalfCloseAfter(u64),
    /// After that many bytes nothing more gets through.
    StallAfter(u64),
    /// Each piece is late by that much.
    Delay(Duration),
}

/// How the link is now.
#[derive(Clone, Debug, Default)]
struct Condition {
    /// Where it leads; `None`: connections are closed at once.
    target: Option<String>,
    /// From the connecting party.
    up: Fault,
    /// Towards it.
    down: Fault,
    /// Changed to cut the connections that are open.
    generation: u64,
    /// Nothing gets through, and nobody is told: a cable that was pulled.
    silent: bool,
}

/// A link; it goes down when it is dropped.
pub struct Link {
    endpoint: String,
    condition: watch::Sender<Condition>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Link {
    /// A faultless link to `HOST:PORT`.
    pub async fn to(target: &str) -> Self {
        let link = Self::to_nowhere().await;
        link.lead_to(target);
        link
    }

    /// A link with nothing behind it yet.
    pub async fn to_nowhere() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind link");
        let endpoint = listener.local_addr().expect("bound").to_string();
        let (condition, current) = watch::channel(Condition::default());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut running = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                running.spawn(connection(stream, current.clone()));
            }
        });
        Self { endpoint, condition, connections, _tasks: tasks }
    }

    /// `HOST:PORT` of this end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// New connections go there.
    pub fn lead_to(&self, target: &str) {
        self.condition.send_modify(|condition| condition.target = Some(target.to_owned()));
    }

    /// Cuts what is open; new connections are closed at once.
    pub fn go_down(&self) {
        self.condition.send_modify(|condition| {
            condition.target = None;
            condition.generation += 1;
        });
    }

    /// Cuts what is open; new connections work.
    pub fn cut(&self) {
        self.condition.send_modify(|condition| condition.generation += 1);
    }

    /// From now on nothing gets through, in open connections neither, and no end is told.
    pub fn go_silent(&self) {
        self.condition.send_modify(|condition| condition.silent = true);
    }

    /// What was held back by [`Link::go_silent`] gets through.
    pub fn speak(&self) {
        self.condition.send_modify(|condition| condition.silent = false);
    }

    /// Faults of connections made from now on: from the connecting party, and towards it.
    pub fn fail(&self, up: Fault, down: Fault) {
        self.condition.send_modify(|condition| {
            condition.up = up;
            condition.down = down;
        });
    }
}

async fn connection(near: TcpStream, mut current: watch::Receiver<Condition>) {
    let condition = current.borrow_and_update().clone();
    let Some(target) = condition.target else {
        return;
    };
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    for stream in [&near, &far] {
        // Without it bytes are only late.
        let _ignored = stream.set_nodelay(true);
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let (up, down) = (current.clone(), current.clone());
    let both = async {
        tokio::try_join!(
            pump(near_read, far_write, condition.up, up),
            pump(far_read, near_write, condition.down, down)
        )
    };
    tokio::select! {
        // An error of one direction ends both: they are dropped here.
        _ended = both => {}
        _cut = current.wait_for(|now| now.generation != condition.generation) => {}
    }
}

/// Carries bytes until the end of this direction; an error cuts the connection.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: Fault,
    mut current: watch::Receiver<Condition>,
) -> io::Result<()> {
    let (limit, at_limit) = match fault {
        Fault::None | Fault::Delay(_) => (u64::MAX, Fault::None),
        Fault::CutAfter(limit) | Fault::HalfCloseAfter(limit) | Fault::StallAfter(limit) => (limit, fault),
    };
    let mut left = limit;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if left == 0 {
            match at_limit {
                Fault::CutAfter(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Fault::StallAfter(_) => std::future::pending::<()>().await,
                Fault::None | Fault::HalfCloseAfter(_) | Fault::Delay(_) => return to.shutdown().await,
            }
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = from.read(&mut buffer[..most]).await?;
        if current.wait_for(|now| !now.silent).await.is_err() {
            // The link is gone.
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if count == 0 {
            return to.shutdown().await;
        }
        if let Fault::Delay(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&buffer[..count]).await?;
        left -= count as u64;
    }
}
