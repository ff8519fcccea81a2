//! An ICAP server that does as it is told. What it gets it takes apart as a server does.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proto::Endpoint;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

pub(super) const OPTIONS: &str = "ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nService: fake\r\nISTag: \"one\"\r\n\
                                  Allow: 204\r\nMax-Connections: 7\r\nEncapsulated: null-body=0\r\n\r\n";
pub(super) const NO_CHANGE: &str = "ICAP/1.0 204 No Content\r\nISTag: \"one\"\r\n\r\n";
pub(super) const CONTINUE: &str = "ICAP/1.0 100 Continue\r\n\r\n";

/// What it does with a RESPMOD.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads what comes, then says this.
    Say(String),
    /// The same and closes.
    SayAndClose(String),
    /// Reads the preview, asks for the rest, reads it, then says this.
    ContinueThenSay(String),
    /// Says this after the first line of the body, without reading on, and closes.
    Interrupt(String),
    /// Sends everything back unchanged.
    Echo,
    /// Never answers.
    Hang,
}

pub(super) fn no_change() -> Act {
    Act::Say(NO_CHANGE.into())
}

#[derive(Default)]
pub(super) struct Seen {
    /// Answers to OPTIONS; the usual one when there is none.
    pub(super) options: VecDeque<String>,
    pub(super) script: VecDeque<Act>,
    pub(super) connections: usize,
    pub(super) asked_options: usize,
    /// Contents as they came, and heads before them.
    pub(super) contents: Vec<Vec<u8>>,
    pub(super) heads: Vec<String>,
    /// Whether the last preview was said to be all.
    pub(super) was_all: bool,
}

pub(super) struct Fake {
    pub(super) endpoint: Endpoint,
    pub(super) seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    pub(super) async fn tcp(options: &str, script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, mut tasks) = (state(options, script), JoinSet::new());
        let shared = seen.clone();
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                sessions.spawn(session(socket, shared.clone()));
            }
        });
        Self { endpoint: Endpoint::Tcp { host: "127.0.0.1".into(), port }, seen, _tasks: tasks }
    }

    pub(super) fn unix(path: &Path, script: impl IntoIterator<Item = Act>) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (seen, mut tasks) = (state(OPTIONS, script), JoinSet::new());
        let shared = seen.clone();
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                sessions.spawn(session(socket, shared.clone()));
            }
        });
        Self { endpoint: Endpoint::Unix(path.into()), seen, _tasks: tasks }
    }
}

fn state(options: &str, script: impl IntoIterator<Item = Act>) -> Arc<Mutex<Seen>> {
    let (options, script) = ([options.to_owned()].into(), script.into_iter().collect());
    Arc::new(Mutex::new(Seen { options, script, ..Seen::default() }))
}

async fn session(socket: impl AsyncRead + AsyncWrite + Unpin, seen: Arc<Mutex<Seen>>) {
    seen.lock().unwrap().connections += 1;
    // None is the other end's going, or ours.
    let _end: Option<()> = serve(&mut BufReader::new(socket), &seen).await;
}

async fn serve(io: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>, seen: &Mutex<Seen>) -> Option<()> {
    loop {
        let head = head(io).await?;
        if head.starts_with("OPTIONS ") {
            let answer = {
                let mut seen = seen.lock().unwrap();
                seen.asked_options += 1;
                let next = seen.options.pop_front();
                next.unwrap_or_else(|| OPTIONS.into())
            };
            io.write_all(answer.as_bytes()).await.ok()?;
            if answer.contains("close") {
                return None;
            }
            continue;
        }
        assert!(head.starts_with("RESPMOD "), "{head}");
        let (_, offset) = head.rsplit_once("res-body=").unwrap();
        let offset: usize = offset.split("\r\n").next().unwrap().parse().unwrap();
        let mut http = vec![0; offset];
        io.read_exact(&mut http).await.ok()?;
        assert!(http.ends_with(b"\r\n\r\n"));
        let act = {
            let mut seen = seen.lock().unwrap();
            seen.heads.push(head.clone());
            seen.script.pop_front().unwrap_or_else(no_change)
        };
        respond(io, seen, act).await?;
    }
}

async fn respond(
    io: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    seen: &Mutex<Seen>,
    act: Act,
) -> Option<()> {
    if let Act::Interrupt(answer) = act {
        line(io).await?;
        io.write_all(answer.as_bytes()).await.ok()?;
        return None;
    }
    let mut content = Vec::new();
    let was_all = chunks(io, &mut content).await?;
    if let Act::ContinueThenSay(_) = act {
        io.write_all(CONTINUE.as_bytes()).await.ok()?;
        chunks(io, &mut content).await?;
    }
    {
        let mut seen = seen.lock().unwrap();
        seen.contents.push(content.clone());
        seen.was_all = was_all;
    }
    match act {
        Act::Say(answer) | Act::ContinueThenSay(answer) => io.write_all(answer.as_bytes()).await.ok(),
        Act::SayAndClose(answer) | Act::Interrupt(answer) => {
            io.write_all(answer.as_bytes()).await.ok()?;
            None
        }
        Act::Echo => io.write_all(&echo("HTTP/1.1 200 OK\r\n\r\n", &content)).await.ok(),
        Act::Hang => std::future::pending().await,
    }
}

/// An answer that brings `content` in chunks of a few sizes.
pub(super) fn echo(http: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{http}", http.len());
    let mut answer = head.into_bytes();
    for chunk in content.chunks(1000) {
        answer.extend(format!("{:X}\r\n", chunk.len()).into_bytes());
        answer.extend(chunk);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    answer
}

async fn head(io: &mut BufReader<impl AsyncRead + Unpin>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push_str(&line(io).await?);
    }
    Some(head)
}

async fn line(io: &mut BufReader<impl AsyncRead + Unpin>) -> Option<String> {
    let mut line = Vec::new();
    let read = io.read_until(b'\n', &mut line).await.ok()?;
    (read > 0).then(|| String::from_utf8(line).unwrap())
}

/// Reads chunks to their end, and whether that end is the one of a preview that was all.
async fn chunks(io: &mut BufReader<impl AsyncRead + Unpin>, content: &mut Vec<u8>) -> Option<bool> {
    loop {
        let line = line(io).await?;
        let line = line.strip_suffix("\r\n").unwrap();
        let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
        let start = content.len();
        content.resize(start + size, 0);
        io.read_exact(&mut content[start..]).await.ok()?;
        let mut end = [0; 2];
        io.read_exact(&mut end).await.ok()?;
        assert_eq!(&end, b"\r\n");
        if size == 0 {
            return Some(line.ends_with("; ieof"));
        }
    }
}
