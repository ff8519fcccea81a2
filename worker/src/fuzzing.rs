//! Doors for the fuzz targets (`fuzz/`): scanners that answer what they are told to, without a socket.
//!
//! Built with `cfg(fuzzing)` only, which cargo-fuzz sets; `pool::socket::connect` then gives what stands here, so that
//! each client runs as a whole. Deliberately absent: the pool, time, and anything that decides.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use proto::{Endpoint, Envelope, ForwardPath, MailParams, Points, Recipient, ReversePath, TxId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::clamd::Clamd;
use crate::command;
use crate::icap;
use crate::pool::client::{Client, Failure, Outcome, Request, Target};
use crate::pool::socket::Socket;
use crate::rspamd::Rspamd;
use crate::spamd::{self, Spamd};

/// What a host says on one connection, read by read; then it closes.
type Answer = VecDeque<Bytes>;

thread_local! {
    /// For the next connections.
    static ANSWERS: RefCell<VecDeque<Answer>> = RefCell::default();
}

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub enum Scanner {
    /// INSTREAM.
    Clamd,
    /// SYMBOLS.
    Spamd,
    /// REPORT.
    SpamdReport,
    /// `/checkv2`.
    Rspamd,
    /// OPTIONS on the first connection, RESPMOD on the second.
    Icap,
}

/// What the client makes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing was found.
    Clean,
    /// This was found, or not looked into; as it is shown to people.
    Named(&'static str, String),
    /// The points.
    Score(Points),
    /// No usable answer.
    Failed,
}

impl From<Result<Outcome, Failure>> for Said {
    fn from(result: Result<Outcome, Failure>) -> Self {
        match result {
            Ok(Outcome::Clean) => Self::Clean,
            Ok(Outcome::Score(score)) => Self::Score(score.score),
            Ok(Outcome::Infected(name)) => Self::Named("infected", crate::text::printable(&name)),
            Ok(Outcome::OverLimit(name)) => Self::Named("over limit", crate::text::printable(&name)),
            Ok(Outcome::Encrypted(name)) => Self::Named("encrypted", crate::text::printable(&name)),
            Err(failure) => {
                drop(failure.chain());
                Self::Failed
            }
        }
    }
}

/// Has `scanner` say `answers`, one for each connection, each in those reads, of `content`.
pub fn ask(scanner: Scanner, answers: Vec<Vec<Bytes>>, content: &[u8]) -> Said {
    ANSWERS.set(answers.into_iter().map(VecDeque::from).collect());
    let envelope = envelope();
    let request = Request {
        envelope: &envelope,
        content: &Bytes::copy_from_slice(content),
        tx: TxId::parse("00000000-0000-7000-8000-000000000000").expect("an id"),
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without threads can be had");
    let report = spamd::Options { wants_report: true, ..spamd::Options::default() };
    runtime.block_on(async {
        match scanner {
            Scanner::Clamd => exchange(&Clamd::default(), &request).await,
            Scanner::Spamd => exchange(&Spamd::new(&spamd::Options::default()), &request).await,
            Scanner::SpamdReport => exchange(&Spamd::new(&report), &request).await,
            Scanner::Rspamd => exchange(&Rspamd, &request).await,
            Scanner::Icap => {
                let settings = icap::Settings { service: "scan".into(), ..icap::Settings::default() };
                exchange(&icap::Client::new(settings), &request).await
            }
        }
    })
}

async fn exchange<C: Client>(client: &C, request: &Request<'_>) -> Said {
    let endpoint = Endpoint::Tcp { host: "scanner.invalid".into(), port: 1 };
    let target = Target { endpoint: &endpoint, connect_timeout: Duration::from_secs(5) };
    client.exchange(target, None, request).await.map(|reply| reply.outcome).into()
}

/// Has a program end with `code` that wrote `output`; the name is found by `pattern`, where that is one.
pub fn run(pattern: &str, code: i32, output: &[u8], has_read_all: bool) -> Said {
    let mut settings = command::Settings::new("scan".into());
    settings.name = command::Pattern::new(pattern).ok();
    command::Client::new(settings).said(code, output, has_read_all).into()
}

fn envelope() -> Envelope {
    let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).expect("an address"));
    Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient]).expect("an envelope")
}

/// A connection: takes everything, and says what it was told to say once it was asked.
struct Canned {
    answer: Answer,
    was_asked: bool,
    reader: Option<Waker>,
}

/// The next one; refused where none was told. Never nothing: no fuzz target is to open a socket.
pub(crate) fn connect() -> Option<Result<Box<dyn Socket>, Failure>> {
    let answer = ANSWERS.with_borrow_mut(VecDeque::pop_front);
    Some(match answer {
        Some(answer) => Ok(Box::new(Canned { answer, was_asked: false, reader: None })),
        None => Err(Failure::Connect(io::ErrorKind::ConnectionRefused.into())),
    })
}

impl AsyncRead for Canned {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.was_asked {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        // Nothing read is the end, so what has no bytes is no read.
        while let Some(mut bytes) = self.answer.pop_front() {
            to.put_slice(&bytes.split_to(bytes.len().min(to.remaining())));
            if !bytes.is_empty() {
                self.answer.push_front(bytes);
            }
            if !to.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Canned {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.was_asked = true;
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
