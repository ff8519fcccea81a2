//! A commit is in the file at once in both modes, and the disk is asked when the mode says so.

use std::fs::OpenOptions;
use std::path::Path;

use redb::{Database, ReadableDatabase as _, TableDefinition};

use super::*;

const TABLE: TableDefinition<'_, u32, u32> = TableDefinition::new("t");

fn disk(path: &Path, sync: Sync, interval: Duration) -> Disk {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    Disk::with_interval(file, sync, interval).unwrap()
}

fn database(disk: &Disk) -> Database {
    Database::builder().create_with_backend(disk.backend()).unwrap()
}

fn commit(database: &Database, value: u32) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(TABLE)?.insert(0, value)?;
    Ok(transaction.commit()?)
}

#[test]
fn what_is_committed_is_in_the_file_whoever_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    for sync in [Sync::Lazy, Sync::Always] {
        let (path, copy) = (directory.path().join("file"), directory.path().join("copy"));
        let ours = disk(&path, sync, Duration::from_secs(3_600));
        let database = database(&ours);
        for value in 1..20 {
            commit(&database, value).unwrap();
            // What another process would find, had this one been killed here.
            std::fs::copy(&path, &copy).unwrap();
            let found = disk(&copy, sync, Duration::from_secs(3_600));
            let found = self::database(&found);
            let table = found.begin_read().unwrap().open_table(TABLE).unwrap();
            assert_eq!(table.get(0).unwrap().unwrap().value(), value, "{sync:?}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn lazy_leaves_it_to_the_thread_and_always_waits() {
    let directory = tempfile::tempdir().unwrap();
    let is_dirty = |disk: &Disk| disk.shared.is_dirty.load(Ordering::Acquire);
    let always = disk(&directory.path().join("always"), Sync::Always, Duration::from_secs(3_600));
    commit(&database(&always), 1).unwrap();
    assert!(!is_dirty(&always) && always.thread.is_none());

    let lazy = disk(&directory.path().join("lazy"), Sync::Lazy, Duration::from_secs(3_600));
    let database = database(&lazy);
    commit(&database, 1).unwrap();
    assert!(is_dirty(&lazy));
    drop(database);
    assert!(!is_dirty(&lazy), "a close syncs");
    lazy.shared.is_dirty.store(true, Ordering::Release);
    let (stop, stopped) = channel();
    let shared = &lazy.shared;
    std::thread::scope(|scope| {
        scope.spawn(move || shared.sync_now_and_then(&stopped, Duration::from_millis(1)));
        while is_dirty(&lazy) {
            std::thread::yield_now();
        }
        drop(stop);
    });
}

#[test]
fn a_disk_that_kept_nothing_fails_the_next_commit() {
    let directory = tempfile::tempdir().unwrap();
    let lazy = disk(&directory.path().join("lazy"), Sync::Lazy, Duration::from_secs(3_600));
    let database = database(&lazy);
    commit(&database, 1).unwrap();
    *lazy.shared.failed.lock().unwrap() = Some(io::Error::other("no"));
    assert!(commit(&database, 2).is_err());
    drop(database);
    commit(&self::database(&lazy), 3).unwrap();
}
