//! One connection to a next hop: drives a [`Dialogue`] over a socket under time-outs.
//!
//! A mail goes in two steps. [`Connection::offer`] ends with the whole content written and the dot withheld;
//! [`Connection::commit`] sends the dot. Between the two, nothing has happened yet: dropping the connection there is
//! always safe, and behind it never. [`Connection::send`] is both at once, for load generators and tests.
//!
//! Deliberately absent: any second try, and what a failure means for the client.

mod write;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout_at};

use proto::{Endpoint, Envelope, Position};

use crate::dialogue::{Capabilities, Dialogue, Event, NextHopReply, ReplyError, Stage};
use crate::settings::{Protocol, Timeouts};
use crate::stream::Stream;

/// Bytes read at a time; replies to a window of RCPT mostly fit.
const READ_BYTES: usize = 8 * 1_024;

/// Why a transaction on a connection came to no end. The connection must be dropped.
#[derive(Debug, Error)]
pub enum Failure {
    /// No socket.
    #[error("connecting to the next hop")]
    Connect(#[source] io::Error),
    /// No answer in time.
    #[error("waiting for the next hop at {}", .0.name())]
    TimedOut(Stage),
    /// The socket failed or was closed.
    #[error("talking to the next hop at {}", .stage.name())]
    Lost {
        /// What was waited for.
        stage: Stage,
        /// How it failed; the end of the stream is [`io::ErrorKind::UnexpectedEof`].
        #[source]
        source: io::Error,
    },
    /// The next hop refused the whole transaction, or the session.
    #[error("the next hop refused {}: {reply}", .stage.name())]
    Refused {
        /// What was refused.
        stage: Stage,
        /// How.
        reply: NextHopReply,
    },
    /// It does not speak the protocol.
    #[error("understanding the next hop at {}", .stage.name())]
    Violation {
        /// Where.
        stage: Stage,
        /// How.
        #[source]
        error: ReplyError,
    },
}

impl Failure {
    /// What was waited for.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Connect(_) => Stage::Greeting,
            Self::TimedOut(stage)
            | Self::Lost { stage, .. }
            | Self::Refused { stage, .. }
            | Self::Violation { stage, .. } => *stage,
        }
    }
}

/// What an offered mail came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The next hop has the whole content for these recipients, by index, and waits for the dot.
    Held(Vec<usize>),
    /// No recipient was accepted; each has its answer.
    Nobody,
}

/// What became of a mail given to [`Connection::send`].
#[derive(Clone, Debug)]
pub struct Sent {
    /// One reply per recipient, in RCPT order: of its RCPT where that was refused, else of the dot.
    pub replies: Vec<NextHopReply>,
    /// From the final dot to the last reply; `None` when there was no dot.
    pub dot: Option<Duration>,
}

/// Takes the answers for single recipients as they come: index in the transaction, stage, reply.
pub type Answers<'a> = &'a mut (dyn FnMut(usize, Stage, NextHopReply) + Send);

/// An open connection whose next hop has greeted us.
#[derive(Debug)]
pub struct Connection<S = Stream> {
    stream: S,
    dialogue: Dialogue,
    timeouts: Timeouts,
    mails: u32,
    input: Box<[u8]>,
}

impl Connection<Stream> {
    /// Opens a socket and says EHLO or LHLO as `hostname`, all by `until`.
    ///
    /// # Errors
    /// Whatever keeps the connection from being ready.
    pub async fn open(
        endpoint: &Endpoint,
        protocol: Protocol,
        hostname: &str,
        timeouts: &Timeouts,
        until: Instant,
    ) -> Result<Self, Failure> {
        let connect_until = until.min(Instant::now() + timeouts.connect);
        let stream = timeout_at(connect_until, Stream::connect(endpoint))
            .await
            .map_err(|_| Failure::Connect(io::ErrorKind::TimedOut.into()))?
            .map_err(Failure::Connect)?;
        Self::greet(stream, protocol, hostname, timeouts, until).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// The same over a socket that is open already.
    ///
    /// # Errors
    /// Whatever keeps the connection from being ready.
    pub async fn greet(
        stream: S,
        protocol: Protocol,
        hostname: &str,
        timeouts: &Timeouts,
        until: Instant,
    ) -> Result<Self, Failure> {
        let mut connection = Self {
            stream,
            dialogue: Dialogue::new(protocol, hostname),
            timeouts: timeouts.clone(),
            mails: 0,
            input: vec![0; READ_BYTES].into(),
        };
        match connection.event(until).await? {
            Event::Ready => Ok(connection),
            other => Err(connection.unexpected(other)),
        }
    }

    /// What the next hop announced.
    pub fn capabilities(&self) -> &Capabilities {
        self.dialogue.capabilities()
    }

    /// How many mails were offered on it.
    pub fn mails(&self) -> u32 {
        self.mails
    }

    /// Whether another mail may be offered: everything asked was answered, and nothing gives reason for doubt.
    pub fn is_ready(&self) -> bool {
        self.dialogue.is_ready()
    }

    pub(crate) fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    /// Sends the envelope and the content, which is the concatenation of `slices`, and withholds the dot.
    ///
    /// # Errors
    /// When the transaction failed for all recipients that `answers` was not told of. Nothing was delivered.
    pub async fn offer(
        &mut self,
        envelope: &Envelope,
        recipients: &[Position],
        slices: &[&[u8]],
        smtputf8: bool,
        until: Instant,
        answers: Answers<'_>,
    ) -> Result<Offer, Failure> {
        self.mails = self.mails.saturating_add(1);
        let size = slices.iter().map(|slice| slice.len() as u64).sum();
        self.dialogue
            .begin(envelope, recipients, size, smtputf8)
            .map_err(|_| Failure::Lost { stage: Stage::Idle, source: io::ErrorKind::NotConnected.into() })?;
        let accepted = loop {
            match self.event(until).await? {
                Event::Answer { index, stage, reply } => answers(index, stage, reply),
                Event::Content { accepted } => break accepted,
                Event::Done => return Ok(Offer::Nobody),
                other => return Err(self.unexpected(other)),
            }
        };
        let stall = self.timeouts.transfer;
        let written = write::content(&mut self.stream, slices, stall, until).await;
        // A next hop that gives up half-way says why before it closes; that is worth more than the broken pipe.
        let gone = self.glance();
        if let Some(event) = self.dialogue.event() {
            return Err(self.unexpected(event));
        }
        written?;
        if gone {
            return Err(self.lost(io::ErrorKind::UnexpectedEof));
        }
        Ok(Offer::Held(accepted))
    }

    /// Whether the next hop still waits for the dot, as far as that can be known without waiting. Asked after a
    /// claim, which may have taken its time: a dot into a closed connection would leave the claim in doubt.
    pub fn is_holding(&mut self) -> bool {
        !self.glance() && self.dialogue.stage() == Stage::Transfer
    }

    /// Sends the final dot and waits for the replies.
    ///
    /// # Errors
    /// When a recipient that was accepted had no reply: the next hop may have the mail for it.
    pub async fn commit(&mut self, until: Instant, answers: Answers<'_>) -> Result<(), Failure> {
        self.dialogue.final_dot().map_err(|_| Failure::Lost {
            stage: Stage::Transfer,
            source: io::ErrorKind::NotConnected.into(),
        })?;
        loop {
            match self.event(until).await? {
                Event::Answer { index, stage, reply } => answers(index, stage, reply),
                Event::Done => return Ok(()),
                other => return Err(self.unexpected(other)),
            }
        }
    }

    /// Sends one mail to all recipients of `envelope` and takes the replies, without a fence.
    ///
    /// # Errors
    /// When not every recipient got a reply.
    pub async fn send(
        &mut self,
        envelope: &Envelope,
        content: &[u8],
        until: Instant,
    ) -> Result<Sent, Failure> {
        let recipients: Vec<_> = envelope.positions().collect();
        let mut replies: Vec<Option<NextHopReply>> = vec![None; recipients.len()];
        let mut keep = |index: usize, _: Stage, reply| {
            if let Some(slot) = replies.get_mut(index) {
                *slot = Some(reply);
            }
        };
        let smtputf8 = envelope.params().smtputf8 && self.capabilities().smtputf8;
        let offer = self.offer(envelope, &recipients, &[content], smtputf8, until, &mut keep).await?;
        let dot = match offer {
            Offer::Nobody => None,
            Offer::Held(_) => {
                let began = Instant::now();
                self.commit(until, &mut keep).await?;
                Some(began.elapsed())
            }
        };
        self.settle(until).await;
        Ok(Sent { replies: replies.into_iter().flatten().collect(), dot })
    }

    /// Takes the replies that a transaction which ended early still has to come, so that the connection is ready
    /// again, or is not and never will be.
    pub async fn settle(&mut self, until: Instant) {
        let until = until.min(Instant::now() + self.timeouts.mail);
        while self.dialogue.is_settling() {
            if self.exchange(until).await.is_err() {
                return;
            }
            while self.dialogue.event().is_some() {}
        }
    }

    /// Whether the next hop closed the connection, or said something, while nobody asked it. Does not wait.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.glance() || !self.dialogue.is_ready()
    }

    /// Says QUIT, waits for its reply for as long as that may take, and closes.
    pub async fn quit(mut self) {
        if !self.dialogue.is_ready() {
            return;
        }
        self.dialogue.quit();
        let until = Instant::now() + self.timeouts.quit;
        if self.exchange(until).await.is_ok() {
            // The next hop closes as well; if this fails, it has.
            let _closed = timeout_at(until, self.stream.shutdown()).await;
        }
    }

    /// The next event, whatever must be written and read for it.
    async fn event(&mut self, until: Instant) -> Result<Event, Failure> {
        loop {
            match self.dialogue.event() {
                Some(event) => return Ok(event),
                None => self.exchange(until).await?,
            }
        }
    }

    /// Writes what there is to write, then reads until there is one more reply or an event.
    async fn exchange(&mut self, until: Instant) -> Result<(), Failure> {
        let stage = self.dialogue.stage();
        while let Some(bytes) = self.dialogue.output() {
            write::all(&mut self.stream, &bytes, self.timeouts.transfer, until, stage).await?;
        }
        let replies = self.dialogue.replies();
        let until = until.min(Instant::now() + self.timeout(stage));
        while self.dialogue.replies() == replies && !self.dialogue.has_event() {
            if self.dialogue.is_closed() {
                return Err(self.lost(io::ErrorKind::NotConnected));
            }
            let read = timeout_at(until, self.stream.read(&mut self.input))
                .await
                .map_err(|_| Failure::TimedOut(stage))?
                .map_err(|source| Failure::Lost { stage, source })?;
            if read == 0 {
                return Err(self.lost(io::ErrorKind::UnexpectedEof));
            }
            self.dialogue.receive(self.input.get(..read).unwrap_or_default());
        }
        Ok(())
    }

    /// Takes what has arrived without waiting; true at the end of the stream.
    fn glance(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut filled = ReadBuf::new(&mut self.input);
            match Pin::new(&mut self.stream).poll_read(&mut cx, &mut filled) {
                Poll::Pending => return false,
                Poll::Ready(Err(_)) => return true,
                Poll::Ready(Ok(())) if filled.filled().is_empty() => return true,
                Poll::Ready(Ok(())) => self.dialogue.receive(filled.filled()),
            }
        }
    }

    fn timeout(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Greeting => self.timeouts.greeting,
            Stage::Hello => self.timeouts.ehlo,
            Stage::Idle | Stage::Mail => self.timeouts.mail,
            Stage::Rcpt => self.timeouts.rcpt,
            Stage::Data => self.timeouts.data,
            Stage::Transfer => self.timeouts.transfer,
            Stage::Dot => self.timeouts.dot,
            Stage::Reset => self.timeouts.quit,
        }
    }

    fn lost(&self, kind: io::ErrorKind) -> Failure {
        Failure::Lost { stage: self.dialogue.stage(), source: kind.into() }
    }

    /// A failure from an event that ends what was being done.
    fn unexpected(&self, event: Event) -> Failure {
        match event {
            Event::Refused { stage, reply } => Failure::Refused { stage, reply },
            Event::Violation { stage, error } => Failure::Violation { stage, error },
            Event::Ready | Event::Answer { .. } | Event::Content { .. } | Event::Done => {
                self.lost(io::ErrorKind::InvalidData)
            }
        }
    }
}

#[cfg(test)]
mod tests;
