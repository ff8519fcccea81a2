//! Jobs that nobody works on: a server that was killed can forget that one was removed, or keep no verdict of it.
//!
//! Whoever retries such a mail would wait for it until the janitor comes. It is known by the order in which a mail passes
//! the queue: the verdict is stored before its job is acknowledged, and the job removed before the verdict is. So a job
//! that is acknowledged has a verdict that is not, or it is an orphan.

use proto::{Class, TxId};

use crate::api;
use crate::bus::Inner;
use crate::content;
use crate::link::Unanswered;
use crate::names::{RELAY_DURABLE, scan_durable};

/// Whether the job of `tx` at `sequence` will never be given to anybody again.
///
/// # Errors
/// When the server does not answer.
pub(crate) async fn is_orphan(
    inner: &Inner,
    class: Class,
    tx: TxId,
    sequence: u64,
) -> Result<bool, Unanswered> {
    let names = &inner.names;
    let lane = api::consumer_state(inner, &names.mail, scan_durable(class)).await?;
    if lane.ack_floor.stream_seq < sequence {
        return Ok(false);
    }
    // Asked in this order, so that what is acknowledged between two questions is not taken for an orphan.
    let Some(verdict) = api::last_sequence(inner, &names.verdict, &names.verdict_of(tx)).await? else {
        return api::holds(inner, &names.mail, &names.job(class, tx)).await;
    };
    let relay = api::consumer_state(inner, &names.verdict, RELAY_DURABLE).await?;
    if relay.ack_floor.stream_seq < verdict {
        return Ok(false);
    }
    // An acknowledged verdict leaves its stream at once.
    Ok(api::last_sequence(inner, &names.verdict, &names.verdict_of(tx)).await? == Some(verdict))
}

/// Removes a job that is an orphan, and what it has in other streams.
pub(crate) async fn remove(inner: &Inner, tx: TxId, sequence: u64, has_chunks: bool) {
    tracing::warn!(%tx, sequence, "a job that nobody works on was removed");
    inner.metrics.orphans.inc();
    content::remove(inner, tx, sequence, has_chunks).await;
    let names = &inner.names;
    let Ok(Some(verdict)) = api::last_sequence(inner, &names.verdict, &names.verdict_of(tx)).await else {
        return;
    };
    let subject = format!("$JS.API.STREAM.MSG.DELETE.{}", names.verdict);
    let which = format!(r#"{{"seq":{verdict},"no_erase":true}}"#);
    let deleted = inner.control.request(&subject, which.into(), inner.settings.request_timeout);
    if let Err(error) = deleted.await {
        tracing::debug!(%tx, %error, "verdict not removed, the janitor will");
    }
}
