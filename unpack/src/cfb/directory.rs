//! The directory: its entries in the order in which they are stored, and the path of each through its storages.

use std::collections::BTreeSet;

use crate::bytes::{range, u16_le, u32_le, u64_le};
use crate::names::from_utf16;

use super::sectors::Sectors;

const ENTRY_BYTES: usize = 128;
const NAME_UNITS_MAX: usize = 32;
const STORAGE: u8 = 1;
const STREAM: u8 = 2;
const ROOT: u8 = 5;
/// No document nests deeper; a path of more is cut at its beginning.
const DEPTH_MAX: usize = 64;
/// A storage that no other leads to.
const NOWHERE: u32 = u32::MAX;

pub(super) struct Entry {
    /// As stored; without the NUL.
    pub(super) name: Vec<u16>,
    pub(super) is_stream: bool,
    pub(super) start: u32,
    pub(super) size: u64,
    /// The storage that it is in.
    pub(super) parent: u32,
    kind: u8,
    left: u32,
    right: u32,
    child: u32,
}

impl Entry {
    pub(super) fn is_named(&self, name: &str) -> bool {
        name.encode_utf16().eq(self.name.iter().copied())
    }

    pub(super) fn text(&self) -> Vec<u8> {
        from_utf16(self.name.iter().copied())
    }
}

pub(super) struct Directory {
    all: Vec<Entry>,
    /// Whether every entry was led to, once.
    pub(super) is_whole: bool,
}

impl Directory {
    pub(super) fn read(sectors: &Sectors<'_>) -> Self {
        let has_long_sizes = sectors.has_long_sizes();
        let mut all = Vec::new();
        for sector in sectors.directory() {
            let entries = sector.as_chunks::<ENTRY_BYTES>().0.iter();
            all.extend(entries.filter_map(|bytes| entry(bytes, has_long_sizes)));
        }
        let mut directory = Self { all, is_whole: true };
        directory.lead();
        directory
    }

    /// The one that the format has first.
    pub(super) fn root(&self) -> Option<&Entry> {
        self.all.iter().find(|entry| entry.kind == ROOT)
    }

    /// Every stream and storage, led to or not.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let entries = self.all.iter().enumerate();
        let entries = entries.filter(|(_, entry)| entry.kind == STORAGE || entry.kind == STREAM);
        entries.map(|(id, entry)| (u32::try_from(id).unwrap_or(NOWHERE), entry))
    }

    pub(super) fn get(&self, id: u32) -> Option<&Entry> {
        self.all.get(usize::try_from(id).ok()?)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries().any(|(_, entry)| entry.is_named(name))
    }

    /// The names of its storages below the root and its own, with slashes.
    pub(super) fn path(&self, id: u32) -> Vec<u8> {
        let steps = std::iter::successors(self.get(id), |entry| self.get(entry.parent));
        let steps = steps.take_while(|entry| entry.kind != ROOT).take(DEPTH_MAX);
        let mut names: Vec<Vec<u8>> = steps.map(Entry::text).collect();
        names.reverse();
        names.join(&b'/')
    }

    /// Walks the trees of the storages from the root and notes each entry's storage.
    fn lead(&mut self) {
        let Some(root) = self.all.iter().position(|entry| entry.kind == ROOT) else {
            self.is_whole = false;
            return;
        };
        let root = u32::try_from(root).unwrap_or(NOWHERE);
        let mut seen = BTreeSet::from([root]);
        let child = self.get(root).map_or(NOWHERE, |root| root.child);
        let mut open = vec![(child, root)];
        while let Some((id, parent)) = open.pop() {
            if id == NOWHERE {
                continue;
            }
            let known = usize::try_from(id).ok().and_then(|index| self.all.get_mut(index));
            let Some(entry) = known.filter(|_| seen.insert(id)) else {
                self.is_whole = false;
                continue;
            };
            entry.parent = parent;
            open.extend([(entry.left, parent), (entry.right, parent)]);
            if !entry.is_stream {
                open.push((entry.child, id));
            }
        }
        let is_each_seen = self.entries().all(|(id, _)| seen.contains(&id));
        self.is_whole &= is_each_seen;
    }
}

fn entry(bytes: &[u8], has_long_sizes: bool) -> Option<Entry> {
    let units = usize::from(u16_le(bytes, 64)?) / 2;
    let name = range(bytes, 0, units.saturating_sub(1).min(NAME_UNITS_MAX - 1) * 2)?;
    let kind = *bytes.get(66)?;
    let size = if has_long_sizes { u64_le(bytes, 120)? } else { u64::from(u32_le(bytes, 120)?) };
    Some(Entry {
        name: name.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect(),
        is_stream: kind == STREAM,
        start: u32_le(bytes, 116)?,
        size,
        parent: NOWHERE,
        kind,
        left: u32_le(bytes, 68)?,
        right: u32_le(bytes, 72)?,
        child: u32_le(bytes, 76)?,
    })
}
