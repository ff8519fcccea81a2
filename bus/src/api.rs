//! Questions to JetStream that the library has no lean form for.

use serde::Deserialize;

use crate::bus::Inner;
use crate::link::Unanswered;

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
}

/// Asks for a stream's state.
pub(crate) async fn stream_state(inner: &Inner, stream: &str) -> Result<StreamState, Unanswered> {
    let info: StreamInfo = ask(inner, &format!("STREAM.INFO.{stream}"), String::new()).await?;
    Ok(info.state)
}

/// Asks `what` with a JSON payload. An answer of another form, such as an error, is [`Unanswered::Other`].
pub(crate) async fn ask<T>(inner: &Inner, what: &str, payload: String) -> Result<T, Unanswered>
where
    T: for<'de> Deserialize<'de>,
{
    let subject = format!("$JS.API.{what}");
    let wait = inner.settings.request_timeout;
    let answer = inner.control.request(&subject, payload.into(), wait).await?;
    serde_json::from_slice(&answer).map_err(|error| Unanswered::Other(error.to_string()))
}
