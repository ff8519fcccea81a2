//! Client of spamd, SpamAssassin's daemon: SPAMC protocol 1.5, one connection for each mail.
//!
//! SYMBOLS gives the score and the names of the rules; REPORT gives their scores and a text too. Deliberately absent:
//! learning, compression, and HEADERS and PROCESS, which give back a mail that SpamAssassin has changed.

mod reply;
#[cfg(test)]
mod tests;

use std::io::IoSlice;
use std::pin::pin;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use self::reply::REPLY_BYTES_MAX;
use crate::pool::client::{Client, Failure, Outcome, Reply, Request, Target};
use crate::pool::socket::{connect, write_all};

/// What an operator can set of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whose rules and preferences are used; spamd's own user where none is named.
    pub user: Option<String>,
    /// Whether the text for people is asked for and kept with the verdict, and the score of each rule with it.
    pub wants_report: bool,
}

/// Speaks with spamd.
#[derive(Clone, Debug)]
pub(crate) struct Spamd {
    /// All of the request's header but its length.
    head: String,
    wants_report: bool,
}

impl Spamd {
    pub(crate) fn new(options: &Options) -> Self {
        let command = if options.wants_report { "REPORT" } else { "SYMBOLS" };
        let is_name = |user: &&String| user.bytes().all(|byte| byte.is_ascii_graphic());
        let user = options.user.as_ref().filter(is_name);
        let user = user.map(|user| format!("User: {user}\r\n")).unwrap_or_default();
        let head = format!("{command} SPAMC/1.5\r\n{user}Content-length: ");
        Self { head, wants_report: options.wants_report }
    }
}

impl Client for Spamd {
    type Connection = ();

    async fn exchange(
        &self,
        target: Target<'_>,
        _: Option<()>,
        request: &Request<'_>,
    ) -> Result<Reply<()>, Failure> {
        let mut socket = connect(target).await?;
        let head = format!("{}{}\r\n\r\n", self.head, request.content.len());
        let mut slices = [IoSlice::new(head.as_bytes()), IoSlice::new(request.content)];
        let reply = ask(&mut socket, &mut slices).await?;
        let score = reply::parse(&reply, self.wants_report)?;
        Ok(Reply { outcome: Outcome::Score(Box::new(score)), connection: None })
    }

    /// It tells no version, only that it lives.
    async fn probe(&self, target: Target<'_>) -> Result<String, Failure> {
        let mut socket = connect(target).await?;
        let reply = ask(&mut socket, &mut [IoSlice::new(b"PING SPAMC/1.5\r\n\r\n")]).await?;
        reply::parse_pong(&reply)
    }
}

/// Sends `request` and reads the answer, which ends with the connection. An answer that comes before all is sent is
/// an error of spamd's and is read all the same.
async fn ask(
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &mut [IoSlice<'_>],
) -> Result<Vec<u8>, Failure> {
    let (mut reader, mut writer) = tokio::io::split(socket);
    let mut reading = pin!(read_all(&mut reader));
    let writing = async {
        write_all(&mut writer, request).await?;
        writer.shutdown().await
    };
    tokio::select! {
        biased;
        written = writing => {
            if let Err(error) = written {
                return match reading.await {
                    Ok(reply) if !reply.is_empty() => Ok(reply),
                    _ => Err(Failure::Lost(Some(error))),
                };
            }
        }
        reply = &mut reading => return match reply {
            // Whatever it says, it does not say it of the whole mail.
            Ok(reply) if reply::is_success(&reply) => Err(Failure::Early),
            reply => reply,
        },
    }
    reading.await
}

/// Everything up to the end, as far as it may be an answer.
async fn read_all(reader: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Failure> {
    let mut reply = Vec::with_capacity(1024);
    loop {
        match reader.read_buf(&mut reply).await {
            Ok(0) if reply.is_empty() => return Err(Failure::Lost(None)),
            Ok(0) => return Ok(reply),
            Ok(_) if reply.len() > REPLY_BYTES_MAX => return Err(Failure::TooLong(REPLY_BYTES_MAX)),
            Ok(_) => {}
            Err(error) if reply.is_empty() => return Err(Failure::Lost(Some(error))),
            Err(error) => return Err(Failure::Cut(Some(error))),
        }
    }
}
