//! Questions to JetStream that the library has no lean form for.

use std::collections::HashMap;

use serde::Deserialize;

use crate::bus::Inner;
use crate::link::{Link, Unanswered};
use crate::names::RELAY_DURABLE;

/// The part of a stream's information that is needed here.
#[derive(Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) state: StreamState,
}

#[derive(Deserialize)]
pub(crate) struct StreamState {
    pub(crate) messages: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    /// Messages by subject, where that was asked for.
    #[serde(default)]
    subjects: Option<HashMap<String, u64>>,
}

/// The part of a consumer's information that is needed here.
#[derive(Deserialize)]
pub(crate) struct ConsumerInfo {
    pub(crate) delivered: Delivered,
    /// Messages that nobody was given yet.
    pub(crate) num_pending: u64,
    pub(crate) ack_floor: AckFloor,
}

#[derive(Deserialize)]
pub(crate) struct AckFloor {
    /// Every message up to this one is acknowledged.
    pub(crate) stream_seq: u64,
}

#[derive(Deserialize)]
struct LastMessage {
    message: Option<Numbered>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

#[derive(Deserialize)]
struct Refusal {
    err_code: u64,
    description: String,
}

/// JetStream's word for a subject without a message.
const NO_MESSAGE: u64 = 10_037;

#[derive(Deserialize)]
pub(crate) struct Delivered {
    /// Deliveries so far.
    pub(crate) consumer_seq: u64,
}

/// Asks for a stream's state.
pub(crate) async fn stream_state(inner: &Inner, stream: &str) -> Result<StreamState, Unanswered> {
    let info: StreamInfo = ask(inner, &format!("STREAM.INFO.{stream}"), String::new()).await?;
    Ok(info.state)
}

/// Whether a stream holds a message of `subject`.
pub(crate) async fn holds(inner: &Inner, stream: &str, subject: &str) -> Result<bool, Unanswered> {
    let filter = format!(r#"{{"subjects_filter":"{subject}"}}"#);
    let info: StreamInfo = ask(inner, &format!("STREAM.INFO.{stream}"), filter).await?;
    Ok(info.state.subjects.is_some_and(|subjects| subjects.contains_key(subject)))
}

/// Where the last message of `subject` lies, if there is one.
pub(crate) async fn last_sequence(
    inner: &Inner,
    stream: &str,
    subject: &str,
) -> Result<Option<u64>, Unanswered> {
    if inner.reachability.borrow().is_incomplete() {
        return Err(Unanswered::Other("a stream is missing".into()));
    }
    let which = format!(r#"{{"last_by_subj":"{subject}"}}"#);
    let last: LastMessage = ask(inner, &format!("STREAM.MSG.GET.{stream}"), which).await?;
    match (last.message, last.error) {
        (Some(message), _) => Ok(Some(message.seq)),
        (None, Some(error)) if error.err_code != NO_MESSAGE => Err(Unanswered::Other(error.description)),
        (None, _) => Ok(None),
    }
}

/// Asks for a consumer's state.
pub(crate) async fn consumer_state(
    inner: &Inner,
    stream: &str,
    durable: &str,
) -> Result<ConsumerInfo, Unanswered> {
    ask(inner, &format!("CONSUMER.INFO.{stream}.{durable}"), String::new()).await
}

/// Whether the server of that connection knows the leader of a consumer, without which nothing is delivered.
pub(crate) async fn consumer_known(inner: &Inner, link: &Link) -> Result<(), Unanswered> {
    let what = format!("CONSUMER.INFO.{}.{RELAY_DURABLE}", inner.names.verdict);
    ask_on::<ConsumerInfo>(inner, link, &what, String::new()).await.map(drop)
}

/// Asks `what` with a JSON payload. An answer of another form, such as an error, is [`Unanswered::Other`].
pub(crate) async fn ask<T>(inner: &Inner, what: &str, payload: String) -> Result<T, Unanswered>
where
    T: for<'de> Deserialize<'de>,
{
    ask_on(inner, &inner.control, what, payload).await
}

async fn ask_on<T>(inner: &Inner, link: &Link, what: &str, payload: String) -> Result<T, Unanswered>
where
    T: for<'de> Deserialize<'de>,
{
    let subject = format!("$JS.API.{what}");
    let wait = inner.settings.request_timeout;
    let answer = link.request(&subject, payload.into(), wait).await?;
    serde_json::from_slice(&answer).map_err(|error| Unanswered::Other(error.to_string()))
}
