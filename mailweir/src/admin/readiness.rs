//! Whether mails should be sent here: listening, queue or ledger usable, not draining.

use std::fmt;

use tokio::sync::watch;

/// One of the reasons why this node is not ready, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Sockets are not bound yet.
    Starting,
    /// Everything is as it should be.
    Ready,
    /// The queue cannot be used.
    Unreachable,
    /// The ledger cannot be written.
    Unwritable,
    /// Told to end.
    Draining,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unreachable => "queue unreachable",
            Self::Unwritable => "ledger not writable",
            Self::Draining => "draining",
        })
    }
}

/// Says and shows the state. A clone is the same one.
#[derive(Clone, Debug)]
pub(crate) struct Readiness(watch::Sender<State>);

impl Readiness {
    /// Of a node that starts.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(State::Starting))
    }

    /// From now on. Draining is for good.
    pub(crate) fn set(&self, state: State) {
        self.0.send_if_modified(|now| {
            let changes = *now != State::Draining && *now != state;
            if changes {
                *now = state;
            }
            changes
        });
    }

    /// Now.
    pub(crate) fn state(&self) -> State {
        *self.0.borrow()
    }
}
