//! A clamd that misbehaves in a way that the test picks, and tells which scans have arrived.
//!
//! It understands `INSTREAM`, `PING`, `VERSION` and sessions, in the `z` and `n` forms. What a worker tries its scanners
//! with is found whatever the test picked, and is no scan.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::mails::eicar;
use crate::next_hop::Gate;
use crate::wait::within;

/// What it does with a stream that it was to scan. `PING` is always answered, and so are contents that end in the EICAR
/// test file, and archives without a mail around them.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Finds nothing.
    Clean,
    /// Finds nothing, once the gate is open.
    CleanBehind(Gate),
    /// Finds nothing, after a time that grows with the size.
    CleanAfter {
        /// For each stream.
        base: Duration,
        /// More for each MiB.
        each_mib: Duration,
    },
    /// Reads all and never answers.
    Hang,
    /// Reads all and says this, instead of `stream: OK` and the delimiter.
    Say(Vec<u8>),
    /// Closes as soon as the first chunk comes.
    CloseMidStream,
    /// Reads all and closes.
    CloseAfterStream,
}

struct State {
    behaviour: Mutex<Behaviour>,
    /// Streams that came whole (or, when closed in the middle, came at all).
    streams: watch::Sender<usize>,
}

/// A running fake; its connections are cut when it is dropped.
pub struct FakeClamd {
    endpoint: String,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl FakeClamd {
    /// Starts one on a port that the kernel picks.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind fake clamd");
        let endpoint = listener.local_addr().expect("bound").to_string();
        let state = Arc::new(State { behaviour: Mutex::new(behaviour), streams: watch::Sender::new(0) });
        let (accepting, mut tasks) = (state.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = accepting.clone();
                sessions.spawn(async move {
                    // An error is the other end's going.
                    let _gone = serve(stream, &state).await;
                });
            }
        });
        Self { endpoint, state, _tasks: tasks }
    }

    /// `HOST:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From the next stream on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().expect("not poisoned") = behaviour;
    }

    /// Waits until `count` streams have come since the start.
    pub async fn streams(&self, count: usize) {
        let mut streams = self.state.streams.subscribe();
        let what = format!("{count} streams at the fake clamd");
        within(&what, streams.wait_for(|seen| *seen >= count)).await.expect("state lives");
    }
}

async fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut io = BufReader::new(stream);
    let mut session = 0_u32;
    let mut in_session = false;
    while let Some((command, end)) = command(&mut io).await? {
        let id = if in_session {
            session += 1;
            format!("{session}: ")
        } else {
            String::new()
        };
        let answer: Vec<u8> = match command.as_str() {
            "PING" => b"PONG".to_vec(),
            "VERSION" => b"ClamAV 1.4.3/1/Mon Nov  2 10:00:00 2026".to_vec(),
            "IDSESSION" => {
                in_session = true;
                continue;
            }
            "END" => return Ok(()),
            "INSTREAM" => match instream(&mut io, state).await? {
                Some(answer) => answer,
                None => return Ok(()),
            },
            _ => b"UNKNOWN COMMAND".to_vec(),
        };
        io.write_all(&[id.as_bytes(), &answer, &[end]].concat()).await?;
        io.flush().await?;
        if !in_session {
            return Ok(());
        }
    }
    Ok(())
}

/// The next command without its prefix, and the delimiter that it came with; `None` at the end.
async fn command(io: &mut BufReader<TcpStream>) -> io::Result<Option<(String, u8)>> {
    let Some(prefix) = io.fill_buf().await?.first().copied() else {
        return Ok(None);
    };
    let end = if prefix == b'z' { 0 } else { b'\n' };
    let mut command = Vec::new();
    io.read_until(end, &mut command).await?;
    let command = command.strip_suffix(&[end]).unwrap_or(&command);
    let command = command.strip_prefix(b"z").or(command.strip_prefix(b"n")).unwrap_or(command);
    Ok(Some((String::from_utf8_lossy(command).into_owned(), end)))
}

/// How the encrypted archive starts that scanners are tried with, and no mail does.
const ARCHIVE: &[u8] = b"PK\x03\x04";
/// Enough to see how a content ends.
const TAIL_BYTES: usize = 128;

/// Whether a content with this end is what scanners are tried with.
fn is_canary(tail: &[u8]) -> bool {
    let eicar = eicar();
    tail.windows(eicar.len()).any(|window| window == eicar)
}

/// Reads one stream; what is to be answered, or `None` to close.
async fn instream(io: &mut BufReader<TcpStream>, state: &State) -> io::Result<Option<Vec<u8>>> {
    let behaviour = state.behaviour.lock().expect("not poisoned").clone();
    let (mut bytes, mut start, mut tail) = (0_u64, Vec::new(), Vec::new());
    loop {
        let length = io.read_u32().await?;
        if length == 0 {
            break;
        }
        bytes += u64::from(length);
        let mut chunk = Vec::new();
        io.take(u64::from(length)).read_to_end(&mut chunk).await?;
        if chunk.len() < length as usize {
            return Ok(None);
        }
        if bytes == u64::from(length) {
            start = chunk.iter().take(ARCHIVE.len()).copied().collect();
        }
        tail.extend_from_slice(&chunk[chunk.len().saturating_sub(TAIL_BYTES)..]);
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
        if matches!(behaviour, Behaviour::CloseMidStream) && start != ARCHIVE && !is_canary(&tail) {
            state.streams.send_modify(|count| *count += 1);
            return Ok(None);
        }
    }
    if start == ARCHIVE {
        return Ok(Some(b"stream: Heuristics.Encrypted.Zip FOUND".to_vec()));
    }
    if is_canary(&tail) {
        return Ok(Some(b"stream: Eicar-Test-Signature FOUND".to_vec()));
    }
    state.streams.send_modify(|count| *count += 1);
    match behaviour {
        Behaviour::Clean => {}
        Behaviour::CleanBehind(gate) => gate.passed().await,
        Behaviour::CleanAfter { base, each_mib } => {
            let mib = u32::try_from(bytes / (1024 * 1024)).unwrap_or(u32::MAX);
            tokio::time::sleep(base + each_mib * mib).await;
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Say(bytes) => return Ok(Some(bytes)),
        Behaviour::CloseMidStream | Behaviour::CloseAfterStream => return Ok(None),
    }
    Ok(Some(b"stream: OK".to_vec()))
}
