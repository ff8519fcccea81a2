//! Publishing with retry, by the table of what JetStream errors mean.
//!
//! A retry carries the same message id, so that the server stores one message however often it is sent. A publish
//! that timed out may still arrive: that is an outcome of its own, not a failure.

use std::error::Error as _;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use bytes::Bytes;
use proto::wire::WireError;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};

use crate::bus::Inner;
use crate::link::Link;
use crate::metrics::To;
use crate::retry::Delays;

/// What a failed attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was not stored, and another try may be: no stream or no leader just now.
    Transient,
    /// The same id or a competitor is in flight: a moment later it is known which of them was stored.
    InFlight,
    /// Whether it was stored is not known.
    Unknown,
    /// A stream or the server's resources are full.
    Full,
    /// More bytes than the server or the stream takes.
    TooLarge,
    /// Another message stands at the expected place.
    Conflict,
    /// Anything else; trying again is all that can be done.
    Odd,
}

/// Reads the error table.
pub(crate) fn classify(kind: PublishErrorKind, code: Option<u64>) -> Fault {
    match kind {
        PublishErrorKind::StreamNotFound | PublishErrorKind::MaxAckPending => Fault::Transient,
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Fault::Unknown,
        PublishErrorKind::MaxPayloadExceeded => Fault::TooLarge,
        PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => Fault::Conflict,
        PublishErrorKind::Other => match code {
            Some(10_164 | 10_158) => Fault::InFlight,
            Some(10_077 | 10_023 | 10_047 | 10_028 | 10_002) => Fault::Full,
            Some(10_054) => Fault::TooLarge,
            Some(_) | None => Fault::Odd,
        },
    }
}

fn fault(error: &PublishError) -> Fault {
    let told = error.source().and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    classify(error.kind(), told.map(|told| told.error_code().0))
}

/// Why nothing was stored, or perhaps was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum NotPublished {
    #[error("the queue is full")]
    Full,
    #[error("the message is larger than the server takes")]
    TooLarge,
    #[error("another message stands at the expected place")]
    Conflict,
    #[error("the message cannot be written: {0}")]
    Unwritable(String),
    /// Certainly not stored.
    #[error("the queue was not reached in time: {0}")]
    Unreachable(String),
    /// The answer is missing; it may have been stored.
    #[error("the queue did not answer in time")]
    Unknown,
}

/// What to do when a stream is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// Say so at once: somebody can be told to come back.
    Refuse,
    /// Try on until the time is up.
    Wait,
}

/// Where a message goes, and how it is told from others.
pub(crate) struct Address<'a> {
    pub(crate) to: To,
    pub(crate) stream: &'a str,
    pub(crate) subject: String,
    /// The server stores one message of this id; without one, as many as it gets.
    pub(crate) id: Option<String>,
    /// Stored only if this is the last sequence of the subject; 0 creates.
    pub(crate) expected: Option<u64>,
    pub(crate) when_full: WhenFull,
}

/// Publishes until it is stored or `until` has passed. `payload` is asked for each try, since what it says of the
/// remaining time changes.
pub(crate) async fn publish(
    inner: &Inner,
    link: &Link,
    address: &Address<'_>,
    until: Instant,
    mut payload: impl FnMut() -> Result<Bytes, WireError>,
) -> Result<PublishAck, NotPublished> {
    let mut delays = Delays::publish();
    let mut attempts = Attempts::default();
    loop {
        if !link.ready_by(until).await {
            return Err(attempts.given_up(link.why()));
        }
        if Instant::now() >= until {
            return Err(attempts.given_up("no time left".into()));
        }
        let payload = payload().map_err(|error| NotPublished::Unwritable(error.to_string()))?;
        let error = match attempt(link, address, until, payload).await {
            Ok(ack) => {
                inner.metrics.published(address.to);
                return Ok(ack);
            }
            Err(error) => error,
        };
        match error.fault {
            Fault::Full if address.when_full == WhenFull::Refuse => {
                inner.metrics.queue_full.inc();
                return Err(NotPublished::Full);
            }
            Fault::TooLarge => return Err(NotPublished::TooLarge),
            Fault::Conflict => return Err(NotPublished::Conflict),
            Fault::Transient | Fault::InFlight | Fault::Unknown | Fault::Full | Fault::Odd => {}
        }
        tracing::debug!(subject = address.subject, error = error.text, "publish failed, trying again");
        attempts.failed(error);
        inner.metrics.publish_retries.inc();
        inner.suspicion.notify_one();
        let delay = delays.next();
        if Instant::now() + delay >= until {
            return Err(attempts.given_up("no time left".into()));
        }
        sleep(delay).await;
    }
}

/// One failed try.
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    pub(crate) text: String,
}

/// What is known after all tries so far.
#[derive(Default)]
struct Attempts {
    /// One of them may have been stored.
    unknown: bool,
    last: Option<String>,
}

impl Attempts {
    fn failed(&mut self, error: Failed) {
        self.unknown |= error.fault == Fault::Unknown;
        self.last = Some(error.text);
    }

    fn given_up(self, why: String) -> NotPublished {
        if self.unknown { NotPublished::Unknown } else { NotPublished::Unreachable(self.last.unwrap_or(why)) }
    }
}

/// Publishes once.
pub(crate) async fn attempt(
    link: &Link,
    address: &Address<'_>,
    until: Instant,
    payload: Bytes,
) -> Result<PublishAck, Failed> {
    let mut message = PublishMessage::build().payload(payload).expected_stream(address.stream);
    if let Some(id) = &address.id {
        message = message.message_id(id);
    }
    if let Some(expected) = address.expected {
        message = message.expected_last_subject_sequence(expected);
    }
    let sent_and_stored = async {
        let stored = link.js.send_publish(address.subject.clone(), message).await?;
        stored.await
    };
    let unknown = |text: &str| Failed { fault: Fault::Unknown, text: text.into() };
    match timeout_at(until, link.while_connected(sent_and_stored)).await {
        Err(_) => Err(unknown("no answer in time")),
        Ok(None) => Err(unknown("disconnected")),
        Ok(Some(Ok(ack))) => Ok(ack),
        Ok(Some(Err(error))) => Err(Failed {
            fault: fault(&error),
            text: error.source().map_or_else(|| error.to_string(), |why| format!("{error}: {why}")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_table() {
        use PublishErrorKind as Kind;
        let cases = [
            (Kind::StreamNotFound, None, Fault::Transient),
            (Kind::MaxAckPending, None, Fault::Transient),
            (Kind::TimedOut, None, Fault::Unknown),
            (Kind::BrokenPipe, None, Fault::Unknown),
            (Kind::MaxPayloadExceeded, None, Fault::TooLarge),
            (Kind::WrongLastSequence, Some(10_071), Fault::Conflict),
            (Kind::WrongLastMessageId, Some(10_070), Fault::Conflict),
            (Kind::Other, Some(10_164), Fault::InFlight),
            (Kind::Other, Some(10_158), Fault::InFlight),
            (Kind::Other, Some(10_077), Fault::Full),
            (Kind::Other, Some(10_023), Fault::Full),
            (Kind::Other, Some(10_047), Fault::Full),
            (Kind::Other, Some(10_028), Fault::Full),
            (Kind::Other, Some(10_002), Fault::Full),
            (Kind::Other, Some(10_054), Fault::TooLarge),
            (Kind::Other, Some(10_060), Fault::Odd),
            (Kind::Other, None, Fault::Odd),
        ];
        for (kind, code, expected) in cases {
            assert_eq!(classify(kind, code), expected, "{kind:?} {code:?}");
        }
    }

    #[test]
    fn one_unknown_try_makes_the_whole_unknown() {
        let failed = |fault| Failed { fault, text: "x".into() };
        let mut attempts = Attempts::default();
        attempts.failed(failed(Fault::Unknown));
        attempts.failed(failed(Fault::Transient));
        assert_eq!(attempts.given_up(String::new()), NotPublished::Unknown);
        let mut attempts = Attempts::default();
        attempts.failed(failed(Fault::Transient));
        assert_eq!(attempts.given_up(String::new()), NotPublished::Unreachable("x".into()));
    }
}
