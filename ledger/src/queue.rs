//! What waits to be written: everything that has come while one group was committed is the next group.
//!
//! It needs no bound of its own. A mail has at most one request in it for each of its groups of recipients, and how
//! many mails there are at a time is the admission's business.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::MessageKey;
use proto::ledger::{End, Record, Walk};
use tokio::sync::oneshot;

/// What a claim came to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The walk's end.
    End(End),
    /// A living owner is at the dot; come again.
    Watch,
    /// A record cannot be read.
    Unreadable,
    /// The ledger cannot be written.
    Unwritable,
}

/// Where a record stands and what it says.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) key: MessageKey,
    pub(crate) generation: u32,
    pub(crate) record: Record,
}

/// Something to be written.
#[derive(Debug)]
pub(crate) enum Request {
    /// Walk, and create `draft`.
    Claim { key: MessageKey, walk: Walk, draft: Record, answer: oneshot::Sender<Answer> },
    /// Write one's own record; told whether it was.
    Outcome { outcome: Outcome, written: oneshot::Sender<bool> },
}

/// Why a wait for something to write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Somebody called.
    Work,
    /// Nothing came for a while.
    Idle,
    /// Nothing will come any more.
    Closed,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Request>,
    is_called: bool,
    is_closed: bool,
}

impl Queue {
    /// Puts a request in; somebody must [`Self::take`] it or [`Self::wake`] the thread. After the close it is dropped,
    /// and with it whoever waits for its answer is told.
    pub(crate) fn push(&self, request: Request) {
        let mut state = self.lock();
        if !state.is_closed {
            state.waiting.push(request);
        }
    }

    /// Wakes the thread that waits, or lets its next wait end at once.
    pub(crate) fn wake(&self) {
        self.lock().is_called = true;
        self.arrived.notify_one();
    }

    /// What waits is still written.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.wake();
    }

    /// Waits for something to write, at most for `patience`.
    pub(crate) fn wait(&self, patience: Duration) -> Waited {
        let is_quiet = |state: &mut State| !state.is_called && !state.is_closed;
        let waited = self.arrived.wait_timeout_while(self.lock(), patience, is_quiet);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.is_called) && !state.is_closed {
            Waited::Work
        } else if state.is_closed {
            Waited::Closed
        } else {
            Waited::Idle
        }
    }

    /// All that waits, in order. Only for who may write: an outcome must not be overtaken by a later claim.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.lock().waiting)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
