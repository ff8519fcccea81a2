//! One process at a time, and a damaged file is put aside and never in the way.

use std::path::Path;

use redb::{ReadableDatabase as _, TableDefinition};

use super::*;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn open(directory: &Path) -> (Place, Database) {
    let mut place = Place::take(directory, Sync::Lazy).unwrap();
    let database = place.database().unwrap();
    (place, database)
}

#[test]
fn directories_are_made() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("a/b");
    drop(open(&inner));
    assert_eq!(names(&inner), ["ledger.redb"]);
    let in_the_way = directory.path().join("file");
    fs::write(&in_the_way, "").unwrap();
    let refused = Place::take(&in_the_way.join("x"), Sync::Lazy);
    assert!(matches!(refused, Err(OpenError::Directory(..))), "{refused:?}");
}

#[test]
fn it_is_one_process_s() {
    let directory = tempfile::tempdir().unwrap();
    let first = Place::take(directory.path(), Sync::Lazy).unwrap();
    let second = Place::take(directory.path(), Sync::Lazy);
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
    drop(first);
    Place::take(directory.path(), Sync::Lazy).unwrap();
}

#[test]
fn what_is_no_ledger_is_put_aside() {
    let whole = {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()));
        fs::read(directory.path().join(FILE)).unwrap()
    };
    let mut torn = whole.clone();
    torn[..512].fill(0);
    let mut overwritten = whole.clone();
    overwritten[64..].fill(0xa5);
    let cut = whole[..whole.len() / 2].to_vec();
    let foreign = {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let table: TableDefinition<'_, u8, u8> = TableDefinition::new("records");
        drop(transaction.open_table(table).unwrap());
        transaction.commit().unwrap();
        drop(database);
        fs::read(path).unwrap()
    };
    let cases = [b"no database".to_vec(), torn, overwritten, cut, foreign];
    for (number, bytes) in cases.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), &bytes).unwrap();
        let (place, database) = open(directory.path());
        database.begin_read().unwrap();
        let names = names(directory.path());
        assert_eq!(names.len(), 2, "case {number}: {names:?}");
        assert!(names[1].starts_with("ledger.redb.damaged-"), "case {number}: {names:?}");
        let aside = fs::read(directory.path().join(&names[1])).unwrap();
        assert!(aside.starts_with(&bytes[..8]), "case {number}");
        // The new one is locked like the old one.
        let other = Place::take(directory.path(), Sync::Lazy);
        assert!(matches!(other, Err(OpenError::InUse(_))), "case {number}: {other:?}");
        drop((database, place));
    }
}

#[test]
fn an_empty_file_is_begun_and_a_good_one_kept() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILE), b"").unwrap();
    for _ in 0..2 {
        let (place, database) = open(directory.path());
        drop(database);
        place.has_room().unwrap();
        assert_eq!(names(directory.path()), [FILE]);
    }
}
