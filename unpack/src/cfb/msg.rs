//! Attachments of Outlook's `.msg`: storages `__attach_version1.0_#…` whose streams are MAPI properties. The stream of
//! the data is given by the names that the others hold, not by its own.

use std::collections::BTreeMap;
use std::io::Read;

use crate::names::{until_nul, utf16_le};

use super::directory::{Directory, Entry};
use super::sectors::Sectors;

const STORAGE_PREFIX: &[u8] = b"__attach_version1.0_#";
const PROPERTY_PREFIX: &[u8] = b"__substg1.0_";
const DATA: &[u8] = b"3701";
/// Long file name, file name, display name, long path, path.
const NAMES: [&[u8]; 5] = [b"3707", b"3704", b"3001", b"370D", b"3708"];
const NAME_BYTES_MAX: u64 = 2048;
/// Of one attachment, and of all: their streams may share sectors, so that the file's size is no bound.
const NAMES_MAX: usize = 16;
const ALL_NAMES_MAX: usize = 10_000;

/// The names of each attachment by the number of its storage.
pub(super) struct Attachments {
    names: BTreeMap<u32, Vec<Vec<u8>>>,
    /// Whether there were not too many.
    pub(super) is_whole: bool,
}

impl Attachments {
    pub(super) fn read(sectors: &Sectors<'_>, directory: &Directory) -> Self {
        let mut names: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
        let (mut count, mut is_whole) = (0, true);
        for (_, entry) in directory.entries() {
            let text = entry.text();
            let Some((tag, kind)) = property(&text) else { continue };
            let is_of_attachment =
                directory.get(entry.parent).is_some_and(|parent| parent.text().starts_with(STORAGE_PREFIX));
            if !entry.is_stream || !is_of_attachment || !NAMES.contains(&tag) {
                continue;
            }
            let Some(name) = value(sectors, entry, kind) else { continue };
            let of_attachment = names.entry(entry.parent).or_default();
            if of_attachment.len() == NAMES_MAX || count == ALL_NAMES_MAX {
                is_whole = false;
                continue;
            }
            of_attachment.push(name);
            count += 1;
        }
        Self { names, is_whole }
    }

    /// The names of the attachment whose data this entry is; none when it is something else.
    pub(super) fn names(&self, entry: &Entry) -> Vec<Vec<u8>> {
        let Some(names) = self.names.get(&entry.parent) else { return Vec::new() };
        let text = entry.text();
        if property(&text).is_some_and(|(tag, _)| tag == DATA) { names.clone() } else { Vec::new() }
    }
}

/// Its tag and type in hexadecimal digits.
fn property(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = name.strip_prefix(PROPERTY_PREFIX)?;
    Some((digits.get(..4)?, digits.get(4..8)?))
}

fn value(sectors: &Sectors<'_>, entry: &Entry, kind: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    sectors.stream(entry.start, entry.size).take(NAME_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    match kind {
        b"001F" => Some(utf16_le(&bytes)),
        b"001E" => Some(until_nul(&bytes).to_vec()),
        _ => None,
    }
}
