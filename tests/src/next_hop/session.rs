//! One connection to the scripted next hop.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::script::{Phase, Protocol, Reaction, Script};
use super::{Received, State};
use crate::io::Io;

/// Whether the connection goes on.
enum Next {
    Goes,
    Ends,
}

/// What the script wants.
struct Decided {
    /// Empty for none.
    reply: String,
    next: Next,
    /// It is decided, and not said.
    is_mute: bool,
}

struct Session {
    io: BufReader<Box<dyn Io>>,
    state: Arc<State>,
    connection: usize,
    mail: Received,
}

/// Serves one client until it goes or the script drops it.
pub(super) async fn run(io: Box<dyn Io>, state: Arc<State>) {
    let mut connection = 0;
    state.see(|seen| {
        connection = seen.connections;
        seen.connections += 1;
        seen.wire.push(Vec::new());
    });
    let mail = Received { connection, ..Received::default() };
    let mut session = Session { io: BufReader::new(io), state, connection, mail };
    // An error is the client's end; what came before it has been seen.
    let _gone = session.serve().await;
}

impl Session {
    async fn serve(&mut self) -> io::Result<()> {
        if let Next::Ends = self.answer(Phase::Greeting, "", "220 sink.example.net ESMTP").await?.1 {
            return Ok(());
        }
        while let Some(line) = self.line().await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.state.see(|seen| seen.commands.push(line.clone()));
            if let Next::Ends = self.command(&line).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> io::Result<Next> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" | "LHLO" => {
                let usual = self.hello();
                Ok(self.answer(Phase::Hello, line, &usual).await?.1)
            }
            "HELO" => Ok(self.answer(Phase::Hello, line, "250 sink.example.net").await?.1),
            "XFORWARD" => {
                self.mail.xforward.push(line.to_owned());
                Ok(self.answer(Phase::Xforward, line, "250 2.0.0 Ok").await?.1)
            }
            "MAIL" => {
                self.mail.mail = line.to_owned();
                self.mail.rcpt.clear();
                let (reply, next) = self.answer(Phase::Mail, line, "250 2.1.0 Ok").await?;
                if !reply.starts_with('2') {
                    self.mail.mail.clear();
                }
                Ok(next)
            }
            "RCPT" if self.mail.mail.is_empty() => self.say("503 5.5.1 MAIL first").await,
            "RCPT" => {
                let (reply, next) = self.answer(Phase::Rcpt, line, "250 2.1.5 Ok").await?;
                if reply.starts_with('2') {
                    self.mail.rcpt.push(line.to_owned());
                }
                Ok(next)
            }
            "DATA" if self.mail.rcpt.is_empty() => self.say("503 5.5.1 no recipients").await,
            "DATA" => self.data(line).await,
            "RSET" => {
                self.reset();
                self.say("250 2.0.0 Ok").await
            }
            "NOOP" => self.say("250 2.0.0 Ok").await,
            "QUIT" => {
                self.say("221 2.0.0 Bye").await?;
                Ok(Next::Ends)
            }
            _ => self.say("500 5.5.2 not understood").await,
        }
    }

    async fn data(&mut self, line: &str) -> io::Result<Next> {
        let (reply, next) = self.answer(Phase::Data, line, "354 End data with <CR><LF>.<CR><LF>").await?;
        if !reply.starts_with('3') {
            return Ok(next);
        }
        if !self.content().await? {
            return Ok(Next::Ends);
        }
        let mut mail = self.mail.clone();
        let (mut number, protocol) = (0, self.script().protocol);
        self.state.see(|seen| {
            number = seen.dots;
            seen.dots += 1;
            (mail.number, mail.is_lmtp) = (number, protocol == Protocol::Lmtp);
            seen.mails.push(mail);
        });
        let next = self.dot(number, protocol).await;
        self.state.see(|seen| seen.mail(number).is_over = true);
        self.reset();
        next
    }

    /// Answers the dot of that mail.
    async fn dot(&mut self, number: usize, protocol: Protocol) -> io::Result<Next> {
        let queued = format!("250 2.0.0 Ok: queued as SINK{number}");
        let turns = match protocol {
            Protocol::Smtp => vec![self.mail.mail.clone()],
            Protocol::Lmtp => self.mail.rcpt.clone(),
        };
        for turn in turns {
            let decided = self.decide(Phase::Dot, &turn, &queued).await;
            if !decided.reply.is_empty() {
                // Seen before it is said: who has read the reply may ask for it here.
                self.state.see(|seen| {
                    seen.mail(number).replies.push(decided.reply.clone());
                    seen.mail(number).is_mute |= decided.is_mute;
                });
            }
            if !decided.is_mute && !decided.reply.is_empty() {
                self.say(&decided.reply).await?;
            }
            if let Next::Ends = decided.next {
                return Ok(Next::Ends);
            }
        }
        Ok(Next::Goes)
    }

    /// Reads content up to the end of data; `false` when the client went before.
    async fn content(&mut self) -> io::Result<bool> {
        let mut content = Vec::new();
        let mut at_line_start = true;
        let mut since_pause = 0;
        let script = self.script();
        while let Some(line) = self.line().await? {
            let is_lone_dot = if script.lenient {
                line.trim_ascii_end() == b"."
            } else {
                at_line_start && line == b".\r\n"
            };
            if is_lone_dot {
                self.mail.content = content;
                return Ok(true);
            }
            let stuffed = at_line_start && line.first() == Some(&b'.');
            content.extend_from_slice(&line[usize::from(stuffed)..]);
            at_line_start = line.ends_with(b"\r\n");
            since_pause += line.len();
            if let Some((bytes, pause)) = script.pace
                && since_pause >= bytes
            {
                since_pause = 0;
                tokio::time::sleep(pause).await;
            }
        }
        Ok(false)
    }

    /// Up to and with LF; `None` at the end of the connection.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let result = self.io.read_until(b'\n', &mut line).await;
        let mut seen = self.state.seen.lock().expect("not poisoned");
        seen.wire[self.connection].extend_from_slice(&line);
        drop(seen);
        let is_whole = result.is_ok() && line.ends_with(b"\n");
        if !is_whole {
            // Lines are told of where they are understood; the end of the connection is told of here.
            self.state.see(|_| ());
        }
        Ok(is_whole.then_some(line))
    }

    /// Decides and says it; gives the reply (empty for none).
    async fn answer(&mut self, phase: Phase, line: &str, usual: &str) -> io::Result<(String, Next)> {
        let Decided { reply, next, is_mute } = self.decide(phase, line, usual).await;
        if !reply.is_empty() && !is_mute {
            self.say(&reply).await?;
        }
        Ok((reply, next))
    }

    /// What the script wants said in this phase, once it may be said.
    async fn decide(&mut self, phase: Phase, line: &str, usual: &str) -> Decided {
        let usual = || Decided { reply: usual.to_owned(), next: Next::Goes, is_mute: false };
        match self.script().reaction(phase, line) {
            None => usual(),
            Some(Reaction::Say(reply)) => Decided { reply, ..usual() },
            Some(Reaction::SayThenDrop(reply)) => Decided { reply, next: Next::Ends, is_mute: false },
            Some(Reaction::Drop) => Decided { reply: String::new(), next: Next::Ends, is_mute: true },
            Some(Reaction::TakeThenDrop) => Decided { next: Next::Ends, is_mute: true, ..usual() },
            Some(Reaction::Never) => std::future::pending().await,
            Some(Reaction::Later(delay)) => {
                tokio::time::sleep(delay).await;
                usual()
            }
            Some(Reaction::Behind(gate)) => {
                gate.passed().await;
                usual()
            }
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<Next> {
        self.io.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.io.flush().await?;
        Ok(Next::Goes)
    }

    fn hello(&self) -> String {
        let mut lines = vec!["sink.example.net".to_owned()];
        lines.extend(self.script().keywords);
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate().map(|(at, line)| {
            let separator = if at == last { ' ' } else { '-' };
            format!("250{separator}{line}")
        });
        lines.collect::<Vec<_>>().join("\r\n")
    }

    fn reset(&mut self) {
        self.mail = Received { connection: self.connection, ..Received::default() };
    }

    fn script(&self) -> Script {
        self.state.script.lock().expect("not poisoned").clone()
    }
}
