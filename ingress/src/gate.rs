//! Gates: whoever cannot take mails for a while closes one, and every MAIL is answered `451 4.3.2` with the reason.
//!
//! Each gate has a state of its own, so that a queue that comes back cannot undo what a drain or a full disk closed:
//! mails pass only while all gates are open.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A handle on one gate. Clones share its state.
#[derive(Clone)]
pub struct Gate {
    gates: Gates,
    reason: Arc<Reason>,
}

type Reason = Mutex<Option<Cow<'static, str>>>;

impl Gate {
    /// From now on every MAIL is answered 451 4.3.2 with `reason`, a short text for the client's log.
    pub fn close(&self, reason: impl Into<Cow<'static, str>>) {
        let reason = reason.into();
        let mut slot = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            self.gates.0.closed.fetch_add(1, Ordering::Relaxed);
            tracing::info!(%reason, "gate closed");
        }
        *slot = Some(reason);
    }

    /// Takes the closing back. What other gates closed stays closed.
    pub fn open(&self) {
        let mut slot = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.take().is_some() {
            self.gates.0.closed.fetch_sub(1, Ordering::Relaxed);
            tracing::info!("gate opened");
        }
    }

    /// Whether this gate is open.
    pub fn is_open(&self) -> bool {
        self.reason().is_none()
    }

    fn reason(&self) -> Option<Cow<'static, str>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&self.reason()).finish()
    }
}

/// All gates of one server.
#[derive(Clone, Default)]
pub(crate) struct Gates(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many are closed, so that the usual answer costs one load.
    closed: AtomicUsize,
    all: Mutex<Vec<Arc<Reason>>>,
}

impl Gates {
    /// A further gate, open.
    pub(crate) fn add(&self) -> Gate {
        let reason = Arc::new(Mutex::new(None));
        self.lock().push(reason.clone());
        Gate { gates: self.clone(), reason }
    }

    /// Why mails do not pass, or `None` when they do.
    pub(crate) fn closed(&self) -> Option<Cow<'static, str>> {
        if self.0.closed.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let all = self.lock();
        all.iter().find_map(|reason| reason.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Reason>>> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_pass_only_while_all_gates_are_open() {
        let gates = Gates::default();
        let (queue, disk) = (gates.add(), gates.add());
        assert_eq!(gates.closed(), None);
        queue.close("queue not reachable");
        disk.close("disk full");
        queue.clone().open();
        assert_eq!(gates.closed().as_deref(), Some("disk full"));
        disk.open();
        assert_eq!(gates.closed(), None);
    }

    #[test]
    fn closing_twice_is_opened_once() {
        let gates = Gates::default();
        let gate = gates.add();
        gate.close("first");
        gate.close("second");
        assert_eq!(gates.closed().as_deref(), Some("second"));
        gate.open();
        gate.open();
        assert!(gate.is_open());
        assert_eq!(gates.closed(), None);
        gate.close("third");
        assert_eq!(gates.closed().as_deref(), Some("third"));
    }
}
