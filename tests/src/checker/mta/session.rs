//! One LMTP session of the client; whatever goes wrong ends it.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::checker::{MailId, Mails, Why};
use crate::client::dot_stuffed;
use crate::io::{Io, connect};

/// The server closes behind it.
const CLOSING: u16 = 421;

pub(super) struct Session {
    io: BufReader<Box<dyn Io>>,
    patience: Duration,
    has_ident: bool,
    has_size: bool,
}

/// A reply: its code, and its last line.
struct Reply {
    code: u16,
    text: String,
}

impl Session {
    pub(super) async fn open(endpoint: &str, patience: Duration) -> Result<Self, Why> {
        let connected = timeout(patience, connect(endpoint)).await;
        let io = connected.map_err(|_| Why::NotConnected)?.map_err(|_| Why::NotConnected)?;
        let mut session = Self { io: BufReader::new(io), patience, has_ident: false, has_size: false };
        let mut lines = String::new();
        let greeting = session.reply(&mut lines).await.map_err(|_| Why::NotConnected)?;
        if greeting.code != 220 {
            return Err(Why::NotConnected);
        }
        session.send(b"LHLO mta.example.org\r\n").await?;
        lines.clear();
        let hello = session.reply(&mut lines).await?;
        if hello.code != 250 {
            return Err(Why::NotConnected);
        }
        session.has_ident = lines.lines().any(|line| line.contains("XFORWARD") && line.contains("IDENT"));
        session.has_size = lines.lines().any(|line| line.contains("SIZE"));
        Ok(session)
    }

    /// A session that was kept, if it still works: as Postfix does, it is tried with RSET. One that the server has ended
    /// between two mails is no failure, and another is opened.
    pub(super) async fn reuse(kept: Option<Self>, ident: Option<&str>) -> Option<Self> {
        let mut session = kept?;
        session.send(b"RSET\r\n").await.ok()?;
        let reply = session.reply(&mut String::new()).await.ok()?;
        let is_usable = reply.code == 250 && session.ident(ident).await.ok()?;
        is_usable.then_some(session)
    }

    /// Names the queue id of the next mail; whether the server goes on.
    pub(super) async fn ident(&mut self, ident: Option<&str>) -> Result<bool, Why> {
        let Some(ident) = ident.filter(|_| self.has_ident) else {
            return Ok(true);
        };
        self.send(format!("XFORWARD IDENT={ident} SOURCE=REMOTE\r\n").as_bytes()).await?;
        Ok(self.reply(&mut String::new()).await?.code != CLOSING)
    }

    /// One transaction, pipelined as Postfix does; whether the session can be kept. `answered` hears of each answer as
    /// soon as it is read.
    pub(super) async fn transact(
        &mut self,
        mails: &Mails,
        id: MailId,
        recipients: &[u32],
        answered: &mut impl FnMut(u32, u16, &str),
    ) -> Result<bool, Why> {
        let content = mails.content(id);
        let size = if self.has_size { format!(" SIZE={}", content.len()) } else { String::new() };
        let mut commands = format!("MAIL FROM:<{id}@check.example.org>{size}\r\n");
        for &recipient in recipients {
            commands.push_str(&format!("RCPT TO:<{}>\r\n", id.to(recipient).address()));
        }
        commands.push_str("DATA\r\n");
        self.send(commands.as_bytes()).await?;
        let mail = self.reply(&mut String::new()).await?;
        if mail.code == CLOSING {
            recipients.iter().for_each(|&recipient| answered(recipient, mail.code, &mail.text));
            return Ok(false);
        }
        let mut accepted = Vec::new();
        for &recipient in recipients {
            let rcpt = self.reply(&mut String::new()).await?;
            match (mail.code, rcpt.code) {
                (200..300, 200..300) => accepted.push(recipient),
                (200..300, code) => answered(recipient, code, &rcpt.text),
                // What follows a refused MAIL says no more than that.
                (code, _) => answered(recipient, code, &mail.text),
            }
        }
        let data = self.reply(&mut String::new()).await?;
        if data.code != 354 {
            accepted.iter().for_each(|&recipient| answered(recipient, data.code, &data.text));
            return Ok(data.code != CLOSING);
        }
        self.send(&if accepted.is_empty() { b".\r\n".to_vec() } else { dot_stuffed(&content) }).await?;
        if accepted.is_empty() {
            let reply = self.reply(&mut String::new()).await?;
            return Ok(reply.code != CLOSING);
        }
        for recipient in accepted {
            let reply = self.reply(&mut String::new()).await?;
            answered(recipient, reply.code, &reply.text);
        }
        Ok(true)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Why> {
        let sent = timeout(self.patience, async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        });
        sent.await.map_err(|_| Why::TimedOut)?.map_err(|_| Why::Lost)
    }

    /// Reads one reply, and keeps its lines.
    async fn reply(&mut self, lines: &mut String) -> Result<Reply, Why> {
        loop {
            let start = lines.len();
            let read = timeout(self.patience, self.io.read_line(lines)).await;
            let count = read.map_err(|_| Why::TimedOut)?.map_err(|_| Why::Lost)?;
            let line = lines[start..].trim_end_matches(['\r', '\n']);
            if count == 0 || !lines.ends_with('\n') {
                return Err(Why::Lost);
            }
            if let Some(code) = line.get(..3).and_then(|code| code.parse().ok())
                && line.as_bytes().get(3) != Some(&b'-')
            {
                return Ok(Reply { code, text: line.to_owned() });
            }
        }
    }
}
