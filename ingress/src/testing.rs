//! What the tests with streams share: a pipeline made of a closure, and a client that reads line by line.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proto::{Deadline, Early, Mail, Outcomes, Reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::Pipeline;

type Answer = Pin<Box<dyn Future<Output = Outcomes> + Send>>;
type Submit = dyn Fn(Mail, Deadline, Arc<dyn Early>) -> Answer + Send + Sync;

/// A pipeline that does what its closure says.
pub(crate) struct Scripted(Box<Submit>);

impl Scripted {
    pub(crate) fn new<F, A>(submit: F) -> Arc<Self>
    where
        F: Fn(Mail, Deadline, Arc<dyn Early>) -> A + Send + Sync + 'static,
        A: Future<Output = Outcomes> + Send + 'static,
    {
        Arc::new(Self(Box::new(move |mail, deadline, early| Box::pin(submit(mail, deadline, early)))))
    }

    /// Takes every mail at once.
    pub(crate) fn accepting() -> Arc<Self> {
        Self::new(|mail, _, _| async move { accepted(&mail) })
    }

    /// Takes no mail ever. Whenever a mail comes, `started` is told; whenever one is dropped, its receiver is.
    pub(crate) fn hanging(started: mpsc::Sender<mpsc::Receiver<()>>) -> Arc<Self> {
        Self::new(move |mail, _, _| {
            let started = started.clone();
            async move {
                let (alive, dropped) = mpsc::channel(1);
                started.send(dropped).await.unwrap();
                std::future::pending::<()>().await;
                drop(alive);
                accepted(&mail)
            }
        })
    }
}

impl Pipeline for Scripted {
    fn submit(
        &self,
        mail: Mail,
        deadline: Deadline,
        early: Arc<dyn Early>,
    ) -> impl Future<Output = Outcomes> + Send {
        (self.0)(mail, deadline, early)
    }
}

/// 250 for everybody.
pub(crate) fn accepted(mail: &Mail) -> Outcomes {
    Outcomes::all(&mail.envelope, &Reply::enhanced(250, 0, 0, "taken"))
}

/// The client's end of a stream.
pub(crate) struct Client<S> {
    stream: S,
    unread: Vec<u8>,
    patience: Duration,
}

/// Longer than anything that the server waits for; over at once where time is paused.
const PATIENCE: Duration = Duration::from_secs(3_600);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new(), patience: PATIENCE }
    }

    /// For tests in real time.
    pub(crate) fn impatient(self) -> Self {
        Self { patience: Duration::from_secs(30), ..self }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn shutdown(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next line without its end; `None` at the end of the stream.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            let read = timeout(self.patience, self.stream.read_buf(&mut self.unread)).await;
            if read.expect("something comes in time").unwrap() == 0 {
                assert!(self.unread.is_empty(), "the last line is whole");
                return None;
            }
        }
    }

    /// Reads lines until one starts with `prefix` and has no continuation.
    pub(crate) async fn until(&mut self, prefix: &str) {
        loop {
            let line = self.line().await.expect("the stream goes on");
            if line.starts_with(prefix) && !line[3..].starts_with('-') {
                return;
            }
        }
    }

    /// All lines to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }

    /// Greeting and LHLO.
    pub(crate) async fn hello(&mut self) {
        self.until("220").await;
        self.send("LHLO client.test\r\n").await;
        self.until("250").await;
    }

    /// A mail for so many recipients, up to 354.
    pub(crate) async fn envelope(&mut self, recipients: usize) {
        let recipients = "RCPT TO:<a@b.test>\r\n".repeat(recipients);
        self.send(&format!("MAIL FROM:<>\r\n{recipients}DATA\r\n")).await;
        self.until("354").await;
    }
}
