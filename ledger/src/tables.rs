//! The database: the records by mail and generation, and the same keys by age, so that the oldest are found at once.

use std::time::Duration;

use bytes::Bytes;
use redb::{
    Database, ReadableDatabase as _, ReadableTable, ReadableTableMetadata as _, Table, TableDefinition,
    WriteTransaction,
};

use crate::journal::Entry;
use crate::keys::{AgeKey, RecordKey, age_key, split};

const RECORDS: TableDefinition<'_, &RecordKey, &[u8]> = TableDefinition::new("records");
const AGES: TableDefinition<'_, &AgeKey, ()> = TableDefinition::new("ages");

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_age: Duration,
    pub(crate) records_max: u64,
}

/// Writes once, so that what cannot be written or is not ours is known at the start; how many records there are.
pub(crate) fn begin(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    let count = Tables::open(&transaction)?.count()?;
    transaction.commit()?;
    Ok(count)
}

/// One record as it was committed.
pub(crate) fn read(database: &Database, key: &RecordKey) -> Result<Option<Bytes>, redb::Error> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    Ok(records.get(key)?.map(|value| Bytes::copy_from_slice(value.value())))
}

/// Whether something is too old or too many.
pub(crate) fn has_excess(database: &Database, limits: Limits, now_ms: u64) -> Result<bool, redb::Error> {
    is_excess(&database.begin_read()?.open_table(AGES)?, limits, now_ms)
}

/// Both tables in one write transaction.
pub(crate) struct Tables<'t> {
    records: Table<'t, &'static RecordKey, &'static [u8]>,
    ages: Table<'t, &'static AgeKey, ()>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self { records: transaction.open_table(RECORDS)?, ages: transaction.open_table(AGES)? })
    }

    /// Writes a record, over the one that stands there. Its age counts from the first time.
    pub(crate) fn write(&mut self, entry: &Entry) -> Result<(), redb::Error> {
        let is_new = self.records.insert(&entry.key, &*entry.value)?.is_none();
        if is_new {
            self.ages.insert(&age_key(entry.ms, &entry.key), ())?;
        }
        Ok(())
    }

    /// Removes what is too old or too many, at most `steps` records; how many it were.
    pub(crate) fn prune(&mut self, limits: Limits, now_ms: u64, steps: usize) -> Result<usize, redb::Error> {
        for removed in 0..steps {
            if !is_excess(&self.ages, limits, now_ms)? {
                return Ok(removed);
            }
            let Some(oldest) = self.ages.pop_first()?.map(|(key, _)| *key.value()) else {
                return Ok(removed);
            };
            self.records.remove(&split(&oldest).1)?;
        }
        Ok(steps)
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> Result<u64, redb::Error> {
        Ok(self.records.len()?)
    }
}

fn is_excess(
    ages: &impl ReadableTable<&'static AgeKey, ()>,
    limits: Limits,
    now_ms: u64,
) -> Result<bool, redb::Error> {
    if ages.len()? > limits.records_max {
        return Ok(true);
    }
    let Some((oldest, _)) = ages.first()? else {
        return Ok(false);
    };
    let (since, _) = split(oldest.value());
    Ok(u128::from(now_ms.saturating_sub(since)) > limits.max_age.as_millis())
}
