//! One outgoing transaction: from the first target to an answer for every recipient of the group.
//!
//! Before the final dot nothing has happened, and any failure leads to the next target or round. Behind it there is
//! no second try: what cannot be learnt is in doubt and answered 451, since a second copy would be ours.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use proto::{Group, Position, Reply};

use super::Job;
use super::route::{Next, Route};
use super::tally::Tally;
use crate::connection::{Connection, Failure, Offer};
use crate::dialogue::{Class, Refusal, Stage, for_everybody, for_recipient};
use crate::fence::{Claim, Fence};
use crate::pool::{Lane, Slot};
use crate::splice::{Received, Spliced, header_bytes};

/// How a try on one target ended.
enum Step {
    /// With recipients answered. Those who are not, if any, are offered again.
    Answered,
    /// The target could not be reached.
    Unreachable(Reply),
    /// The connection was lost before the dot.
    Lost(Reply),
    /// The target refused the transaction.
    Refused(Reply),
    /// A kept connection turned out to be closed before anything was asked on it.
    Stale,
    /// Every connection was busy until the end.
    Busy,
}

/// A connection to a target with the right to have it.
struct Line {
    lane: Arc<Lane>,
    connection: Connection,
    slot: Slot,
    reused: bool,
}

impl<F: Fence> Job<'_, F> {
    /// Delivers to everybody in `tally`.
    pub(super) async fn inject(&self, group: &Group, tally: &mut Tally<'_>) {
        let relay = self.relay;
        let mut route = Route::new(&relay.lanes, &relay.recovered, relay.settings.retry_pause);
        let mut losses = 0;
        let mut last = Reply::enhanced(451, 4, 1, "no next hop can be reached, try again later");
        while !tally.open().is_empty() {
            let (index, lane, probe) = match route.next(self.until).await {
                Next::Try { index, lane, probe } => (index, lane, probe),
                Next::Exhausted | Next::OutOfTime => return tally.settle_rest(&last),
            };
            tally.note_peer(&lane.label);
            match self.try_lane(&lane, probe, group, tally).await {
                Step::Answered => route.again(index),
                Step::Unreachable(reply) => last = reply,
                Step::Refused(reply) => {
                    last = reply;
                    route.strike(index);
                }
                Step::Lost(reply) => {
                    losses += 1;
                    if losses > relay.settings.losses_max {
                        return tally.settle_rest(&reply);
                    }
                    last = reply;
                }
                Step::Busy | Step::Stale => {
                    let text = format!("all connections to {} are busy, try again later", lane.label);
                    last = Reply::enhanced(451, 3, 2, text);
                }
            }
        }
    }

    /// One target: on a kept connection, and on a new one where there is none or it was closed meanwhile.
    async fn try_lane(&self, lane: &Arc<Lane>, probe: bool, group: &Group, tally: &mut Tally<'_>) -> Step {
        let Some(slot) = lane.slot(self.until).await else {
            return Step::Busy;
        };
        if let Some(connection) = lane.kept() {
            let line = Line { lane: Arc::clone(lane), connection, slot, reused: true };
            match self.offer(line, group, tally).await {
                Step::Stale => lane.metrics.stale.inc(),
                step => return step,
            };
            let Some(slot) = lane.slot(self.until).await else {
                return Step::Busy;
            };
            return self.try_new(lane, slot, probe, group, tally).await;
        }
        self.try_new(lane, slot, probe, group, tally).await
    }

    async fn try_new(
        &self,
        lane: &Arc<Lane>,
        slot: Slot,
        probe: bool,
        group: &Group,
        tally: &mut Tally<'_>,
    ) -> Step {
        // Many may have waited for a slot while the breaker opened; none of them is a probe.
        if !probe && !lane.is_up() {
            return Step::Unreachable(unreachable(lane));
        }
        match lane.open(self.until).await {
            Ok(connection) => {
                if lane.reached() {
                    self.relay.recovered.notify_waiters();
                }
                let line = Line { lane: Arc::clone(lane), connection, slot, reused: false };
                self.offer(line, group, tally).await
            }
            Err(failure) => {
                self.log_failure(lane, &failure);
                lane.metrics.failures.inc();
                // Where our own deadline cut the try short, it says nothing about the target.
                if Instant::now() < self.until {
                    let chance = self.mail.tx.as_bytes().last().copied().unwrap_or_default();
                    lane.failed(probe, chance);
                }
                Step::Unreachable(unreached(lane, &failure))
            }
        }
    }

    /// The transaction up to the dot, and beyond if the fence permits.
    async fn offer(&self, mut line: Line, group: &Group, tally: &mut Tally<'_>) -> Step {
        let envelope = &*self.mail.envelope;
        let Some(smtputf8) = self.smtputf8(&line, tally) else {
            line.lane.keep(line.connection);
            return Step::Answered;
        };
        let recipients = tally.open().to_vec();
        let id = self.mail.tx.to_string();
        let received = Received {
            envelope,
            recipients: &recipients,
            hostname: &self.relay.settings.hostname,
            id: &id,
            at: self.minted(),
        };
        let spliced = Spliced::new(&self.mail.content, &received, &group.edits, smtputf8);
        if !line.connection.capabilities().eight_bit_mime && !self.mail.content.is_ascii() {
            self.relay.metrics.eight_bit_unannounced.inc();
        }
        let refused_before = line.connection.dialogue().xforward_refused();
        let label = &*line.lane.label;
        let mut answers = |index: usize, _, reply| {
            if let Some(position) = recipients.get(index) {
                tally.settle(*position, for_recipient(label, &reply));
            }
        };
        let slices = spliced.slices();
        let offer =
            line.connection.offer(envelope, &recipients, &slices, smtputf8, self.until, &mut answers).await;
        let refused = line.connection.dialogue().xforward_refused() - refused_before;
        self.relay.metrics.xforward_refused.inc_by(refused);
        match offer {
            Err(failure) => self.offer_failed(line, failure, tally).await,
            Ok(Offer::Nobody) => {
                line.connection.settle(self.until).await;
                line.lane.keep(line.connection);
                Step::Answered
            }
            Ok(Offer::Held(accepted)) => {
                let claimed = accepted.into_iter().filter_map(|index| recipients.get(index).copied());
                let claimed: Vec<_> = claimed.collect();
                self.commit(line, &recipients, &claimed, tally).await;
                Step::Answered
            }
        }
    }

    /// Nothing was delivered; who else may?
    async fn offer_failed(&self, mut line: Line, failure: Failure, tally: &mut Tally<'_>) -> Step {
        let asked = line.connection.dialogue().mail_answered();
        let closed = match &failure {
            Failure::Lost { .. } => true,
            Failure::Refused { reply, .. } => reply.class() == Class::Closing,
            Failure::Connect(_) | Failure::TimedOut(_) | Failure::Violation { .. } => false,
        };
        if line.reused && !asked && closed {
            return Step::Stale;
        }
        self.log_failure(&line.lane, &failure);
        let Failure::Refused { stage, reply } = failure else {
            line.lane.metrics.failures.inc();
            return match failure {
                Failure::Violation { .. } => Step::Refused(unreached(&line.lane, &failure)),
                Failure::Connect(_)
                | Failure::TimedOut(_)
                | Failure::Lost { .. }
                | Failure::Refused { .. } => Step::Lost(unreached(&line.lane, &failure)),
            };
        };
        let size_was_said = line.connection.capabilities().size;
        let refusal = for_everybody(&line.lane.label, stage, size_was_said, &reply);
        line.connection.settle(self.until).await;
        line.lane.keep(line.connection);
        match refusal {
            Refusal::Final(reply) => {
                tally.settle_rest(&reply);
                Step::Answered
            }
            Refusal::Elsewhere(reply) => Step::Refused(reply),
        }
    }

    /// The next hop holds the whole mail for `claimed`. Returning without the dot drops the connection, and it
    /// forgets.
    async fn commit(&self, line: Line, recipients: &[Position], claimed: &[Position], tally: &mut Tally<'_>) {
        if !self.has_time_for_dot() {
            return tally.settle_all(claimed, &out_of_time());
        }
        match self.claim(claimed).await {
            Claim::Granted => self.dot(line, recipients, claimed, tally).await,
            Claim::AlreadyDone(results) => {
                self.relay.metrics.fenced.inc();
                tally.take_over(results, claimed);
            }
            Claim::Refused(why) => {
                self.relay.metrics.fenced.inc();
                tally.settle_all(claimed, &why);
            }
        }
    }

    /// The point of no return.
    async fn dot(
        &self,
        mut line: Line,
        recipients: &[Position],
        claimed: &[Position],
        tally: &mut Tally<'_>,
    ) {
        let mark = tally.mark();
        if !self.has_time_for_dot() {
            tally.settle_all(claimed, &out_of_time());
        } else if !line.connection.is_holding() {
            let text = format!("lost the connection to MTA({}), try again later", line.lane.label);
            tally.settle_all(claimed, &Reply::enhanced(451, 4, 2, text));
        } else {
            let began = Instant::now();
            let label = &*line.lane.label;
            let mut answers = |index: usize, _, reply: crate::dialogue::NextHopReply| {
                if let Some(position) = recipients.get(index) {
                    tally.note_queue_id(reply.queue_id());
                    tally.settle(*position, for_recipient(label, &reply));
                }
            };
            let committed = line.connection.commit(self.settled, &mut answers).await;
            line.lane.metrics.dot.observe(began.elapsed().as_secs_f64());
            line.lane.metrics.content.inc_by(self.mail.content.len() as u64);
            if let Err(failure) = &committed {
                self.relay.metrics.in_doubt.inc();
                tracing::warn!(
                    tx = %self.mail.tx,
                    mk = %self.mail.key,
                    peer = label,
                    error = failure as &dyn std::error::Error,
                    "in doubt: the final dot was sent and not answered"
                );
            }
            // Whoever has no answer behind the dot gets one here, so that nobody is ever offered again.
            let text = format!("no answer from MTA({label}) to the end of data, try again later");
            tally.settle_all(claimed, &Reply::enhanced(451, 4, 2, text));
            if committed.is_ok() {
                line.lane.keep(line.connection);
            }
        }
        // The next mail need not wait for our record.
        drop(line.slot);
        self.record(&tally.since(mark)).await;
    }

    /// Whether the transaction is to say SMTPUTF8. Where the next hop does not take it, recipients who cannot do
    /// without are answered 553 5.6.7 (RFC 6531 section 3.2); `None` when nobody is left.
    fn smtputf8(&self, line: &Line, tally: &mut Tally<'_>) -> Option<bool> {
        let envelope = &*self.mail.envelope;
        let is_ascii = |at: &Position| envelope.recipient(*at).is_none_or(|to| to.path.is_ascii());
        let sender_is_ascii = envelope.sender().is_ascii();
        let addresses_are_ascii = sender_is_ascii && tally.open().iter().all(is_ascii);
        if addresses_are_ascii && !envelope.params().smtputf8 {
            return Some(false);
        }
        if line.connection.capabilities().smtputf8 {
            return Some(true);
        }
        let content: &Bytes = &self.mail.content;
        let header_is_ascii = content.get(..header_bytes(content)).is_none_or(<[u8]>::is_ascii);
        let text = format!("MTA({}) does not take SMTPUTF8", line.lane.label);
        let refusal = Reply::enhanced(553, 6, 7, text);
        if !sender_is_ascii || !header_is_ascii {
            tally.settle_rest(&refusal);
            return None;
        }
        let beyond = tally.open().iter().filter(|at| !is_ascii(at)).copied();
        let beyond: Vec<_> = beyond.collect();
        tally.settle_all(&beyond, &refusal);
        (!tally.open().is_empty()).then_some(false)
    }

    /// When the mail came in, by its id.
    fn minted(&self) -> Timestamp {
        let milliseconds = self.mail.tx.unix_ms().and_then(|ms| i64::try_from(ms).ok());
        milliseconds.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_else(Timestamp::now)
    }

    fn log_failure(&self, lane: &Lane, failure: &Failure) {
        tracing::debug!(
            tx = %self.mail.tx,
            peer = lane.label,
            error = failure as &dyn std::error::Error,
            "not delivered there"
        );
    }
}

fn out_of_time() -> Reply {
    Reply::enhanced(451, 4, 7, "no time left to deliver, try again later")
}

/// The reply for a target that gave none.
fn unreached(lane: &Lane, failure: &Failure) -> Reply {
    match failure {
        Failure::Refused { stage, reply } => match for_everybody(&lane.label, *stage, false, reply) {
            Refusal::Final(reply) | Refusal::Elsewhere(reply) => reply,
        },
        Failure::Connect(_) => unreachable(lane),
        Failure::TimedOut(stage) => lost(lane, "does not answer", *stage),
        Failure::Lost { stage, .. } => lost(lane, "closed the connection", *stage),
        Failure::Violation { stage, .. } => lost(lane, "does not speak the protocol", *stage),
    }
}

fn unreachable(lane: &Lane) -> Reply {
    let text = format!("MTA({}) cannot be reached, try again later", lane.label);
    Reply::enhanced(451, 4, 1, text)
}

fn lost(lane: &Lane, how: &str, stage: Stage) -> Reply {
    let text = format!("MTA({}) {how} at {}, try again later", lane.label, stage.name());
    Reply::enhanced(451, 4, 2, text)
}
