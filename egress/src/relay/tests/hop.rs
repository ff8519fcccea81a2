//! A next hop that does what its script says and writes down what it saw.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use proto::dot::Decoder;

use crate::{Protocol, Target};

/// What it answers at one stage.
#[derive(Clone, Debug)]
pub(super) enum Say {
    /// These lines.
    Reply(&'static str),
    /// These lines, after so long.
    Late(Duration, &'static str),
    /// Nothing, and the connection stays.
    Silence,
    /// Nothing, and the connection goes.
    Close,
    /// These lines, and the connection goes.
    ReplyAndClose(&'static str),
}

/// One connection's script.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) greeting: Say,
    pub(super) hello: Say,
    pub(super) xforward: Say,
    pub(super) mail: Say,
    /// To MAIL of the connection's second transaction, where that differs.
    pub(super) second_mail: Option<Say>,
    /// By the path without brackets; everybody else is accepted.
    pub(super) rcpt: HashMap<&'static str, Say>,
    pub(super) data: Say,
    /// While the content travels: closes after so many bytes.
    pub(super) content_bytes_max: usize,
    /// One after the other with LMTP; with SMTP the first.
    pub(super) dot: Vec<Say>,
    /// Closes once the first mail was answered.
    pub(super) one_mail: bool,
}

pub(super) const FULL: &str = "250-hop\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n\
                               250 XFORWARD NAME ADDR PROTO HELO IDENT SOURCE";

impl Default for Script {
    fn default() -> Self {
        Self {
            greeting: Say::Reply("220 hop"),
            hello: Say::Reply(FULL),
            xforward: Say::Reply("250 ok"),
            mail: Say::Reply("250 2.1.0 Ok"),
            second_mail: None,
            rcpt: HashMap::new(),
            data: Say::Reply("354 go"),
            content_bytes_max: usize::MAX,
            dot: vec![Say::Reply("250 2.0.0 Ok: queued as 4F")],
            one_mail: false,
        }
    }
}

/// What it saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Per connection, in the order in which they were opened.
    pub(super) commands: Vec<Vec<String>>,
    /// Contents that ended with the dot, unstuffed.
    pub(super) mails: Vec<Vec<u8>>,
    /// Contents that were cut off.
    pub(super) cut_off: usize,
    /// Bare CR or LF within contents.
    pub(super) bare: u64,
    pub(super) open: usize,
    pub(super) open_max: usize,
}

#[derive(Debug)]
pub(super) struct Hop {
    path: PathBuf,
    seen: Arc<Mutex<Seen>>,
    /// A permit per mail that may be answered; tests take them away to hold mails up.
    pub(super) gate: Arc<Semaphore>,
    scripts: Vec<Script>,
    /// Rung to close all connections.
    scissors: Arc<Notify>,
    tasks: JoinSet<()>,
}

impl Hop {
    /// Connection n follows script n, those behind the last script the last.
    pub(super) fn at(path: PathBuf, scripts: Vec<Script>) -> Self {
        Self {
            path,
            seen: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            scripts,
            scissors: Arc::default(),
            tasks: JoinSet::new(),
        }
    }

    pub(super) fn listen(mut self) -> Self {
        let listener = UnixListener::bind(&self.path).unwrap();
        let (seen, gate, scripts) = (Arc::clone(&self.seen), Arc::clone(&self.gate), self.scripts.clone());
        let scissors = Arc::clone(&self.scissors);
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let script = scripts.get(number).or(scripts.last()).unwrap().clone();
                seen.lock().unwrap().commands.push(Vec::new());
                let (seen, gate, scissors) = (Arc::clone(&seen), Arc::clone(&gate), Arc::clone(&scissors));
                connections.spawn(async move {
                    let served = Served { number, script, seen, gate };
                    tokio::select! {
                        () = served.run(stream) => {}
                        () = scissors.notified() => {}
                    }
                });
            }
        });
        self
    }

    pub(super) fn target(&self, protocol: Protocol) -> Target {
        Target { endpoint: format!("unix:{}", self.path.display()).parse().unwrap(), protocol }
    }

    pub(super) fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// All commands of connection `number`, as one text.
    pub(super) fn commands(&self, number: usize) -> String {
        self.seen().commands.get(number).map(|lines| lines.join("\n")).unwrap_or_default()
    }

    /// Closes all connections.
    pub(super) fn cut(&self) {
        self.scissors.notify_waiters();
    }

    pub(super) fn connections(&self) -> usize {
        self.seen().commands.len()
    }
}

struct Served {
    number: usize,
    script: Script,
    seen: Arc<Mutex<Seen>>,
    gate: Arc<Semaphore>,
}

impl Served {
    async fn run(self, stream: UnixStream) {
        {
            let mut seen = self.seen.lock().unwrap();
            seen.open += 1;
            seen.open_max = seen.open_max.max(seen.open);
        }
        let _ended = self.serve(BufReader::new(stream)).await;
        self.seen.lock().unwrap().open -= 1;
    }

    async fn serve(&self, mut stream: BufReader<UnixStream>) -> Option<()> {
        say(&mut stream, &self.script.greeting).await?;
        let (mut accepted, mut lmtp, mut mails) = (0, false, 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_owned();
            self.seen.lock().unwrap().commands[self.number].push(line.clone());
            let verb = line.split(' ').next().unwrap_or_default();
            match verb {
                "EHLO" | "LHLO" => {
                    lmtp = verb == "LHLO";
                    say(&mut stream, &self.script.hello).await?;
                }
                "XFORWARD" => say(&mut stream, &self.script.xforward).await?,
                "MAIL" => {
                    (accepted, mails) = (0, mails + 1);
                    let second = self.script.second_mail.as_ref().filter(|_| mails == 2);
                    say(&mut stream, second.unwrap_or(&self.script.mail)).await?;
                }
                "RCPT" => {
                    let path = line.split(['<', '>']).nth(1).unwrap_or_default();
                    let answer = self.script.rcpt.get(path).cloned().unwrap_or(Say::Reply("250 ok"));
                    accepted += usize::from(matches!(answer, Say::Reply(text) if text.starts_with('2')));
                    say(&mut stream, &answer).await?;
                }
                "DATA" => {
                    say(&mut stream, &self.script.data).await?;
                    if matches!(self.script.data, Say::Reply(text) if text.starts_with("354")) {
                        self.content(&mut stream).await?;
                        let _answer = self.gate.acquire().await.ok()?;
                        let replies = if lmtp { accepted } else { 1 };
                        let answers =
                            self.script.dot.iter().chain(std::iter::repeat(self.script.dot.last()?));
                        for answer in answers.take(replies) {
                            say(&mut stream, answer).await?;
                        }
                        if self.script.one_mail {
                            return None;
                        }
                    }
                }
                "RSET" | "NOOP" => say(&mut stream, &Say::Reply("250 ok")).await?,
                "QUIT" => say(&mut stream, &Say::ReplyAndClose("221 bye")).await?,
                other => panic!("unknown command {other}"),
            }
        }
    }

    async fn content(&self, stream: &mut BufReader<UnixStream>) -> Option<()> {
        let (mut decoder, mut mail) = (Decoder::new(), BytesMut::new());
        let mut read = 0;
        loop {
            let buffer = stream.fill_buf().await.unwrap_or_default();
            let (used, end) = decoder.decode(buffer, &mut mail);
            let ended = buffer.is_empty() || read > self.script.content_bytes_max;
            stream.consume(used);
            read += used;
            let mut seen = self.seen.lock().unwrap();
            if end {
                seen.bare += decoder.bare();
                seen.mails.push(mail.to_vec());
                return Some(());
            }
            if ended {
                seen.cut_off += 1;
                return None;
            }
        }
    }
}

async fn say(stream: &mut BufReader<UnixStream>, what: &Say) -> Option<()> {
    match what {
        Say::Reply(text) => {
            stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
            Some(())
        }
        Say::Late(after, text) => {
            tokio::time::sleep(*after).await;
            stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
            Some(())
        }
        Say::Silence => {
            // Until the other side goes.
            let mut rest = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(stream, &mut rest).await.ok()?;
            None
        }
        Say::Close => None,
        Say::ReplyAndClose(text) => {
            stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
            None
        }
    }
}
