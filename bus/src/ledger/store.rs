//! The three operations on the line of one mail: create a record, read one from the leader, write one's own. Reading
//! works for whatever else lies in the stream.

use std::error::Error as _;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::{RawMessageError, RawMessageErrorKind};
use bytes::Bytes;
use proto::MessageKey;
use proto::ledger::Record;
use proto::wire::{decode, encode};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::bus::Inner;
use crate::metrics::To;
use crate::publish::{Address, Failed, Fault, NotPublished, WhenFull, attempt, publish};

/// The records of one mail.
pub(super) struct Store<'a> {
    pub(super) inner: &'a Inner,
    pub(super) key: MessageKey,
}

/// Why a record was not read.
pub(super) enum NotRead {
    /// Nobody answered; asking again may help.
    Away(String),
    /// It is none that this release can read.
    Unreadable(String),
}

impl Store<'_> {
    /// One try to create a record where there is none; whether it was created.
    pub(super) async fn create(
        &self,
        generation: u32,
        payload: Bytes,
        until: Instant,
    ) -> Result<bool, Failed> {
        let address = Address { expected: Some(0), ..self.address(generation) };
        match attempt(&self.inner.control, &address, until, payload).await {
            Ok(_) => {
                self.inner.metrics.published(To::Ledger);
                Ok(true)
            }
            Err(failed) if failed.fault == Fault::Conflict => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    /// One try to read a record from the leader; a replica might not have it yet.
    pub(super) async fn read(&self, generation: u32) -> Result<Option<Record>, NotRead> {
        last(self.inner, &self.inner.names.record(self.key, generation)).await
    }

    /// Writes one's own record until it is stored or `until` has passed.
    pub(super) async fn write(
        &self,
        generation: u32,
        record: &Record,
        until: Instant,
    ) -> Result<(), NotPublished> {
        let address = self.address(generation);
        publish(self.inner, &self.inner.control, &address, until, || encode(record, b"")).await.map(drop)
    }

    fn address(&self, generation: u32) -> Address<'_> {
        Address {
            to: To::Ledger,
            stream: &self.inner.names.ledger,
            subject: self.inner.names.record(self.key, generation),
            id: None,
            expected: None,
            when_full: WhenFull::Wait,
        }
    }
}

/// One try to read what was last written under `subject`, from the leader.
pub(super) async fn last<H: DeserializeOwned>(inner: &Inner, subject: &str) -> Result<Option<H>, NotRead> {
    if inner.reachability.borrow().is_incomplete() {
        return Err(NotRead::Away("a stream is missing".into()));
    }
    let link = &inner.control;
    let read = async {
        let stream = link.js.get_stream_no_info(&inner.names.ledger).await;
        let stream = stream.map_err(|error| NotRead::Away(error.to_string()))?;
        match stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(NotRead::Away(error.to_string())),
        }
    };
    let read = link.while_connected(read).await;
    let payload = read.unwrap_or_else(|| Err(NotRead::Away("disconnected".into())))?;
    let decoded = payload.map(|payload| decode::<H>(&payload)).transpose();
    decoded
        .map(|read| read.map(|(header, _)| header))
        .map_err(|error| NotRead::Unreadable(format!("{subject}: {error}")))
}

/// Whether there is no such record. That there is no such stream is a fault and not an answer.
fn is_missing(error: &RawMessageError) -> bool {
    let told = |error: &async_nats::jetstream::Error| error.error_code() == ErrorCode::NO_MESSAGE_FOUND;
    match error.kind() {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(ref error) => told(error),
        RawMessageErrorKind::InvalidSubject | RawMessageErrorKind::Other => {
            error.source().and_then(|source| source.downcast_ref()).is_some_and(told)
        }
    }
}
