//! The trees, walked without recursion: each directory once, and no more records than the budget has members.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::bytes::{range, tail};
use crate::names::utf16_be;
use crate::{Budget, Kind, Limit, Trouble};

use super::SECTOR_BYTES;
use super::record::Record;

/// A directory deeper than such a path is not entered.
pub(super) const PATH_BYTES_MAX: usize = 1024;

/// A file or directory, whichever trees lead to it.
pub(super) struct Node {
    pub(super) names: Vec<Vec<u8>>,
    pub(super) kind: Kind,
    /// Offsets and lengths in the image.
    pub(super) extents: Vec<(usize, usize)>,
    /// What keeps the extents from being all of it.
    pub(super) trouble: Option<Trouble>,
}

pub(super) struct Image<'a> {
    content: &'a [u8],
    nodes: Vec<Node>,
    /// By the first extent.
    known: HashMap<(usize, usize, Kind), usize>,
    records: u64,
}

struct Place {
    at: usize,
    size: usize,
    /// By its first name: all of them would be a power of the depth.
    path: Vec<u8>,
}

/// How one tree is read.
#[derive(Clone, Copy)]
struct Reading {
    block_bytes: usize,
    is_joliet: bool,
}

impl<'a> Image<'a> {
    pub(super) fn new(content: &'a [u8]) -> Self {
        Self { content, nodes: Vec::new(), known: HashMap::new(), records: 0 }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Adds what is below `root`; false when a directory was broken, or led to twice.
    pub(super) fn walk(
        &mut self,
        root: &Record<'_>,
        block_bytes: usize,
        is_joliet: bool,
        budget: &Budget,
    ) -> Result<bool, Limit> {
        let reading = Reading { block_bytes, is_joliet };
        let at = root.block.saturating_mul(block_bytes);
        let mut open = VecDeque::from([Place { at, size: root.size, path: Vec::new() }]);
        let mut seen = BTreeSet::from([at]);
        let mut is_whole = true;
        while let Some(place) = open.pop_front() {
            let below = self.directory(&place, reading, budget, &mut is_whole)?;
            for place in below {
                // A loop, or two directories in one place.
                let is_new = seen.insert(place.at);
                is_whole &= is_new;
                open.extend(is_new.then_some(place));
            }
        }
        Ok(is_whole)
    }

    fn directory(
        &mut self,
        place: &Place,
        reading: Reading,
        budget: &Budget,
        is_whole: &mut bool,
    ) -> Result<Vec<Place>, Limit> {
        let mut below = Vec::new();
        let rest = tail(self.content, place.at);
        let directory = rest.get(..place.size).unwrap_or(rest);
        *is_whole &= directory.len() == place.size;
        let mut is_continued = false;
        // No record crosses a sector; the rest of one is zeros.
        for mut sector in directory.chunks(SECTOR_BYTES) {
            budget.time()?;
            while sector.first().is_some_and(|&bytes| bytes != 0) {
                let Some(record) = Record::read(sector) else {
                    *is_whole = false;
                    break;
                };
                sector = tail(sector, record.bytes);
                if record.is_dot() {
                    continue;
                }
                self.count(budget)?;
                let at = record.block.saturating_mul(reading.block_bytes);
                let rock_ridge = record.rock_ridge(self.content, reading.block_bytes);
                let paths = paths(place, &record, &rock_ridge.name, reading);
                if record.is_directory && paths.iter().all(|path| path.len() <= PATH_BYTES_MAX) {
                    below.push(Place {
                        at,
                        size: record.size,
                        path: paths.first().cloned().unwrap_or_default(),
                    });
                }
                let kind = match () {
                    () if record.is_directory => Kind::Directory,
                    () if rock_ridge.is_link => Kind::Link,
                    () => Kind::File,
                };
                self.add(&record, kind, at, paths, is_continued);
                is_continued = record.has_more;
            }
        }
        Ok(below)
    }

    /// One more record; there may be two for a member.
    pub(super) fn count(&mut self, budget: &Budget) -> Result<(), Limit> {
        budget.time()?;
        self.records += 1;
        if self.records > budget.limits().members_max.saturating_mul(2) {
            Err(Limit::Members)
        } else {
            Ok(())
        }
    }

    /// A file of another tree: one that is known by its only extent has one more name.
    pub(super) fn merge(&mut self, node: Node) {
        let next = self.nodes.len();
        let known = match node.extents.as_slice() {
            &[(at, size)] => *self.known.entry((at, size, node.kind)).or_insert(next),
            _ => next,
        };
        match self.nodes.get_mut(known) {
            Some(known) => known.names.extend(node.names),
            None => self.nodes.push(node),
        }
    }

    fn add(&mut self, record: &Record<'_>, kind: Kind, at: usize, paths: Vec<Vec<u8>>, is_continued: bool) {
        let extent = (at, record.size);
        if is_continued && let Some(node) = self.nodes.last_mut() {
            if !node.extents.contains(&extent) {
                node.extents.push(extent);
            }
            return;
        }
        let next = self.nodes.len();
        // A file in several extents stays with its tree: what follows the first may differ.
        let key = (at, record.size, kind);
        let known = if record.has_more { next } else { *self.known.entry(key).or_insert(next) };
        match self.nodes.get_mut(known) {
            Some(node) => node.names.extend(paths),
            None => self.nodes.push(Node {
                names: paths,
                kind,
                extents: vec![extent],
                trouble: record.is_interleaved.then_some(Trouble::Unsupported("interleaved extents")),
            }),
        }
    }
}

/// Every path that a reader of this tree may show.
fn paths(place: &Place, record: &Record<'_>, long: &[u8], reading: Reading) -> Vec<Vec<u8>> {
    let raw = if reading.is_joliet { utf16_be(record.name) } else { record.name.to_vec() };
    let bare = without_version(&raw).to_vec();
    let mut names = vec![long.to_vec(), bare, raw];
    names.retain(|name| !name.is_empty());
    names.dedup();
    let above = place.path.as_slice();
    names
        .into_iter()
        .map(|name| if above.is_empty() { name } else { [above, b"/", &name].concat() })
        .collect()
}

/// Without `;1`, and without the point that stands for no extension.
fn without_version(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|&byte| byte == b';').unwrap_or(name.len());
    let name = range(name, 0, end).unwrap_or(name);
    name.strip_suffix(b".").unwrap_or(name)
}
