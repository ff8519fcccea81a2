//! zip by every reading: each central directory, the local headers, and where they disagree both.
//!
//! A member of the directory is looked up by its local header; local headers that no directory has are found by
//! their signature outside of what other members take. A bomb of members that overlap ends at the ratio of all output
//! to the whole file. Absent: prefixes, comments and gaps as members; the caller has the file itself.

mod crypt;
mod directory;
mod header;
mod member;
mod method;

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use self::crypt::Keys;
use self::directory::{Directories, Listed};
use self::header::{LOCAL, Local};
use self::member::Entry;
use crate::output::Total;
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};

/// A program that unpacks itself has the archive behind it, mostly near.
const PROGRAM_BYTES: usize = 4 * 1024 * 1024;

pub(crate) fn is(content: &[u8]) -> bool {
    let is_front = [LOCAL, b"PK\x05\x06", b"PK\x06\x08", b"PK00PK\x03\x04", b"PK\x07\x08PK\x03\x04"]
        .iter()
        .any(|magic| content.starts_with(magic));
    is_front || directory::has_end(content) || (content.starts_with(b"MZ") && has_local(content))
}

fn has_local(program: &[u8]) -> bool {
    let front = program.get(..PROGRAM_BYTES.min(program.len())).unwrap_or_default();
    memmem::find_iter(front, LOCAL).any(|at| Local::is_plausible(program, at))
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let directories = Directories::read(content, budget.limits().members_max.saturating_add(1));
    let mut reader = Reader {
        content,
        total: Total::new(content.len(), budget),
        starts: directories.starts,
        is_plain: directories.is_plain,
        troubles: directories.troubles,
        keys: Keys::new(passwords),
        names: BTreeSet::new(),
        ended: None,
    };
    let entries = reader.lookup(directories.listed, budget, visit);
    reader.known(&entries, budget, visit);
    reader.troubles
}

struct Reader<'a> {
    content: &'a [u8],
    total: Total,
    starts: Vec<usize>,
    is_plain: bool,
    troubles: Vec<Trouble>,
    keys: Keys<'a>,
    names: BTreeSet<Vec<u8>>,
    /// Nothing more can be unpacked; names can still be told.
    ended: Option<Trouble>,
}

impl Reader<'_> {
    fn tell(&mut self, trouble: Trouble) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }

    /// Puts the directories' entries to their local headers; what has none is given by name.
    fn lookup(
        &mut self,
        listed: Vec<Listed>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) -> BTreeMap<usize, Entry> {
        let mut entries: BTreeMap<usize, Entry> = BTreeMap::new();
        for listed in listed {
            let places = listed.places();
            let central = listed.central;
            let mut found = 0;
            for at in places.into_iter().flatten() {
                let Some(local) = Local::read(self.content, at) else { continue };
                if found > 0 && !entries.contains_key(&at) {
                    self.tell(Trouble::Ambiguous("offsets in a zip"));
                }
                found += 1;
                let entry = entries.entry(at).or_insert(Entry { centrals: Vec::new(), local });
                if !entry.centrals.iter().any(|known| known.same(&central)) {
                    entry.centrals.push(central.clone());
                }
            }
            if found == 0 {
                let why = if central.disk == 0 {
                    Trouble::Damaged("no local header")
                } else {
                    Trouble::Unsupported("zip over several files")
                };
                if budget.member().is_err() {
                    self.tell(Limit::Members.into());
                    return entries;
                }
                let content = Content { bytes: Vec::new(), trouble: Some(why) };
                let is_encrypted = central.header.is_encrypted();
                let names = central.header.names;
                visit(Member { names, kind: Kind::File, is_encrypted, is_rare: false, content });
            }
        }
        entries
    }

    /// Gives the members of the directories in their order in the file, and after each what is between it and the
    /// next without being in a directory.
    fn known(
        &mut self,
        entries: &BTreeMap<usize, Entry>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) {
        let mut covered_to = 0;
        for (&at, entry) in entries {
            self.unlisted(covered_to, at, entries, budget, visit);
            if at < covered_to {
                self.tell(Trouble::Ambiguous("members of a zip overlap"));
            }
            match self.entry(entry, self.bound(entry, entries), budget, visit) {
                Some(end) => covered_to = covered_to.max(end),
                None => return,
            }
        }
        self.unlisted(covered_to, self.content.len(), entries, budget, visit);
    }

    /// Local headers from `from` on that are in no directory.
    fn unlisted(
        &mut self,
        mut from: usize,
        to: usize,
        entries: &BTreeMap<usize, Entry>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) {
        while from < to {
            let Some(found) = memmem::find(self.content.get(from..to).unwrap_or_default(), LOCAL) else {
                return;
            };
            let at = from + found;
            from = at + LOCAL.len();
            if !Local::is_plausible(self.content, at) {
                continue;
            }
            let Some(local) = Local::read(self.content, at) else { continue };
            if !self.starts.is_empty() {
                self.tell(Trouble::Ambiguous("local headers that no directory has"));
            }
            let entry = Entry { centrals: Vec::new(), local };
            match self.entry(&entry, self.bound(&entry, entries).min(to), budget, visit) {
                Some(end) => from = from.max(end),
                None => return,
            }
        }
    }

    /// The next thing behind the beginning of its data.
    fn bound(&self, entry: &Entry, entries: &BTreeMap<usize, Entry>) -> usize {
        let at = entry.local.data_at;
        let next = entries.range(at..).next().map(|(&at, _)| at);
        let start = self.starts.iter().copied().filter(|&start| start >= at).min();
        let bound = [next, start].into_iter().flatten().min().unwrap_or(self.content.len());
        if !entry.centrals.is_empty() {
            return bound;
        }
        let gap = self.content.get(at..bound).unwrap_or_default();
        memmem::find(gap, LOCAL).map_or(bound, |found| at + found)
    }

    /// Gives one member by all its readings; where its data ends. None when no more may be given.
    fn entry(
        &mut self,
        entry: &Entry,
        bound: usize,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) -> Option<usize> {
        if let Err(limit) = budget.member() {
            self.tell(limit.into());
            return None;
        }
        let (names, is_different) = entry.names();
        if is_different {
            self.tell(Trouble::Ambiguous("names in a zip"));
        }
        if names.iter().any(|name| !self.names.insert(name.clone())) {
            self.tell(Trouble::Ambiguous("two members of one name"));
        }
        let (is_encrypted, is_rare) = (entry.is_encrypted(), entry.is_rare() || !self.is_plain);
        let kind = kind(entry, &names);
        if self.ended.is_some() {
            let content = Content { bytes: Vec::new(), trouble: self.ended };
            visit(Member { names, kind, is_encrypted, is_rare, content });
            return Some(entry.local.data_at);
        }
        let reading = entry.read(self.content, bound, &mut self.keys, budget);
        if let Some(ambiguity) = reading.ambiguity {
            self.tell(ambiguity);
        }
        if reading.contents.len() > 1 {
            self.tell(Trouble::Ambiguous("headers of a zip member"));
        }
        for content in reading.contents {
            if let Some(trouble) = content.trouble.filter(|trouble| trouble.is_final()) {
                self.end(trouble);
            }
            visit(Member { names: names.clone(), kind, is_encrypted, is_rare, content });
        }
        if let Err(limit) = self.total.check(budget) {
            self.end(limit.into());
        }
        Some(reading.end)
    }

    fn end(&mut self, trouble: Trouble) {
        self.tell(trouble);
        self.ended = self.ended.or(Some(trouble));
    }
}

fn kind(entry: &Entry, names: &[Vec<u8>]) -> Kind {
    if entry.centrals.iter().any(header::Central::is_symbolic_link) {
        Kind::Link
    } else if names.iter().all(|name| name.ends_with(b"/")) && !names.is_empty() {
        Kind::Directory
    } else {
        Kind::File
    }
}
