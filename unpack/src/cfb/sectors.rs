//! Sectors, the tables that chain them, and streams over them.
//!
//! A table never has more entries than the file has sectors, and a chain never more links: a loop ends there.

use std::io::Read;

use crate::bytes::{range, tail, u16_le, u32_le};

const SHIFTS: std::ops::RangeInclusive<u16> = 7..=16;
const DIFAT_AT: usize = 76;
const DIFAT_IN_HEADER: usize = 109;
/// This and above are no sectors but marks: end of chain, free, table.
const MARKS: u32 = 0xffff_fffa;
const END: u32 = 0xffff_fffe;

pub(super) struct Sectors<'a> {
    content: &'a [u8],
    shift: u16,
    mini_shift: u16,
    /// Streams shorter than this are in the mini stream.
    mini_below: u32,
    fat: Vec<u32>,
    mini_fat: Vec<u32>,
    /// The sectors that the mini stream is made of.
    mini_sectors: Vec<u32>,
    directory: u32,
    is_broken: bool,
}

impl<'a> Sectors<'a> {
    pub(super) fn read(content: &'a [u8]) -> Option<Self> {
        let (shift, mini_shift) = (u16_le(content, 30)?, u16_le(content, 32)?);
        if !SHIFTS.contains(&shift) || mini_shift > shift {
            return None;
        }
        let mut sectors = Self {
            content,
            shift,
            mini_shift,
            mini_below: u32_le(content, 56)?,
            fat: Vec::new(),
            mini_fat: Vec::new(),
            mini_sectors: Vec::new(),
            directory: u32_le(content, 48)?,
            is_broken: false,
        };
        sectors.read_fat(u32_le(content, 68)?);
        let mini_fat: Vec<u32> = sectors.chain(u32_le(content, 60)?).collect();
        sectors.mini_fat = mini_fat.into_iter().flat_map(|sector| words(sectors.sector(sector))).collect();
        Some(sectors)
    }

    /// Where the tables of the header and behind it say that the FAT is.
    fn read_fat(&mut self, mut next: u32) {
        let in_header = range(self.content, DIFAT_AT, DIFAT_IN_HEADER * 4).unwrap_or_default();
        let mut tables: Vec<u32> = words(in_header).filter(|&table| table < MARKS).collect();
        let mut links = 0;
        while next < MARKS && links < self.count() {
            let mut words: Vec<u32> = words(self.sector(next)).collect();
            next = words.pop().unwrap_or(END);
            tables.extend(words.into_iter().filter(|&table| table < MARKS));
            links += 1;
            if tables.len() > self.count() {
                break;
            }
        }
        let per_table = self.sector_bytes() / 4;
        let tables_max = self.count().div_ceil(per_table.max(1));
        self.is_broken |= tables.len() > tables_max;
        for table in tables.into_iter().take(tables_max) {
            let mut table: Vec<u32> = words(self.sector(table)).collect();
            // A table that is cut off leaves those behind it where they belong.
            self.is_broken |= table.len() < per_table;
            table.resize(per_table, END);
            self.fat.append(&mut table);
        }
    }

    /// The chain of the root entry, in which the short streams are.
    pub(super) fn mini_stream(&mut self, start: u32) {
        self.mini_sectors = self.chain(start).collect();
    }

    /// Whether the tables were not as they should be.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub(super) fn bytes(&self) -> usize {
        self.content.len()
    }

    /// Whether the high half of a size counts.
    pub(super) fn has_long_sizes(&self) -> bool {
        self.shift > 9
    }

    /// The directory, sector by sector.
    pub(super) fn directory(&self) -> impl Iterator<Item = &'a [u8]> {
        self.chain(self.directory).map(|sector| self.sector(sector))
    }

    /// A stream up to its size or the end of its chain, whichever is first.
    pub(super) fn stream(&self, start: u32, size: u64) -> Stream<'_> {
        let is_mini = size < u64::from(self.mini_below);
        Stream {
            sectors: self,
            is_mini,
            next: start,
            links_left: self.links_max(is_mini),
            left: size,
            rest: &[],
        }
    }

    fn links_max(&self, is_mini: bool) -> usize {
        if is_mini { self.content.len() >> self.mini_shift } else { self.count() }
    }

    fn count(&self) -> usize {
        self.content.len() >> self.shift
    }

    fn sector_bytes(&self) -> usize {
        1 << self.shift
    }

    fn chain(&self, start: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(start), |&sector| self.fat.get(index(sector)).copied())
            .take_while(|&sector| sector < MARKS)
            .take(self.count())
    }

    /// As much of it as is there. The header takes the place of the sector before the first.
    fn sector(&self, sector: u32) -> &'a [u8] {
        let at = (index(sector).saturating_add(1)).saturating_mul(self.sector_bytes());
        let rest = tail(self.content, at);
        rest.get(..self.sector_bytes()).unwrap_or(rest)
    }

    fn mini_sector(&self, sector: u32) -> &'a [u8] {
        let at = index(sector) << self.mini_shift;
        let Some(&sector) = self.mini_sectors.get(at >> self.shift) else { return &[] };
        let rest = tail(self.sector(sector), at & (self.sector_bytes() - 1));
        rest.get(..1 << self.mini_shift).unwrap_or(rest)
    }
}

/// A stream that is read link by link.
pub(super) struct Stream<'a> {
    sectors: &'a Sectors<'a>,
    is_mini: bool,
    next: u32,
    links_left: usize,
    /// Of the size that the directory tells.
    left: u64,
    rest: &'a [u8],
}

impl Stream<'_> {
    /// The next sector; false at the end of the chain.
    fn advance(&mut self) -> bool {
        if self.next >= MARKS || self.links_left == 0 {
            return false;
        }
        self.links_left -= 1;
        let (bytes, table) = if self.is_mini {
            (self.sectors.mini_sector(self.next), &self.sectors.mini_fat)
        } else {
            (self.sectors.sector(self.next), &self.sectors.fat)
        };
        self.rest = bytes;
        self.next = table.get(index(self.next)).copied().unwrap_or(END);
        true
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && self.left > 0 {
            if self.rest.is_empty() {
                if self.advance() {
                    continue;
                }
                break;
            }
            let room = buffer.get_mut(filled..).unwrap_or_default();
            let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(room.len()).min(self.rest.len());
            let (now, later) = self.rest.split_at_checked(most).unwrap_or((self.rest, &[]));
            if let Some(room) = room.get_mut(..now.len()) {
                room.copy_from_slice(now);
            }
            self.rest = later;
            self.left -= now.len() as u64;
            filled += now.len();
        }
        Ok(filled)
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word))
}

fn index(sector: u32) -> usize {
    usize::try_from(sector).unwrap_or(usize::MAX)
}
