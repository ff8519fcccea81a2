//! One session with one clamd: a request, its answer, and then the next; never two at once.
//!
//! `IDSESSION` keeps the connection open between scans and numbers the answers, so that an answer that belongs to
//! another request is noticed.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use proto::Endpoint;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::descriptor;
use super::reply::{self, Answer, GrammarError, REPLY_BYTES_MAX, Subject};
use super::stream::Lengths;
use crate::pool::client::{Failure, Target};
use crate::pool::socket::{Socket, connect, connect_unix, write_all};

/// How long an answer is waited for after clamd stopped reading.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How clamd gets a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// As a stream.
    #[default]
    Instream,
    /// As an open file over a unix socket, as a stream over TCP.
    Fildes,
}

/// To clamd.
enum Transport {
    Stream(Box<dyn Socket>),
    /// Files can be handed over.
    Local(UnixStream),
}

impl Transport {
    fn socket(&mut self) -> &mut dyn Socket {
        match self {
            Self::Stream(socket) => socket,
            Self::Local(socket) => socket,
        }
    }

    /// Sends `command` and a file with it.
    async fn pass(&mut self, command: &[u8], file: &File) -> io::Result<()> {
        match self {
            Self::Stream(_) => Err(io::ErrorKind::Unsupported.into()),
            Self::Local(socket) => descriptor::send(socket, command, file).await,
        }
    }
}

/// An open session.
pub(crate) struct Connection {
    transport: Transport,
    /// Requests made so far; the number of the last one.
    requests: u32,
}

impl Connection {
    /// Connects to `target` within its limit.
    pub(super) async fn open(target: Target<'_>, way: Way) -> Result<Self, Failure> {
        let transport = match (way, target.endpoint) {
            (Way::Fildes, Endpoint::Unix(path)) => Transport::Local(connect_unix(target, path).await?),
            (Way::Fildes, Endpoint::Tcp { .. }) | (Way::Instream, _) => {
                Transport::Stream(connect(target).await?)
            }
        };
        Ok(Self { transport, requests: 0 })
    }

    /// Whether the other end has closed it, or has sent something unasked.
    pub(super) async fn is_stale(&mut self) -> bool {
        let mut socket = self.transport.socket();
        poll_fn(|context| {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            let read = Pin::new(&mut socket).poll_read(context, &mut buffer);
            Poll::Ready(read.is_ready())
        })
        .await
    }

    /// Sends `content` and reads the answer.
    pub(super) async fn scan(&mut self, content: &Bytes) -> Result<Answer, Failure> {
        match self.transport {
            Transport::Stream(_) => self.scan_stream(content).await,
            Transport::Local(_) => match descriptor::file_of(content).await {
                Ok(file) => self.scan_file(&file).await,
                // No memory or no descriptor is left for one.
                Err(_) => self.scan_stream(content).await,
            },
        }
    }

    async fn scan_file(&mut self, file: &File) -> Result<Answer, Failure> {
        // clamd wants a byte behind the command, for the file to come with.
        let command: &[u8] = self.command(b"zIDSESSION\0zFILDES\0\0", b"zFILDES\0\0");
        self.transport.pass(command, file).await.map_err(|error| Failure::Lost(Some(error)))?;
        let line = read_answer(&mut self.transport.socket()).await?;
        reply::parse(&line, self.requests, Subject::Descriptor).map_err(Failure::grammar)
    }

    async fn scan_stream(&mut self, content: &[u8]) -> Result<Answer, Failure> {
        let command: &[u8] = self.command(b"zIDSESSION\0zINSTREAM\0", b"zINSTREAM\0");
        let lengths = Lengths::of(content);
        let (line, all_sent) = self.exchange(&mut lengths.slices(command, content)).await?;
        let answer = reply::parse(&line, self.requests, Subject::Stream).map_err(Failure::grammar)?;
        match (&answer, all_sent) {
            (_, true) | (Answer::OverLimit(_) | Answer::Error(_), false) => Ok(answer),
            (Answer::Clean | Answer::Infected(_) | Answer::Encrypted(_), false) => Err(Failure::Early),
        }
    }

    /// Asks for the versions of engine and signatures.
    pub(super) async fn version(&mut self) -> Result<String, Failure> {
        let command: &[u8] = self.command(b"zIDSESSION\0zVERSION\0", b"zVERSION\0");
        let (line, _) = self.exchange(&mut [IoSlice::new(command)]).await?;
        let version = reply::body(&line, self.requests).map_err(Failure::grammar)?;
        if version.starts_with("ClamAV ") {
            Ok(version.into())
        } else {
            Err(Failure::grammar(GrammarError::Unknown))
        }
    }

    /// Counts a request; the first one opens the session.
    fn command<'a>(&mut self, first: &'a [u8], later: &'a [u8]) -> &'a [u8] {
        self.requests += 1;
        if self.requests == 1 { first } else { later }
    }

    /// Writes `request` while reading the answer, which clamd may give before it has all, when that is too much for
    /// it. Gives the answer without its NUL, and whether all was sent.
    async fn exchange(&mut self, request: &mut [IoSlice<'_>]) -> Result<(Vec<u8>, bool), Failure> {
        let (mut reader, mut writer) = tokio::io::split(self.transport.socket());
        let mut reading = pin!(read_answer(&mut reader));
        let written = {
            let mut writing = pin!(write_all(&mut writer, request));
            // Writing first: an answer to the whole is then never taken for one that came early.
            tokio::select! {
                biased;
                written = &mut writing => written,
                answer = &mut reading => return answer.map(|line| (line, false)),
            }
        };
        match written {
            Ok(()) => reading.await.map(|line| (line, true)),
            Err(error) => match timeout(LAST_WORDS, reading).await {
                Ok(Ok(line)) => Ok((line, false)),
                Ok(Err(Failure::Lost(_))) | Err(_) => Err(Failure::Lost(Some(error))),
                Ok(Err(failure)) => Err(failure),
            },
        }
    }
}

/// Reads one answer; there must be nothing behind its NUL.
async fn read_answer(reader: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Failure> {
    let mut answer = Vec::with_capacity(128);
    loop {
        let lost = |answer: &[u8], error| match answer {
            [] => Failure::Lost(error),
            _ => Failure::Cut(error),
        };
        match reader.read_buf(&mut answer).await {
            Ok(0) => return Err(lost(&answer, None)),
            Ok(_) => {}
            Err(error) => return Err(lost(&answer, Some(error))),
        }
        match memchr::memchr(0, &answer) {
            Some(end) if end + 1 < answer.len() => return Err(Failure::Trailing),
            Some(_) if answer.len() > REPLY_BYTES_MAX => return Err(Failure::TooLong(REPLY_BYTES_MAX)),
            Some(_) => {
                answer.pop();
                return Ok(answer);
            }
            None if answer.len() >= REPLY_BYTES_MAX => return Err(Failure::TooLong(REPLY_BYTES_MAX)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_the_same_in_every_split_into_two_reads() {
        let answer = b"1: stream: Eicar FOUND\0";
        for at in 0..=answer.len() {
            let (one, two) = answer.split_at(at);
            let line = read_answer(&mut one.chain(two)).await.unwrap();
            assert_eq!(line, b"1: stream: Eicar FOUND", "{at}");
        }
    }

    #[tokio::test]
    async fn a_cut_answer_is_never_an_answer() {
        let answer = b"1: stream: OK\0";
        for end in 0..answer.len() {
            let failure = read_answer(&mut &answer[..end]).await.unwrap_err();
            match end {
                0 => assert!(matches!(failure, Failure::Lost(None))),
                _ => assert!(matches!(failure, Failure::Cut(None))),
            }
        }
    }

    #[tokio::test]
    async fn the_length_of_an_answer_at_both_sides_of_its_limit() {
        let answer = |bytes: usize| [vec![b'x'; bytes - 1], vec![0]].concat();
        assert!(read_answer(&mut answer(REPLY_BYTES_MAX).as_slice()).await.is_ok());
        let endless = vec![b'x'; 2 * REPLY_BYTES_MAX];
        let failure = read_answer(&mut endless.as_slice()).await.unwrap_err();
        assert!(matches!(failure, Failure::TooLong(REPLY_BYTES_MAX)));
        // In one byte more no answer fits.
        let long = answer(REPLY_BYTES_MAX + 1);
        let (most, last) = long.split_at(REPLY_BYTES_MAX);
        let failure = read_answer(&mut most.chain(last)).await.unwrap_err();
        assert!(matches!(failure, Failure::TooLong(REPLY_BYTES_MAX)));
    }
}
