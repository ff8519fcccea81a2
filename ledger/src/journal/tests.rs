//! What was written is read back, up to where it is cut or damaged.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::*;
use crate::settings::Sync;

fn open(path: &Path) -> (Journal, Vec<Entry>) {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    Journal::open(Disk::new(file, Sync::Lazy).unwrap()).unwrap()
}

fn entry(number: u8) -> Entry {
    Entry { key: [number; 20], ms: u64::from(number) << 40, value: vec![number; usize::from(number)].into() }
}

fn numbers(entries: &[Entry]) -> Vec<u8> {
    entries.iter().map(|entry| entry.key[0]).collect()
}

/// Three frames, of one, two and no entries and one, and the file they are in.
fn written(directory: &Path) -> PathBuf {
    let path = directory.join("journal");
    let (mut journal, found) = open(&path);
    assert!(found.is_empty());
    for frame in [&[1][..], &[2, 3], &[], &[4]] {
        journal.append(&frame.iter().map(|number| entry(*number)).collect::<Vec<_>>()).unwrap();
    }
    path
}

#[test]
fn what_was_written_is_read_back_and_written_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path());
    let (mut journal, found) = open(&path);
    assert_eq!(found, [1, 2, 3, 4].map(entry));
    journal.append(&[entry(5)]).unwrap();
    assert_eq!(numbers(&open(&path).1), [1, 2, 3, 4, 5]);
}

#[test]
fn wherever_it_is_cut_whole_frames_are_read_and_it_goes_on_behind_them() {
    let directory = tempfile::tempdir().unwrap();
    let whole = fs::read(written(directory.path())).unwrap();
    let mut known: Vec<Vec<u8>> = Vec::new();
    for cut in 0..whole.len() {
        let path = directory.path().join("cut");
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut journal, found) = open(&path);
        let found = numbers(&found);
        assert!([1, 2, 3, 4].starts_with(&found), "{cut}: {found:?}");
        journal.append(&[entry(9)]).unwrap();
        assert_eq!(numbers(&open(&path).1), [&found[..], &[9]].concat(), "{cut}");
        known.push(found);
    }
    known.dedup();
    assert_eq!(known, [vec![], vec![1], vec![1, 2, 3]]);
}

#[test]
fn a_damaged_byte_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let whole = fs::read(written(directory.path())).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        let path = directory.path().join("damaged");
        fs::write(&path, &bytes).unwrap();
        let found = open(&path).1;
        assert!(found.len() < 4 && [1, 2, 3, 4].map(entry).starts_with(&found), "{at}");
    }
}

#[test]
fn what_an_earlier_round_left_means_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path());
    let before = fs::read(&path).unwrap();
    let (mut journal, _) = open(&path);
    journal.reset().unwrap();
    assert!(open(&path).1.is_empty());
    journal.append(&[entry(1)]).unwrap();
    let now = fs::read(&path).unwrap();
    // The disk kept the new frame, and not that the file was cut.
    let mixed = [&now[..], &before[now.len()..]].concat();
    fs::write(&path, mixed).unwrap();
    assert_eq!(numbers(&open(&path).1), [1]);
}
