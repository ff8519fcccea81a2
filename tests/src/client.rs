//! A scripted LMTP (or SMTP) client: it says a line, expects an answer, and a failure shows the whole conversation.
//!
//! It knows no protocol beyond lines and multi-line replies, so that tests can say the wrong thing at the wrong time.
//! The few transactions that every test needs stand in `client/transaction.rs`.

mod transaction;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::io::{Io, connect};
use crate::pattern::matches;
use crate::transcript::{Speaker, Transcript};
use crate::wait::{DEADLINE, within};

pub use transaction::{Replies, dot_stuffed};

/// One reply, with all its lines, without line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// As received, `250-...` and `250 ...`.
    pub lines: Vec<String>,
}

impl Reply {
    /// The last line.
    pub fn last(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }

    /// The code of the last line.
    pub fn code(&self) -> u16 {
        self.last().get(..3).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

/// The client's end of one connection.
pub struct Client {
    io: Box<dyn Io>,
    received: Vec<u8>,
    transcript: Transcript,
}

impl Client {
    /// Connects to `HOST:PORT` or `unix:PATH`; reads nothing yet.
    pub async fn connect(endpoint: &str) -> Self {
        let io = within(&format!("connect to {endpoint}"), connect(endpoint)).await;
        let io = io.unwrap_or_else(|e| panic!("cannot connect to {endpoint}: {e}"));
        Self { io, received: Vec::new(), transcript: Transcript::new() }
    }

    /// Connects, expects the greeting and says LHLO.
    pub async fn lmtp(endpoint: &str) -> Self {
        let mut client = Self::connect(endpoint).await;
        client.expect("220 *").await;
        client.command("LHLO client.example.org", "250 *").await;
        client
    }

    /// Connects, expects the greeting and says EHLO.
    pub async fn smtp(endpoint: &str) -> Self {
        let mut client = Self::connect(endpoint).await;
        client.expect("220 *").await;
        client.command("EHLO client.example.org", "250 *").await;
        client
    }

    /// Sends a line; adds CRLF.
    pub async fn send_line(&mut self, line: &str) {
        self.send_raw(format!("{line}\r\n").as_bytes()).await;
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send(bytes).await {
            self.fail(&format!("could not be sent: {error}"));
        }
    }

    /// Sends bytes; the other end may have closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.transcript.add(Speaker::Us, bytes);
        let sent = tokio::time::timeout(DEADLINE, async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        });
        match sent.await {
            Ok(result) => result,
            Err(_) => self.fail("the other end reads nothing"),
        }
    }

    /// Says that nothing more will be sent (half-close), and goes on reading.
    pub async fn finish_sending(&mut self) {
        self.transcript.add(Speaker::Note, b"we send nothing more\r\n");
        // The other end may be gone, which the next expectation tells better.
        let _gone = self.io.shutdown().await;
    }

    /// Sends a line and expects the reply to it.
    pub async fn command(&mut self, line: &str, pattern: &str) -> Reply {
        self.send_line(line).await;
        self.expect(pattern).await
    }

    /// Expects one reply whose last line has the form of `pattern` (`*` for anything).
    pub async fn expect(&mut self, pattern: &str) -> Reply {
        let Some(reply) = self.try_reply(pattern).await else {
            self.fail(&format!("expected {pattern:?}, but the other end has closed"));
        };
        if !matches(pattern, reply.last()) {
            self.fail(&format!("expected {pattern:?}"));
        }
        reply
    }

    /// Reads one reply; `None` when the other end has closed.
    pub async fn try_reply(&mut self, expected: &str) -> Option<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = self.line(expected).await?;
            let more = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line);
            if !more {
                return Some(Reply { lines });
            }
        }
    }

    /// Expects that the other end closes without a further word.
    pub async fn expect_closed(&mut self) {
        if self.try_reply("the connection to be closed").await.is_some() {
            self.fail("expected the connection to be closed");
        }
    }

    /// Whether bytes have arrived that no expectation has read yet. Does not wait for them.
    pub fn has_unread(&self) -> bool {
        !self.received.is_empty()
    }

    /// Ends the test, with the conversation as the reason.
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}\n{}", self.transcript)
    }

    async fn line(&mut self, expected: &str) -> Option<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.received) {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                self.transcript.add(Speaker::Them, &line);
                let Some(line) = line.strip_suffix(b"\r\n") else {
                    self.fail("a reply line without CRLF");
                };
                return Some(String::from_utf8_lossy(line).into_owned());
            }
            match tokio::time::timeout(DEADLINE, self.io.read_buf(&mut self.received)).await {
                Err(_) => self.fail(&format!("expected {expected:?}, but nothing came within {DEADLINE:?}")),
                Ok(Ok(0)) => {
                    self.transcript.add(Speaker::Note, b"closed by the other end\r\n");
                    return None;
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    self.transcript.add(Speaker::Note, format!("{error}\r\n").as_bytes());
                    return None;
                }
            }
        }
    }
}
