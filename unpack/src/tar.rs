//! tar, read over the slice by headers: ustar, GNU long names, pax, old GNU sparse files.
//!
//! Readers disagree about where a member ends when pax and ustar tell different sizes, and about what follows the
//! end mark: every place where one of them would look for a header is looked at, once. Links and devices are told,
//! never followed. Absent: what several volumes hold together.

mod header;
mod pax;
mod sparse;

use std::collections::BTreeSet;

use self::header::{BLOCK_BYTES, Header};
use self::pax::Extended;
use crate::bytes::{len, range};
use crate::output::stored;
use crate::{Budget, Content, Kind, Member, Passwords, Trouble};

pub(crate) fn is(content: &[u8]) -> bool {
    content.get(..BLOCK_BYTES).and_then(Header::read).is_some()
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut reader =
        Reader { content, places: vec![0], seen: BTreeSet::new(), is_odd: false, troubles: Vec::new() };
    while let Some(place) = reader.places.pop() {
        if let Err(trouble) = reader.chain(place, budget, visit) {
            reader.tell(trouble);
            if trouble.is_final() {
                break;
            }
        }
    }
    reader.troubles
}

struct Reader<'a> {
    content: &'a [u8],
    /// Where some reader would look for a header.
    places: Vec<usize>,
    /// Where a header was looked for already.
    seen: BTreeSet<usize>,
    /// Whether a size was told in a way that few readers know: they look for what follows elsewhere.
    is_odd: bool,
    troubles: Vec<Trouble>,
}

impl Reader<'_> {
    fn tell(&mut self, trouble: Trouble) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }

    /// Follows the headers from `at` on.
    fn chain(
        &mut self,
        mut at: usize,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) -> Result<(), Trouble> {
        let mut extended = Extended::default();
        let mut is_behind_end = false;
        while let Some(block) = range(self.content, at, BLOCK_BYTES) {
            if !self.seen.insert(at) {
                return Ok(());
            }
            budget.time()?;
            let Some(header) = Header::read(block) else {
                if block.iter().any(|&byte| byte != 0) {
                    self.tell(Trouble::Damaged("tar header"));
                }
                is_behind_end = true;
                at += BLOCK_BYTES;
                continue;
            };
            if is_behind_end {
                self.tell(Trouble::Ambiguous("tar members behind the end"));
                is_behind_end = false;
            }
            let data_at = at + BLOCK_BYTES;
            if extended.take(&header, self.content, data_at) {
                budget.member()?;
                at = end_of(data_at, header.size);
                continue;
            }
            at = self.member(&header, &std::mem::take(&mut extended), data_at, budget, visit)?;
        }
        if self.content.len() > at {
            self.tell(Trouble::Damaged("tar block"));
        }
        Ok(())
    }

    /// Gives one member; where the next header is.
    fn member(
        &mut self,
        header: &Header<'_>,
        extended: &Extended,
        data_at: usize,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) -> Result<usize, Trouble> {
        budget.member()?;
        let size = extended.size.unwrap_or(header.size);
        self.is_odd |= extended.size.is_some() || extended.sparse.is_some() || header.is_odd();
        // GNU tar takes no data behind a link, others go by the size.
        let has_data = header.kind() == Kind::File && !header.is_hard_link();
        let next = end_of(data_at, size);
        for other in [end_of(data_at, header.size), data_at] {
            let is_other_reading =
                if other == data_at { !has_data && next != data_at } else { other != next };
            if is_other_reading {
                self.tell(Trouble::Ambiguous("sizes in a tar"));
                self.places.push(other);
            }
        }
        let mut names = extended.names.clone();
        let own = header.name();
        if !names.contains(&own) && (names.is_empty() || !header.is_cut(&own)) {
            names.push(own);
        }
        let (content, next) = if header.is_sparse() || extended.sparse.is_some() {
            let (content, map_bytes) = sparse::read(self.content, header, extended, data_at, budget);
            (content, next.saturating_add(map_bytes))
        } else if header.is_link() {
            let bytes = extended.link.clone().unwrap_or_else(|| header.link().to_vec());
            (Content { bytes, trouble: None }, next)
        } else {
            let size = if has_data { size.max(header.size) } else { size };
            (self.data(data_at, size, budget), next)
        };
        let trouble = content.trouble;
        let kind = header.kind_by_name(&names);
        visit(Member { names, kind, is_encrypted: false, is_rare: self.is_odd, content });
        match trouble {
            Some(trouble) if trouble.is_final() => Err(trouble),
            Some(_) | None => Ok(next),
        }
    }

    fn data(&self, at: usize, size: u64, budget: &mut Budget) -> Content {
        let there = self.content.len().saturating_sub(at);
        let size = len(size);
        let mut content = stored(range(self.content, at, size.min(there)).unwrap_or_default(), budget);
        if size > there && content.trouble.is_none() {
            content.trouble = Some(Trouble::Damaged("truncated"));
        }
        content
    }
}

fn end_of(data_at: usize, size: u64) -> usize {
    let blocks = len(size).div_ceil(BLOCK_BYTES);
    data_at.saturating_add(blocks.saturating_mul(BLOCK_BYTES))
}
