//! The NATS protocol, as far as a request and its answer need it: what operators do by hand with the `nats` tool.
//!
//! No headers, no reconnect, no TLS. A library would bring the very code that the bus is built on.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Duration, timeout};

use crate::io::{Io, connect};

/// How long a server has to answer. One without a leader does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Where answers go.
const INBOX: &str = "_INBOX.harness";

/// One connection.
pub struct Raw {
    io: BufReader<Box<dyn Io>>,
    requests: u64,
}

impl Raw {
    /// Connects to `HOST:PORT` and subscribes to its inbox.
    pub async fn connect(address: &str) -> io::Result<Self> {
        let mut io = BufReader::new(connect(address).await?);
        let mut info = String::new();
        io.read_line(&mut info).await?;
        let hello = format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {INBOX}.* 1\r\n");
        io.write_all(hello.as_bytes()).await?;
        Ok(Self { io, requests: 0 })
    }

    /// The answer to a request; `None` when there is none in time or the server is gone.
    pub async fn request(&mut self, subject: &str, payload: &[u8]) -> Option<Vec<u8>> {
        timeout(ANSWER_WITHIN, self.exchange(subject, payload)).await.ok()?.ok()
    }

    async fn exchange(&mut self, subject: &str, payload: &[u8]) -> io::Result<Vec<u8>> {
        self.requests += 1;
        let inbox = format!("{INBOX}.{}", self.requests);
        let head = format!("PUB {subject} {inbox} {}\r\n", payload.len());
        self.io.write_all(&[head.as_bytes(), payload, b"\r\n"].concat()).await?;
        self.io.flush().await?;
        loop {
            let mut line = String::new();
            if self.io.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let fields: Vec<&str> = line.split_whitespace().collect();
            match fields[..] {
                ["PING"] => self.io.write_all(b"PONG\r\n").await?,
                ["MSG", to, .., length] => {
                    let length: usize = length.parse().map_err(io::Error::other)?;
                    let mut payload = vec![0; length + 2];
                    self.io.read_exact(&mut payload).await?;
                    payload.truncate(length);
                    // A late answer to a request before this one is skipped.
                    if to == inbox {
                        return Ok(payload);
                    }
                }
                ["-ERR", ..] => return Err(io::Error::other(line)),
                _ => {}
            }
        }
    }
}

/// The answer of the server at `address` to `$JS.API.METHOD`; `None` when nobody answers, as without a leader.
pub async fn api(address: &str, method: &str, body: &str) -> Option<Value> {
    let mut raw = Raw::connect(address).await.ok()?;
    let answer = raw.request(&format!("$JS.API.{method}"), body.as_bytes()).await?;
    serde_json::from_slice(&answer).ok()
}
