//! Every central directory that some reader may take: there may be several ends, an end in both widths, and offsets
//! that count from the front of the file or from the front of the archive in it.

use std::collections::VecDeque;

use memchr::memmem;

use super::header::{CENTRAL, Central, LOCAL, Local};
use crate::bytes::{len, tail, u16_le, u32_le, u64_le};
use crate::{Limit, Trouble};

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64: &[u8] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const COMMENT_BYTES_MAX: usize = 65_535;
/// More ends than that are there to confuse.
const ENDS_MAX: usize = 16;
/// So many are looked at before that, with those in members.
const ENDS_SEEN_MAX: usize = 10_000;

/// A directory's entry, and what is to be added to its offset.
pub(super) struct Listed {
    pub(super) central: Central,
    pub(super) base: i64,
}

impl Listed {
    /// Where its local header may be: with what is in front of the archive counted, and as it says.
    pub(super) fn places(&self) -> [Option<usize>; 2] {
        let shifted =
            i64::try_from(self.central.offset).ok().and_then(|offset| offset.checked_add(self.base));
        [shifted.and_then(|at| usize::try_from(at).ok()), Some(len(self.central.offset))]
    }

    fn data(&self, content: &[u8]) -> Option<(usize, usize)> {
        let local = self.places().into_iter().flatten().find_map(|at| Local::read(content, at))?;
        Some((local.data_at, local.data_at.saturating_add(len(self.central.header.packed))))
    }
}

/// What all directories together say.
#[derive(Default)]
pub(super) struct Directories {
    pub(super) listed: Vec<Listed>,
    /// Data of members, in order and apart: an end in there is that of a zip in the zip.
    covered: Vec<(usize, usize)>,
    /// Where one of them begins: no data is behind the first.
    pub(super) starts: Vec<usize>,
    pub(super) troubles: Vec<Trouble>,
    /// Whether it is a zip of the plain kind: from the front of the file to one narrow end that is the file's. Of
    /// others some readers find another directory, or none.
    pub(super) is_plain: bool,
}

/// Where a plausible end is near the end of `content`.
pub(super) fn has_end(content: &[u8]) -> bool {
    let window_at = content.len().saturating_sub(COMMENT_BYTES_MAX + END_BYTES);
    let window = tail(content, window_at);
    // Forward: that is many times faster than from the back, and any one counts.
    memmem::find_iter(window, END).any(|at| {
        let end_at = window_at + at;
        match (u32_le(content, end_at + 12), u32_le(content, end_at + 16)) {
            (Some(u32::MAX), _) | (_, Some(u32::MAX)) => true,
            (Some(bytes), Some(offset)) => {
                u64::from(bytes) + u64::from(offset) <= end_at as u64 && end_at + END_BYTES <= content.len()
            }
            _ => false,
        }
    })
}

impl Directories {
    /// Reads at most `entries_max` entries.
    pub(super) fn read(content: &[u8], entries_max: u64) -> Self {
        let mut this = Self::default();
        let mut ends = 0;
        let mut read = 0;
        let (last, is_all) = last_ends(content);
        this.is_plain = content.starts_with(LOCAL);
        for end_at in last.into_iter().rev() {
            if this.is_covered(end_at) {
                continue;
            }
            if read == ENDS_MAX {
                this.tell(Trouble::Ambiguous("many ends of a zip"));
                break;
            }
            read += 1;
            this.is_plain &= read == 1 && is_plain_end(content, end_at);
            let before = this.listed.len();
            this.end(content, end_at, entries_max);
            if this.listed.len() > before {
                ends += 1;
                this.cover(content);
            }
        }
        if read == 0 {
            this.tell(Trouble::Damaged("no central directory"));
        }
        if !is_all {
            this.tell(Trouble::Ambiguous("many ends of a zip"));
        }
        if ends > 1 {
            this.tell(Trouble::Ambiguous("several central directories"));
        }
        this
    }

    fn is_covered(&self, at: usize) -> bool {
        let next = self.covered.partition_point(|&(from, _)| from <= at);
        let before = next.checked_sub(1).and_then(|index| self.covered.get(index));
        before.is_some_and(|&(_, to)| at < to)
    }

    fn cover(&mut self, content: &[u8]) {
        let mut ranges: Vec<_> = self.listed.iter().filter_map(|listed| listed.data(content)).collect();
        ranges.sort_unstable();
        self.covered.clear();
        for (from, to) in ranges {
            match self.covered.last_mut() {
                Some((_, last)) if from <= *last => *last = to.max(*last),
                Some(_) | None => self.covered.push((from, to)),
            }
        }
    }

    pub(super) fn tell(&mut self, trouble: Trouble) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }

    fn end(&mut self, content: &[u8], end_at: usize, entries_max: u64) {
        let comment_at = end_at + END_BYTES;
        let comment_bytes = u16_le(content, end_at + 20).map_or(1, usize::from);
        if comment_at + comment_bytes > content.len() {
            self.tell(Trouble::Damaged("end of a zip"));
        }
        let fields = (
            u16_le(content, end_at + 4),
            u16_le(content, end_at + 10),
            u32_le(content, end_at + 12),
            u32_le(content, end_at + 16),
        );
        let (Some(disk), Some(count), Some(bytes), Some(offset)) = fields else { return };
        let mut places = vec![(u64::from(bytes), u64::from(offset), end_at)];
        let mut counts = vec![u64::from(count)];
        if let Some((wide_count, place)) = wide_end(content, end_at) {
            counts.push(wide_count);
            places.push(place);
        }
        if disk != 0 && disk != u16::MAX {
            self.tell(Trouble::Unsupported("zip over several files"));
        }
        let mut is_found = false;
        for (bytes, offset, end_at) in places {
            let by_end = end_at.checked_sub(len(bytes));
            for start in [by_end, Some(len(offset))].into_iter().flatten() {
                if tail(content, start).starts_with(CENTRAL) {
                    is_found = true;
                    self.walk(content, start, base(start, offset), &counts, entries_max);
                }
            }
        }
        if !is_found && counts.iter().any(|&count| count != 0) {
            self.tell(Trouble::Damaged("central directory"));
        }
    }

    /// Goes from entry to entry, whatever the count says.
    fn walk(&mut self, content: &[u8], start: usize, base: i64, counts: &[u64], entries_max: u64) {
        if self.starts.contains(&start) {
            return;
        }
        self.starts.push(start);
        let mut at = start;
        let mut count = 0_u64;
        while let Some((central, next)) = Central::read(content, at) {
            if self.listed.len() as u64 >= entries_max {
                self.tell(Limit::Members.into());
                return;
            }
            self.listed.push(Listed { central, base });
            count += 1;
            at = next;
        }
        // The narrow count is modulo 65536 in files that are not zip64 and should be.
        if !counts.iter().any(|&told| told == count || told == count & 0xffff) {
            self.tell(Trouble::Ambiguous("count of members in a zip"));
        }
    }
}

/// Whether the file ends with this end, which says where a directory right before it begins.
fn is_plain_end(content: &[u8], end_at: usize) -> bool {
    let fields = (u16_le(content, end_at + 20), u32_le(content, end_at + 12), u32_le(content, end_at + 16));
    let (Some(comment_bytes), Some(bytes), Some(offset)) = fields else { return false };
    end_at + END_BYTES + usize::from(comment_bytes) == content.len()
        && u64::from(bytes) + u64::from(offset) == end_at as u64
        && wide_end(content, end_at).is_none()
}

/// Where the last ends are, those in members too, and whether there are no others.
fn last_ends(content: &[u8]) -> (VecDeque<usize>, bool) {
    let mut last = VecDeque::new();
    let mut count = 0;
    for at in memmem::find_iter(content, END) {
        count += 1;
        if last.len() == ENDS_SEEN_MAX {
            last.pop_front();
        }
        last.push_back(at);
    }
    let is_all = count == last.len();
    (last, is_all)
}

/// What the offsets lack when something is in front of the archive.
fn base(start: usize, offset: u64) -> i64 {
    let start = i64::try_from(start).unwrap_or(i64::MAX);
    start.saturating_sub(i64::try_from(offset).unwrap_or(i64::MAX))
}

/// The end as zip64 has it: count, and bytes, offset and place.
fn wide_end(content: &[u8], end_at: usize) -> Option<(u64, (u64, u64, usize))> {
    let locator_at = end_at.checked_sub(LOCATOR_BYTES)?;
    if !tail(content, locator_at).starts_with(LOCATOR) {
        return None;
    }
    let told = len(u64_le(content, locator_at + 8)?);
    let near = locator_at.saturating_sub(END64_BYTES);
    let at = [told, near].into_iter().find(|&at| tail(content, at).starts_with(END64))?;
    let from = tail(content, at);
    Some((u64_le(from, 32)?, (u64_le(from, 40)?, u64_le(from, 48)?, at)))
}
