//! What a dialogue tells its driver.

use thiserror::Error;

use super::answer::Stage;
use super::replies::{NextHopReply, ReplyError};

/// What came of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Greeting and EHLO are over: a transaction may begin.
    Ready,
    /// The final word on one recipient, by its index in the transaction: a refused RCPT, or the reply to the dot.
    Answer {
        /// Index into the recipients that the transaction was begun with.
        index: usize,
        /// [`Stage::Rcpt`] or [`Stage::Dot`].
        stage: Stage,
        /// The reply; one reply to the dot answers every recipient of an SMTP transaction.
        reply: NextHopReply,
    },
    /// The next hop waits for the content; it accepted these recipients.
    Content {
        /// Their indices, rising.
        accepted: Vec<usize>,
    },
    /// Every recipient has an answer.
    Done,
    /// Nothing was taken, and recipients without an answer get none.
    Refused {
        /// What was refused.
        stage: Stage,
        /// How.
        reply: NextHopReply,
    },
    /// The next hop does not speak the protocol; the connection is of no use.
    Violation {
        /// Where.
        stage: Stage,
        /// How.
        error: ReplyError,
    },
}

/// A request at a moment when the dialogue cannot take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the dialogue is not ready for that")]
pub struct NotReady;
