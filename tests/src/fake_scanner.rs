//! A scanner that says the same of every mail, whatever its protocol was to be. Asked whether it lives it says so as spamd
//! and rspamd do, or it would never be given a mail.
//!
//! It reads a request first: a header up to an empty line, and as much behind it as `Content-length` says.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How a probe begins, and what a living one says to it.
const LIVES: [(&str, &str); 2] = [
    ("PING SPAMC/", "SPAMD/1.5 0 PONG\r\n"),
    ("GET /ping ", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npong\r\n"),
];

/// A running fake; its connections are cut when it is dropped.
pub struct FakeScanner {
    endpoint: String,
    _tasks: JoinSet<()>,
}

impl FakeScanner {
    /// Starts one that answers each request with `answer` and closes.
    pub async fn start(answer: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind fake scanner");
        let endpoint = listener.local_addr().expect("bound").to_string();
        let (answer, mut tasks) = (answer.to_vec(), JoinSet::new());
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answer.clone();
                sessions.spawn(async move {
                    // An error is the other end's going.
                    let _gone = serve(stream, &answer).await;
                });
            }
        });
        Self { endpoint, _tasks: tasks }
    }

    /// `HOST:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

async fn serve(stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut io = BufReader::new(stream);
    let (mut line, mut length, mut lives) = (String::new(), 0, None);
    loop {
        line.clear();
        if io.read_line(&mut line).await? == 0 || line.trim_end().is_empty() {
            break;
        }
        lives =
            lives.or(LIVES.into_iter().find(|(asked, _)| line.starts_with(asked)).map(|(_, lives)| lives));
        let field = line.to_ascii_lowercase();
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    tokio::io::copy(&mut (&mut io).take(length), &mut tokio::io::sink()).await?;
    io.write_all(lives.map_or(answer, str::as_bytes)).await?;
    io.shutdown().await
}
