//! The owners of claims that live in this process: who is not among them is dead, since the file is ours alone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::ledger::Owner;
use uuid::Uuid;

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Living(Arc<Mutex<HashSet<Owner>>>);

/// An owner that lives until this is dropped.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) owner: Owner,
    living: Living,
}

impl Living {
    /// A new owner: 122 random bits.
    pub(crate) fn mint(&self) -> Life {
        let owner = Owner::new(*Uuid::new_v4().as_bytes());
        self.lock().insert(owner);
        Life { owner, living: self.clone() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashSet<Owner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.living.lock().remove(&self.owner);
    }
}
