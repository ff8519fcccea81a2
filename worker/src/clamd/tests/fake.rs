//! A clamd that does as it is told, over TCP and unix sockets.

mod passing;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use proto::Endpoint;

use self::passing::{Files, Passing};

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
    /// How many of these came as files.
    pub(super) files: Mutex<usize>,
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
                sessions.spawn(session(socket, Files::default(), Arc::clone(&shared)));
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
                let (reader, writer) = socket.into_split();
                let (reader, files) = Passing::new(reader);
                sessions.spawn(session(tokio::io::join(reader, writer), files, Arc::clone(&shared)));
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
            files: Mutex::default(),
            connections: Mutex::default(),
            busy: Mutex::default(),
            gate: Semaphore::new(0),
            arrived: Notify::new(),
            closed: Notify::new(),
        })
    }
}

async fn session(socket: impl AsyncRead + AsyncWrite + Unpin, files: Files, state: Arc<State>) {
    *state.connections.lock().unwrap() += 1;
    let mut socket = BufReader::new(socket);
    let mut id = 0;
    let _ended: Option<()> = serve(&mut socket, &files, &state, &mut id).await;
    drop(socket);
    state.closed.notify_one();
}

/// Serves until it closes (`None`) or the client does.
async fn serve(
    socket: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    files: &Files,
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
                if let Act::Interrupt(answer) = act {
                    socket.read_u32().await.ok()?;
                    say(socket, (*id, "stream"), answer).await?;
                    return None;
                }
                let content = stream(socket).await?;
                scan(socket, state, (*id, "stream"), content, act).await?;
            }
            b"zFILDES" => {
                *id += 1;
                assert_eq!(socket.read_u8().await.ok()?, 0);
                let content = files.next();
                *state.files.lock().unwrap() += 1;
                let act = state.script.lock().unwrap().pop_front().unwrap_or(CLEAN);
                scan(socket, state, (*id, "fd[9]"), content, act).await?;
            }
            other => panic!("unknown command {:?}", String::from_utf8_lossy(other)),
        }
    }
}

/// Reads a stream to its end.
async fn stream(socket: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let length = socket.read_u32().await.ok()? as usize;
        if length == 0 {
            return Some(content);
        }
        let start = content.len();
        content.resize(start + length, 0);
        socket.read_exact(&mut content[start..]).await.ok()?;
    }
}

/// A request: its number, and what its answer is about.
type About = (u32, &'static str);

async fn scan(
    socket: &mut (impl AsyncWrite + Unpin),
    state: &State,
    about: About,
    content: Vec<u8>,
    act: Act,
) -> Option<()> {
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
        Act::Say(answer) => say(socket, about, answer).await,
        Act::Gate => say(socket, about, b"#: stream: OK\0").await,
        Act::SayAndClose(answer) | Act::Interrupt(answer) => {
            say(socket, about, answer).await?;
            None
        }
        Act::CleanThenClose => {
            say(socket, about, b"#: stream: OK\0").await?;
            None
        }
        Act::Late(time, answer) => {
            tokio::time::sleep(time).await;
            say(socket, about, answer).await
        }
        Act::Close => None,
        Act::Hang => std::future::pending().await,
    }
}

async fn say(socket: &mut (impl AsyncWrite + Unpin), (id, subject): About, answer: &[u8]) -> Option<()> {
    let (start, rest) =
        answer.strip_prefix(b"#: stream").map_or((None, answer), |rest| (Some(subject), rest));
    let start = start.map(|subject| format!("#: {subject}")).unwrap_or_default();
    let id = id.to_string();
    let answer: Vec<u8> = [start.as_bytes(), rest]
        .concat()
        .into_iter()
        .flat_map(|byte| match byte {
            b'#' => id.as_bytes().to_vec(),
            byte => vec![byte],
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
