//! The records: those of the database, and above them those that are only in the journal yet.
//!
//! A walk is carried out by whoever has the right to write, so that nobody comes between its steps; to look needs no
//! right. There is nobody to wait for in a walk: a claim of a living owner ends it, and whoever asks comes again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use proto::MessageKey;
use proto::ledger::{End, Freshness, Owner, Record, Seen, State, Step, Walk};
use proto::wire::{decode, encode};
use redb::Database;
use thiserror::Error;

use crate::journal::Entry;
use crate::keys::{RecordKey, record_key};
use crate::tables::{Limits, Tables, has_excess, read};

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The database failed, and with it the transaction.
    #[error("the ledger's database")]
    Database(#[source] Box<redb::Error>),
    /// It is closed since it failed.
    #[error("the ledger is closed")]
    Closed,
    /// A record stands there that this release cannot read: nobody can say what it decides.
    #[error("a record of the ledger cannot be read: {0}")]
    Unreadable(String),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// `None`: a living owner is at the dot; come again.
    pub(crate) end: Option<End>,
    /// Claims without an outcome that were passed.
    pub(crate) ambiguous: u32,
}

/// What bringing the database up to date came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Updated {
    /// Records there are.
    pub(crate) count: u64,
    /// Records removed.
    pub(crate) pruned: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    /// `None` while it cannot be used. Read by whoever looks or writes, written to open and close.
    database: RwLock<Option<Database>>,
    /// What the database does not have yet. Changed by who may write.
    fresh: Mutex<HashMap<RecordKey, Entry>>,
}

impl Store {
    pub(crate) fn set_database(&self, database: Option<Database>) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = database;
    }

    /// How many records the database does not have yet.
    pub(crate) fn fresh_count(&self) -> usize {
        self.fresh().len()
    }

    /// Takes what the journal held at the start. An outcome that the database has stays: a journal that the disk
    /// brought back from before must not make a claim of it again.
    pub(crate) fn restore(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        for entry in entries {
            let is_claim = matches!(parse(&entry.value)?.state, State::Claim { .. });
            if !is_claim || self.value(&entry.key)?.is_none() {
                self.fresh().insert(entry.key, entry);
            }
        }
        Ok(())
    }

    /// What is known; creates nothing.
    pub(crate) fn look(
        &self,
        key: MessageKey,
        mut walk: Walk,
        living: &HashSet<Owner>,
    ) -> Result<Walked, StoreError> {
        let end = loop {
            match *walk.step() {
                Step::End(ref end) => break Some(end.clone()),
                Step::Read(generation) => self.see(key, generation, living, &mut walk)?,
                Step::Create(_) | Step::Watch(_) => break None,
            }
        };
        Ok(Walked { end, ambiguous: walk.ambiguous() })
    }

    /// Carries out a walk to its end. `draft` is what it creates; that is given back, for the journal.
    pub(crate) fn claim(
        &self,
        key: MessageKey,
        mut walk: Walk,
        draft: &Record,
        living: &HashSet<Owner>,
        now_ms: u64,
    ) -> Result<(Walked, Option<Entry>), StoreError> {
        let mut created = None;
        let end = loop {
            match *walk.step() {
                Step::End(ref end) => break Some(end.clone()),
                Step::Watch(_) => break None,
                Step::Read(generation) => self.see(key, generation, living, &mut walk)?,
                Step::Create(generation) => {
                    if self.value(&record_key(key, generation))?.is_some() {
                        walk.saw(Seen::Exists);
                    } else {
                        created = Some(self.put(key, generation, draft, now_ms)?);
                        walk.saw(Seen::Created);
                    }
                }
            }
        };
        Ok((Walked { end, ambiguous: walk.ambiguous() }, created))
    }

    /// Puts a record in the place of the one that stands there, if any.
    pub(crate) fn put(
        &self,
        key: MessageKey,
        generation: u32,
        record: &Record,
        now_ms: u64,
    ) -> Result<Entry, StoreError> {
        let key = record_key(key, generation);
        let value = encode(record, b"").map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let mut fresh = self.fresh();
        let ms = fresh.get(&key).map_or(now_ms, |before| before.ms);
        let entry = Entry { key, ms, value };
        fresh.insert(key, entry.clone());
        Ok(entry)
    }

    /// Takes back what was created and not written.
    pub(crate) fn take_back(&self, created: &[RecordKey]) {
        let mut fresh = self.fresh();
        for key in created {
            fresh.remove(key);
        }
    }

    /// Brings the database up to date, and removes at most `steps` records that are too old or too many.
    pub(crate) fn update(&self, limits: Limits, now_ms: u64, steps: usize) -> Result<Updated, StoreError> {
        let entries: Vec<Entry> = self.fresh().values().cloned().collect();
        let updated = {
            let database = self.database();
            let transaction = database.as_ref().ok_or(StoreError::Closed)?.begin_write()?;
            let mut tables = Tables::open(&transaction)?;
            for entry in &entries {
                tables.write(entry)?;
            }
            let pruned = tables.prune(limits, now_ms, steps)?;
            let count = tables.count()?;
            drop(tables);
            transaction.commit()?;
            Updated { count, pruned }
        };
        // Only now: whoever does not find a record here must find it in the database.
        self.fresh().clear();
        Ok(updated)
    }

    /// Whether something is too old or too many. What cannot be read shows when it is written.
    pub(crate) fn has_excess(&self, limits: Limits, now_ms: u64) -> bool {
        self.database().as_ref().is_some_and(|database| has_excess(database, limits, now_ms).unwrap_or(false))
    }

    /// Reads one generation and tells the walk.
    fn see(
        &self,
        key: MessageKey,
        generation: u32,
        living: &HashSet<Owner>,
        walk: &mut Walk,
    ) -> Result<(), StoreError> {
        match self.value(&record_key(key, generation))? {
            Some(value) => {
                let record = parse(&value)?;
                walk.saw(Seen::Record(&record, freshness(&record, living)));
            }
            None => walk.saw(Seen::Missing),
        }
        Ok(())
    }

    fn value(&self, key: &RecordKey) -> Result<Option<Bytes>, StoreError> {
        // In this order: what leaves the one is in the other by then.
        if let Some(entry) = self.fresh().get(key) {
            return Ok(Some(entry.value.clone()));
        }
        Ok(read(self.database().as_ref().ok_or(StoreError::Closed)?, key)?)
    }

    fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> MutexGuard<'_, HashMap<RecordKey, Entry>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(value: &Bytes) -> Result<Record, StoreError> {
    decode(value).map(|(record, _)| record).map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// The file is this process's alone, so whoever of the owners is not alive here is dead.
fn freshness(record: &Record, living: &HashSet<Owner>) -> Freshness {
    match record.state {
        State::Claim { .. } if !living.contains(&record.owner) => Freshness::Stale,
        State::Claim { .. } | State::Abort | State::Done(_) => Freshness::Fresh,
    }
}

#[cfg(test)]
mod tests;
