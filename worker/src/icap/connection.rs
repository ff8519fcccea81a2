//! One connection to an ICAP server: a request, its answer, and then the next; never two at once.
//!
//! Clean is "204 no change", or a "200 OK" that brings back byte for byte what was sent, as servers do that do not know
//! 204; and only once the server had all of the content. One that is content with a preview has not looked at the rest.

use std::io::IoSlice;
use std::pin::pin;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::timeout;

use super::fields::{encapsulated, found};
use super::head::Head;
use super::options::{Options, tag};
use super::reading::Reading;
use super::request::{End, Service, last_size, slices};
use crate::names;
use crate::pool::client::{Failure, Outcome, Target};
use crate::pool::socket::{Socket, connect, write_all};

/// How long an answer is waited for after the server stopped reading.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// An open connection.
pub(crate) struct Connection {
    socket: Box<dyn Socket>,
    buffer: BytesMut,
}

/// What is to be scanned, and how the server is asked.
pub(super) struct Respmod<'a> {
    pub(super) head: Vec<u8>,
    pub(super) content: &'a [u8],
    /// Bytes that the server gets to see before the rest.
    pub(super) preview: Option<usize>,
}

/// What is known after an answer.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) outcome: Outcome,
    /// The tag of the service's rules and signatures.
    pub(super) tag: Option<String>,
    /// Whether the connection may serve another request.
    pub(super) is_reusable: bool,
}

/// An answer, as far as it was read.
struct Answer {
    said: Said,
    tag: Option<String>,
    is_reusable: bool,
    /// Whether the request was written to its end by then.
    all_sent: bool,
}

enum Said {
    /// It wants the rest.
    Continue,
    /// Nothing is wrong with it.
    NoChange,
    /// It found this.
    Found(String),
}

impl Connection {
    /// Connects.
    pub(super) async fn open(target: Target<'_>) -> Result<Self, Failure> {
        Ok(Self { socket: connect(target).await?, buffer: BytesMut::new() })
    }

    /// Asks what the service can, and says whether the connection may be used again.
    pub(super) async fn options(&mut self, service: &Service<'_>) -> Result<(Options, bool), Failure> {
        let request = service.options();
        let mut request = [IoSlice::new(&request)];
        let Self { socket, buffer } = self;
        let (reader, mut writer) = tokio::io::split(socket);
        write_all(&mut writer, &mut request).await.map_err(|error| Failure::Lost(Some(error)))?;
        let head = Reading { reader, buffer }.head().await?;
        if head.status != 200 {
            return Err(refused(&head));
        }
        let has_body = encapsulated(&head).map_err(Failure::grammar)?.is_some_and(|part| part.has_body);
        let is_reusable = !has_body && !closes(&head);
        if is_reusable && !self.buffer.is_empty() {
            return Err(Failure::Trailing);
        }
        Ok((Options::of(&head).map_err(Failure::grammar)?, is_reusable))
    }

    /// Has a content scanned.
    pub(super) async fn respmod(&mut self, request: &Respmod<'_>) -> Result<Scanned, Failure> {
        let content = request.content;
        let cut = request.preview.map_or(content.len(), |preview| preview.min(content.len()));
        let (shown, rest) = content.split_at(cut);
        let end = if request.preview.is_some() && rest.is_empty() { End::All } else { End::Plain };
        let answer = self.ask(&request.head, shown, end, content).await?;
        if !matches!(answer.said, Said::Continue) {
            return settle(answer, cut, content.len());
        }
        if rest.is_empty() || !answer.all_sent {
            return Err(Failure::Early);
        }
        let answer = self.ask(&[], rest, End::Plain, content).await.map_err(|failure| match failure {
            // It was there a moment ago, so this is no connection that was closed while nobody looked.
            Failure::Lost(error) => Failure::Cut(error),
            other => other,
        })?;
        if matches!(answer.said, Said::Continue) {
            return Err(Failure::Early);
        }
        settle(answer, content.len(), content.len())
    }

    /// Writes while it reads the answer, which may come before all was written.
    async fn ask(&mut self, head: &[u8], part: &[u8], end: End, content: &[u8]) -> Result<Answer, Failure> {
        let last = last_size(part);
        let mut request = slices(head, part, &last, end);
        let Self { socket, buffer } = self;
        let (reader, mut writer) = tokio::io::split(socket);
        let mut reading = pin!(answer(Reading { reader, buffer }, content));
        let written = {
            let mut writing = pin!(write_all(&mut writer, &mut request));
            // Writing first: an answer to the whole is then never taken for one that came early.
            tokio::select! {
                biased;
                written = &mut writing => written,
                answer = &mut reading => return answer,
            }
        };
        match written {
            Ok(()) => reading.await.map(|answer| Answer { all_sent: true, ..answer }),
            Err(error) => match timeout(LAST_WORDS, reading).await {
                Ok(Err(Failure::Lost(_))) | Err(_) => Err(Failure::Lost(Some(error))),
                Ok(result) => result,
            },
        }
    }
}

async fn answer<R>(mut reading: Reading<'_, R>, content: &[u8]) -> Result<Answer, Failure>
where
    R: tokio::io::AsyncRead + Unpin,
{
    let head = reading.head().await?;
    let tag = tag(&head);
    let answer = |said, is_reusable| Ok(Answer { said, tag, is_reusable, all_sent: false });
    if let (200..300, Some(name)) | (403, Some(name)) = (head.status, found(&head)) {
        // What it sends instead of the mail is of no use.
        return answer(Said::Found(name), false);
    }
    let part = encapsulated(&head).map_err(Failure::grammar)?;
    let said = match (head.status, part) {
        (100, _) => return answer(Said::Continue, true),
        (204, part) if part.is_none_or(|part| !part.has_body && part.head_bytes == 0) => Said::NoChange,
        (200, Some(part)) => {
            let status = if part.head_bytes > 0 { reading.http_status(part.head_bytes).await? } else { 200 };
            if status != 200 {
                return answer(Said::Found(format!("the ICAP server put HTTP {status} in its place")), false);
            }
            if !part.has_body || !reading.is_body(content).await? {
                return answer(Said::Found("changed by the ICAP server".into()), false);
            }
            Said::NoChange
        }
        (200..300, _) => return Err(Failure::grammar("an answer that means nothing here")),
        _ => return Err(refused(&head)),
    };
    if !reading.buffer.is_empty() {
        return Err(Failure::Trailing);
    }
    answer(said, !closes(&head))
}

/// What an answer means when the server had `seen` of `all` bytes before it.
fn settle(answer: Answer, seen: usize, all: usize) -> Result<Scanned, Failure> {
    let outcome = match answer.said {
        Said::Found(name) => names::outcome(&name),
        Said::NoChange if !answer.all_sent => return Err(Failure::Early),
        Said::NoChange if seen < all => Outcome::OverLimit(format!("scanned {seen} of {all} bytes")),
        Said::NoChange => Outcome::Clean,
        Said::Continue => return Err(Failure::Early),
    };
    Ok(Scanned { outcome, tag: answer.tag, is_reusable: answer.is_reusable && answer.all_sent })
}

fn refused(head: &Head) -> Failure {
    Failure::Refused(format!("ICAP status {} {}", head.status, crate::text::printable(&head.reason)))
}

fn closes(head: &Head) -> bool {
    head.lists("connection", "close")
}
