//! How often a job was handed back: what its count of deliveries has to be less by before it is taken for poison.
//!
//! The server counts every delivery, and a worker that drains may be given the same job several times within
//! milliseconds. So whoever hands a job back writes that down first, and whoever is given one beyond the limit reads
//! it; a job that nobody hands back costs nothing. The note lies beside the line of the mail, under a name that no
//! generation has. Deliberately absent: a note of what no worker chose, such as a scan whose worker died.

use proto::TxId;
use proto::wire::encode;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::bus::Inner;
use crate::delivery::Delivery;
use crate::metrics::To;
use crate::publish::{Address, WhenFull, publish};
use crate::retry::Delays;

use super::LedgerError;
use super::store::{NotRead, last};

/// What is known of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Where the job lies: the next attempt of its transaction is another job.
    sequence: u64,
    /// The last delivery that was handed back.
    delivery: u64,
    /// How many were.
    times: u64,
}

impl Note {
    /// What is known once `delivery` of the job at `sequence` is handed back as well.
    fn with(before: Option<Self>, sequence: u64, delivery: u64) -> Self {
        let before = before.filter(|note| note.sequence == sequence);
        let times = before.map_or(0, |note| note.times);
        // An answer that was lost may have written it already.
        let is_new = before.is_none_or(|note| note.delivery < delivery);
        Self { sequence, delivery, times: times.saturating_add(u64::from(is_new)).min(delivery) }
    }
}

/// Writes down that this delivery of the job of `tx` is handed back; whether that stands. Takes at most half of what is
/// left of the right to it.
pub(crate) async fn note(inner: &Inner, delivery: &Delivery, tx: TxId) -> bool {
    if inner.settings.ledger.is_none() {
        return false;
    }
    let now = Instant::now();
    let until = now + delivery.hold.until().saturating_duration_since(now) / 2;
    let before = if delivery.deliveries == 1 { Ok(None) } else { read(inner, tx, until).await };
    let Ok(before) = before else {
        return false;
    };
    let note = Note::with(before, delivery.sequence, delivery.deliveries);
    let address = Address {
        to: To::Ledger,
        stream: &inner.names.ledger,
        subject: inner.names.handed_back(tx),
        id: None,
        expected: None,
        when_full: WhenFull::Wait,
    };
    let stored = publish(inner, &inner.control, &address, until, || encode(&note, b"")).await;
    if let Err(error) = &stored {
        tracing::debug!(%tx, %error, "not written down that the job is handed back");
    }
    stored.is_ok()
}

/// How often the job of `tx` at `sequence` was handed back, by the word of the leader.
///
/// # Errors
/// When nobody answers until then, or what is there cannot be read.
pub(crate) async fn times(
    inner: &Inner,
    tx: TxId,
    sequence: u64,
    until: Instant,
) -> Result<u64, LedgerError> {
    if inner.settings.ledger.is_none() {
        return Ok(0);
    }
    let note = read(inner, tx, until).await?;
    Ok(note.filter(|note| note.sequence == sequence).map_or(0, |note| note.times))
}

async fn read(inner: &Inner, tx: TxId, until: Instant) -> Result<Option<Note>, LedgerError> {
    let subject = inner.names.handed_back(tx);
    let mut delays = Delays::publish();
    loop {
        let why = match last(inner, &subject).await {
            Ok(note) => return Ok(note),
            Err(NotRead::Unreadable(why)) => return Err(LedgerError::Unreadable(why)),
            Err(NotRead::Away(why)) => why,
        };
        inner.suspicion.notify_one();
        tracing::debug!(%tx, why, "how often a job was handed back is not known yet");
        let pause = delays.next();
        if Instant::now() + pause >= until || !inner.control.ready_by(until).await {
            return Err(LedgerError::Unreachable(why));
        }
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_delivery_counts_once_and_another_job_begins_anew() {
        let note = |sequence, delivery, times| Note { sequence, delivery, times };
        let cases = [
            (None, (7, 1), note(7, 1, 1)),
            (Some(note(7, 1, 1)), (7, 2), note(7, 2, 2)),
            (Some(note(7, 1, 1)), (7, 5), note(7, 5, 2)),
            (Some(note(7, 2, 2)), (7, 2), note(7, 2, 2)),
            (Some(note(7, 4, 4)), (9, 2), note(9, 2, 1)),
            (Some(note(7, 4, 900)), (7, 5), note(7, 5, 5)),
        ];
        for (before, (sequence, delivery), after) in cases {
            assert_eq!(Note::with(before, sequence, delivery), after, "{before:?}");
        }
    }
}
