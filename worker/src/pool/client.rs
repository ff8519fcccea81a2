//! What a pool asks of a scanner's client, and what a client answers: the seam between the two.
//!
//! The pool chooses hosts, bounds the time, counts, keeps connections and asks again; a client only speaks a protocol.
//! There is no "probably clean" here: an answer outside the protocol's grammar is a [`Failure`].

use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::time::Instant;

use proto::{Endpoint, Envelope, SpamScore, TxId};

/// Speaks a scanner's protocol with one host.
///
/// Any future of it may be dropped at any time, when the time is over or the mail is not wanted any more. What it
/// holds then must close by being dropped.
pub(crate) trait Client: Send + Sync + 'static {
    /// An open connection that may serve another request; `()` where none is kept.
    type Connection: Send + 'static;

    /// Has one content scanned. With `connection` that one is used, and [`Failure::Lost`] tells the pool that it was
    /// closed meanwhile and that a fresh one may be tried; without it a new one is opened.
    fn exchange(
        &self,
        target: Target<'_>,
        connection: Option<Self::Connection>,
        request: &Request<'_>,
    ) -> impl Future<Output = Result<Reply<Self::Connection>, Failure>> + Send;

    /// Asks a host whether it lives, and for its version or the like, on a connection of its own.
    fn probe(&self, target: Target<'_>) -> impl Future<Output = Result<String, Failure>> + Send;

    /// The longest that a probe may take.
    fn probe_time(&self, connect_timeout: Duration) -> Duration {
        connect_timeout * 2
    }

    /// Where a host must pass a probe before it gets a mail, since its "clean" is worth nothing otherwise: how often it
    /// is probed again.
    fn canary_interval(&self) -> Option<Duration> {
        None
    }

    /// By what a host scans now, as far as it told: what it says of two contents that are alike is the same as long as
    /// this is. None where that is not known, also because nobody asks it again.
    fn signatures(&self, _host: &Endpoint) -> Option<String> {
        None
    }

    /// A dear look at a host that is in use, each hour. [`Failure::Refused`] means that it must not be used; the next
    /// probe then is to look as closely, as the first one does.
    fn examine(&self, _target: Target<'_>) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }
}

/// Whom to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// Time for opening a connection.
    pub(crate) connect_timeout: Duration,
}

/// What is to be scanned. Scanning has no effect, so it may be asked for again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) envelope: &'a Envelope,
    /// All that the scanner gets; only the head of the mail where it is set to take no more.
    pub(crate) content: &'a Bytes,
    pub(crate) tx: TxId,
    /// When the pool gives up. It watches the time itself; this is for protocols that can tell it.
    pub(crate) deadline: Instant,
}

/// A usable answer.
#[derive(Debug)]
pub(crate) struct Reply<C> {
    pub(crate) outcome: Outcome,
    /// Where the connection may serve another request.
    pub(crate) connection: Option<C>,
}

/// What a scanner says of what it got. Names are as it wrote them; they are made printable later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it was looked at and nothing was found.
    Clean,
    /// Infected, by this name.
    Infected(String),
    /// Not wholly looked at: above a limit of the scanner, in its words.
    OverLimit(String),
    /// Not wholly looked at: behind a password.
    Encrypted(String),
    /// How much like spam it is.
    Score(Box<SpamScore>),
}

impl Outcome {
    /// The name in log and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Infected(_) => "infected",
            Self::OverLimit(_) => "over_limit",
            Self::Encrypted(_) => "encrypted",
            Self::Score(_) => "scored",
        }
    }
}

/// Why a host gave no usable answer.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The request went nowhere.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The request went nowhere.
    #[error("cannot connect in time")]
    ConnectTimeout,
    /// Also what a kept connection gives that was closed meanwhile; it is then asked again on a fresh one.
    #[error("lost the connection before any answer")]
    Lost(#[source] Option<io::Error>),
    #[error("lost the connection within the answer")]
    Cut(#[source] Option<io::Error>),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("there are bytes behind the answer")]
    Trailing,
    #[error("the answer came before the end of the content")]
    Early,
    /// Not in the grammar.
    #[error("cannot read the answer")]
    Grammar(#[source] Box<dyn Error + Send + Sync>),
    /// It answered that it could not scan, in these words.
    #[error("{0}")]
    Refused(String),
    /// Only the pool says this: nothing was sent.
    #[error("no connection became free in time")]
    Busy,
    /// Only the pool says this.
    #[error("no answer in time")]
    Timeout,
}

impl Failure {
    /// An answer outside the grammar.
    pub(crate) fn grammar(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Grammar(error.into())
    }

    /// What was attempted and why it failed, in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }
}
