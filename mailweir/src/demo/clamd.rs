//! A stand-in for clamd that finds nothing, and can be told not to answer: so that a worker holds mails for as long as
//! the demonstration wants, instead of for as long as a scan happens to take.
//!
//! INSTREAM inside and outside of IDSESSION, VERSION and PING, each in its `z` form, which is what our worker sends. It
//! finds the EICAR test file, without which a worker would not believe it.

use std::io;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use proto::Endpoint;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Enough to see how a content ends.
const TAIL_BYTES: usize = 128;
/// How the encrypted archive starts that a worker tries its scanners with, and no mail does.
const ARCHIVE: &[u8] = b"PK\x03\x04";
/// A part of the EICAR test file that no other content has.
const TEST_FILE: &[u8] = b"$EICAR-STANDARD-ANTI";

/// A running stand-in; gone when dropped.
pub(super) struct Clamd {
    pub(super) endpoint: Endpoint,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    /// Whether scans stay unanswered.
    holds: watch::Sender<bool>,
    /// Scans that are unanswered.
    held: watch::Sender<usize>,
}

impl Clamd {
    /// Listens on a free port of 127.0.0.1 and answers at once.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("starting a stand-in for clamd")?;
        let endpoint = listener.local_addr()?.to_string().parse()?;
        let state = Arc::new(State { holds: watch::Sender::new(false), held: watch::Sender::new(0) });
        let (shared, mut tasks) = (state.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                sessions.spawn(async move {
                    // A worker that is killed breaks its sessions.
                    drop(serve(stream, &state).await);
                });
            }
        });
        Ok(Self { endpoint, state, _tasks: tasks })
    }

    /// From now on scans stay unanswered.
    pub(super) fn hold(&self) {
        self.state.holds.send_replace(true);
    }

    /// Waits until `count` scans are unanswered, and says how many there are.
    pub(super) async fn holding(&self, count: usize) -> usize {
        let mut held = self.state.held.subscribe();
        held.wait_for(|held| *held >= count).await.map_or(0, |held| *held)
    }
}

async fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let (mut in_session, mut number) = (false, 0_u64);
    loop {
        let mut command = Vec::new();
        // A command is a few bytes; what is longer is none.
        if (&mut stream).take(64).read_until(0, &mut command).await? == 0 {
            return Ok(());
        }
        let answer = match command.as_slice() {
            b"zIDSESSION\0" => {
                in_session = true;
                continue;
            }
            b"zEND\0" => return Ok(()),
            b"zPING\0" => "PONG",
            b"zVERSION\0" => "ClamAV stand-in/1/now",
            b"zINSTREAM\0" if scan(&mut stream, state).await? => "stream: Eicar-Test-Signature FOUND",
            b"zINSTREAM\0" => "stream: OK",
            _ => "UNKNOWN COMMAND",
        };
        number += 1;
        let answer = if in_session { format!("{number}: {answer}\0") } else { format!("{answer}\0") };
        stream.write_all(answer.as_bytes()).await?;
        if !in_session {
            return Ok(());
        }
    }
}

/// Reads a content to its end, and waits where it is to be held. Says whether it was what a worker tries its scanners
/// with, which is never held.
async fn scan(stream: &mut BufReader<TcpStream>, state: &State) -> io::Result<bool> {
    let (mut start, mut tail) = (None, Vec::new());
    loop {
        let length = stream.read_u32().await?;
        if length == 0 {
            break;
        }
        let mut chunk = Vec::new();
        (&mut *stream).take(length.into()).read_to_end(&mut chunk).await?;
        start.get_or_insert(chunk.starts_with(ARCHIVE));
        tail.extend(chunk.into_iter().rev().take(TAIL_BYTES).rev());
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
    }
    if start == Some(true) || tail.windows(TEST_FILE.len()).any(|window| window == TEST_FILE) {
        return Ok(true);
    }
    let mut holds = state.holds.subscribe();
    if !*holds.borrow() {
        return Ok(false);
    }
    state.held.send_modify(|held| *held += 1);
    tokio::select! {
        // The end of the stream, or a byte too many: either way nobody waits for us any more.
        _ = stream.read_u8() => {}
        _ = holds.wait_for(|holds| !holds) => {}
    }
    state.held.send_modify(|held| *held -= 1);
    Ok(false)
}
