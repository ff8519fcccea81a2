//! Two tables: the records by mail and generation, and the same keys by age, so that the oldest are found at once.
//!
//! A walk is carried out inside one write transaction, so that nobody comes between its steps. There is nobody to wait
//! for in there: a claim of a living owner ends it, and whoever asks comes again.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use proto::MessageKey;
use proto::ledger::{End, Freshness, Owner, Record, Seen, State, Step, Walk};
use proto::wire::{decode, encode};
use redb::{
    Database, ReadableDatabase as _, ReadableTable, ReadableTableMetadata as _, Table, TableDefinition,
    WriteTransaction,
};
use thiserror::Error;

/// Key and generation.
type RecordKey = [u8; 20];
/// Milliseconds since 1970, then the record's key.
type AgeKey = [u8; 28];

const RECORDS: TableDefinition<'_, &RecordKey, &[u8]> = TableDefinition::new("records");
const AGES: TableDefinition<'_, &AgeKey, ()> = TableDefinition::new("ages");

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The database failed, and with it the transaction.
    #[error("the ledger's database")]
    Database(#[source] Box<redb::Error>),
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

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_age: Duration,
    pub(crate) records_max: u64,
}

/// Writes once, so that what cannot be written or is not ours is known at the start.
pub(crate) fn create_tables(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    drop(Tables::open(&transaction)?);
    transaction.commit()?;
    Ok(())
}

/// What is committed says of a mail; creates nothing.
pub(crate) fn look(
    database: &Database,
    key: MessageKey,
    mut walk: Walk,
    living: &HashSet<Owner>,
) -> Result<Walked, StoreError> {
    let transaction = database.begin_read()?;
    let records = transaction.open_table(RECORDS)?;
    let end = loop {
        match walk.step() {
            Step::End(end) => break Some(end.clone()),
            Step::Read(generation) => see(&records, key, *generation, living, &mut walk)?,
            Step::Create(_) | Step::Watch(_) => break None,
        }
    };
    Ok(Walked { end, ambiguous: walk.ambiguous() })
}

/// Both tables in one write transaction.
pub(crate) struct Tables<'t> {
    records: Table<'t, &'static RecordKey, &'static [u8]>,
    ages: Table<'t, &'static AgeKey, ()>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self { records: transaction.open_table(RECORDS)?, ages: transaction.open_table(AGES)? })
    }

    /// Carries out a walk to its end. `draft` is what it creates.
    pub(crate) fn walk(
        &mut self,
        key: MessageKey,
        mut walk: Walk,
        draft: &Record,
        living: &HashSet<Owner>,
        now_ms: u64,
    ) -> Result<Walked, StoreError> {
        let end = loop {
            match *walk.step() {
                Step::End(ref end) => break Some(end.clone()),
                Step::Watch(_) => break None,
                Step::Read(generation) => see(&self.records, key, generation, living, &mut walk)?,
                Step::Create(generation) => {
                    let is_there = self.records.get(&record_key(key, generation))?.is_some();
                    if !is_there {
                        self.write(key, generation, draft, now_ms)?;
                    }
                    walk.saw(if is_there { Seen::Exists } else { Seen::Created });
                }
            }
        };
        Ok(Walked { end, ambiguous: walk.ambiguous() })
    }

    /// Writes a record, over the one that stands there. Its age counts from the first time.
    pub(crate) fn write(
        &mut self,
        key: MessageKey,
        generation: u32,
        record: &Record,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let record_key = record_key(key, generation);
        let value = encode(record, b"").map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let is_new = self.records.insert(&record_key, &*value)?.is_none();
        if is_new {
            self.ages.insert(&age_key(now_ms, &record_key), ())?;
        }
        Ok(())
    }

    /// Removes what is too old or too many, at most `steps` records; how many it were.
    pub(crate) fn prune(&mut self, limits: Limits, now_ms: u64, steps: usize) -> Result<usize, StoreError> {
        for removed in 0..steps {
            if !is_excess(&self.ages, limits, now_ms)? {
                return Ok(removed);
            }
            let Some((oldest, ())) = self.ages.pop_first()?.map(|(key, _)| (*key.value(), ())) else {
                return Ok(removed);
            };
            if let Some(record_key) = oldest.last_chunk::<20>() {
                self.records.remove(record_key)?;
            }
        }
        Ok(steps)
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> Result<u64, StoreError> {
        Ok(self.records.len()?)
    }
}

/// Whether something is too old or too many.
pub(crate) fn has_excess(database: &Database, limits: Limits, now_ms: u64) -> Result<bool, StoreError> {
    let transaction = database.begin_read()?;
    is_excess(&transaction.open_table(AGES)?, limits, now_ms)
}

fn is_excess(
    ages: &impl ReadableTable<&'static AgeKey, ()>,
    limits: Limits,
    now_ms: u64,
) -> Result<bool, StoreError> {
    if ages.len()? > limits.records_max {
        return Ok(true);
    }
    let Some((oldest, _)) = ages.first()? else {
        return Ok(false);
    };
    let since = oldest.value().first_chunk::<8>().map_or(0, |since| u64::from_be_bytes(*since));
    Ok(u128::from(now_ms.saturating_sub(since)) > limits.max_age.as_millis())
}

/// Reads one generation and tells the walk.
fn see(
    records: &impl ReadableTable<&'static RecordKey, &'static [u8]>,
    key: MessageKey,
    generation: u32,
    living: &HashSet<Owner>,
    walk: &mut Walk,
) -> Result<(), StoreError> {
    let Some(value) = records.get(&record_key(key, generation))? else {
        walk.saw(Seen::Missing);
        return Ok(());
    };
    let value = Bytes::copy_from_slice(value.value());
    let unreadable = |error| StoreError::Unreadable(format!("{key} {generation}: {error}"));
    let (record, _) = decode::<Record>(&value).map_err(unreadable)?;
    walk.saw(Seen::Record(&record, freshness(&record, living)));
    Ok(())
}

/// The file is this process's alone, so whoever of the owners is not alive here is dead.
fn freshness(record: &Record, living: &HashSet<Owner>) -> Freshness {
    match record.state {
        State::Claim { .. } if !living.contains(&record.owner) => Freshness::Stale,
        State::Claim { .. } | State::Abort | State::Done(_) => Freshness::Fresh,
    }
}

/// Generations of a mail stand side by side, in order.
fn record_key(key: MessageKey, generation: u32) -> RecordKey {
    joined(key.as_bytes(), &generation.to_be_bytes())
}

fn age_key(now_ms: u64, record_key: &RecordKey) -> AgeKey {
    joined(&now_ms.to_be_bytes(), record_key)
}

fn joined<const N: usize>(front: &[u8], back: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    for (slot, byte) in key.iter_mut().zip(front.iter().chain(back)) {
        *slot = *byte;
    }
    key
}

#[cfg(test)]
mod tests;
