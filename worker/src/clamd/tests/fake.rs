//! A clamd that does as it is told, over TCP and unix sockets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use proto::Endpoint;

/// What the fake does when it has read a whole content.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Answers with this, `#` being the number of the request.
    Say(&'static [u8]),
    /// Answers with this and closes.
    SayAndClose(&'static [u8]),
    /// Closes without a word.
    Close,
    /// Never answers.
    Hang,
    /// Answers with this after that time.
    Late(Duration, &'static [u8]),
    /// Answers after the first chunk header, without reading on, and closes.
    Interrupt(&'static [u8]),
    /// Answers clean and closes a moment later.
    CleanThenClose,
    /// Waits for a permit, then answers clean.
    Gate,
}

pub(super) const CLEAN: Act = Act::Say(b"#: stream: OK\0");

pub(super) struct State {
    pub(super) script: Mutex<VecDeque<Act>>,
    /// What it says to VERSION.
    pub(super) version: Mutex<&'static str>,
    /// Contents as they arrived.
    pub(super) seen: Mutex<Vec<Vec<u8>>>,
    pub(super) connections: Mutex<usize>,
    /// Scans under way, and the most there ever were.
    pub(super) busy: Mutex<(usize, usize)>,
    pub(super) gate: Semaphore,
    pub(super) arrived: Notify,
    pub(super) closed: Notify,
}

pub(super) struct Fake {
    pub(super) endpoint: Endpoint,
    pub(super) state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl Fake {
    pub(super) async fn tcp(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".into(), port };
        let (state, mut tasks) = (State::new(script), JoinSet::new());
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                sessions.spawn(session(socket, Arc::clone(&shared)));
            }
        });
        Self { endpoint, state, _tasks: tasks }
    }

    pub(super) fn unix(path: &std::path::Path, script: impl IntoIterator<Item = Act>) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (state, mut tasks) = (State::new(script), JoinSet::new());
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                sessions.spawn(session(socket, Arc::clone(&shared)));
            }
        });
        Self { endpoint: Endpoint::Unix(path.into()), state, _tasks: tasks }
    }

    pub(super) fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    pub(super) fn scans(&self) -> usize {
        self.state.seen.lock().unwrap().len()
    }
}

impl State {
    fn new(script: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.into_iter().collect()),
            version: Mutex::new("ClamAV 1.4.6/27000"),
            seen: Mutex::default(),
            connections: Mutex::default(),
            busy: Mutex::default(),
            gate: Semaphore::new(0),
            arrived: Notify::new(),
            closed: Notify::new(),
        })
    }
}

async fn session(socket: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    *state.connections.lock().unwrap() += 1;
    let mut socket = BufReader::new(socket);
    let mut id = 0;
    let _ended: Option<()> = serve(&mut socket, &state, &mut id).await;
    drop(socket);
    state.closed.notify_one();
}

/// Serves until it closes (`None`) or the client does.
async fn serve(
    socket: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    state: &State,
    id: &mut u32,
) -> Option<()> {
    loop {
        let command = command(socket).await?;
        match command.as_slice() {
            b"zIDSESSION" => assert_eq!(*id, 0, "a session is opened once"),
            b"zVERSION" => {
                *id += 1;
                let answer = format!("{id}: {}\0", state.version.lock().unwrap());
                socket.write_all(answer.as_bytes()).await.ok()?;
            }
            b"zINSTREAM" => {
                *id += 1;
                let act = state.script.lock().unwrap().pop_front().unwrap_or(CLEAN);
                scan(socket, state, *id, act).await?;
            }
            other => panic!("unknown command {:?}", String::from_utf8_lossy(other)),
        }
    }
}

async fn scan(
    socket: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    state: &State,
    id: u32,
    act: Act,
) -> Option<()> {
    if let Act::Interrupt(answer) = act {
        socket.read_u32().await.ok()?;
        say(socket, id, answer).await?;
        return None;
    }
    let mut content = Vec::new();
    loop {
        let length = socket.read_u32().await.ok()? as usize;
        if length == 0 {
            break;
        }
        let start = content.len();
        content.resize(start + length, 0);
        socket.read_exact(&mut content[start..]).await.ok()?;
    }
    state.seen.lock().unwrap().push(content);
    {
        let mut busy = state.busy.lock().unwrap();
        busy.0 += 1;
        busy.1 = busy.1.max(busy.0);
    }
    state.arrived.notify_one();
    if matches!(act, Act::Gate) {
        state.gate.acquire().await.unwrap().forget();
    }
    state.busy.lock().unwrap().0 -= 1;
    match act {
        Act::Say(answer) => say(socket, id, answer).await,
        Act::Gate => say(socket, id, b"#: stream: OK\0").await,
        Act::SayAndClose(answer) | Act::Interrupt(answer) => {
            say(socket, id, answer).await?;
            None
        }
        Act::CleanThenClose => {
            say(socket, id, b"#: stream: OK\0").await?;
            None
        }
        Act::Late(time, answer) => {
            tokio::time::sleep(time).await;
            say(socket, id, answer).await
        }
        Act::Close => None,
        Act::Hang => std::future::pending().await,
    }
}

async fn say(socket: &mut (impl AsyncWrite + Unpin), id: u32, answer: &[u8]) -> Option<()> {
    let id = id.to_string();
    let answer: Vec<u8> = answer
        .iter()
        .flat_map(|byte| match byte {
            b'#' => id.as_bytes().to_vec(),
            byte => vec![*byte],
        })
        .collect();
    socket.write_all(&answer).await.ok()?;
    socket.flush().await.ok()
}

/// One command up to its NUL; `None` at the end.
async fn command(socket: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut command = Vec::new();
    loop {
        match socket.read_u8().await.ok()? {
            0 => return Some(command),
            byte => command.push(byte),
        }
    }
}
