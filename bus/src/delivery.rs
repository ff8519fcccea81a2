//! One delivered message, and what may be told the server about it.

use std::convert::Infallible;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream;
use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use crate::bus::Inner;
use crate::hold::Hold;

/// A message from a pull consumer.
pub(crate) struct Delivery {
    pub(crate) payload: Bytes,
    /// Where it lies in its stream.
    pub(crate) sequence: u64,
    /// 1 for the first time.
    pub(crate) deliveries: u64,
    /// Its age by two clocks that may differ, in milliseconds.
    pub(crate) apparent_age_ms: i64,
    /// Messages behind it for the same consumer.
    pub(crate) pending: u64,
    pub(crate) hold: Hold,
    reply: String,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settle {
    /// Done.
    Ack,
    /// Offer it again after the delay.
    Nak(Duration),
    /// Never offer it again, and leave it where it lies.
    Term,
    /// Say nothing: somebody else has it, or will get it after `ack_wait`.
    Mute,
}

impl Delivery {
    /// Reads a message that came to a pull inbox; `None` for one that no consumer sent.
    pub(crate) fn read(
        message: async_nats::Message,
        js: &jetstream::Context,
        ack_wait: Duration,
    ) -> Option<Self> {
        let reply = message.reply.as_ref()?.to_string();
        let message = jetstream::Message { message, context: js.clone() };
        let info = message.info().ok()?;
        let stored_ms = i64::try_from(info.published.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        Some(Self {
            sequence: info.stream_sequence,
            deliveries: u64::try_from(info.delivered).unwrap_or(1).max(1),
            apparent_age_ms: wall_clock_ms().saturating_sub(stored_ms),
            pending: info.pending,
            hold: Hold::new(Instant::now(), ack_wait),
            reply,
            payload: message.message.payload,
        })
    }

    /// Tells the server what becomes of it and waits for its word that it heard. Says nothing once the right to the
    /// message is lost, since it would count against whoever has it now.
    pub(crate) async fn settle(&self, inner: &Inner, how: Settle) {
        let word = match how {
            Settle::Ack => Bytes::from_static(b"+ACK"),
            Settle::Nak(delay) => format!(r#"-NAK {{"delay":{}}}"#, delay.as_nanos()).into(),
            Settle::Term => Bytes::from_static(b"+TERM"),
            Settle::Mute => {
                inner.metrics.muted.inc();
                return;
            }
        };
        for _ in 0..2 {
            if !self.hold.is_held() {
                inner.metrics.muted.inc();
                tracing::debug!(?how, sequence = self.sequence, "too late to settle a delivery");
                return;
            }
            let left = self.hold.until().saturating_duration_since(Instant::now());
            let wait = inner.settings.request_timeout.min(left);
            match inner.control.request(&self.reply, word.clone(), wait).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, ?how, sequence = self.sequence, "settling got no answer")
                }
            }
            inner.control.ready_by(self.hold.until()).await;
        }
    }

    /// Runs `work` and tells the server every third of `ack_wait` that it does. Ends with `work`; the hold tells how
    /// far the server believes it.
    pub(crate) async fn keeping<F: Future>(&self, inner: &Inner, work: F) -> F::Output {
        tokio::select! {
            biased;
            output = work => output,
            never = self.progress(inner) => match never {},
        }
    }

    /// Like [`Self::keeping`], but gives `work` up when the hold is lost.
    pub(crate) async fn while_held<F: Future>(&self, inner: &Inner, work: F) -> Option<F::Output> {
        let lost = async {
            while self.hold.is_held() {
                sleep_until(self.hold.until()).await;
            }
        };
        tokio::select! {
            biased;
            () = lost => {
                inner.metrics.muted.inc();
                None
            }
            output = self.keeping(inner, work) => Some(output),
        }
    }

    async fn progress(&self, inner: &Inner) -> Infallible {
        let period = inner.settings.ack_wait / 3;
        let mut next = Instant::now() + period;
        loop {
            sleep_until(next).await;
            let sent = Instant::now();
            next = sent + period;
            if !self.hold.is_held_at(sent) {
                continue;
            }
            let word = Bytes::from_static(b"+WPI");
            match inner.control.request(&self.reply, word, period).await {
                Ok(_) => self.hold.renew(sent),
                Err(error) => tracing::debug!(%error, sequence = self.sequence, "progress got no answer"),
            }
        }
    }
}

fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
