//! The stream of a folder, cut into its files while it is decoded. Only what the files still to come may need is kept.

use crate::listing::nothing;
use crate::{Budget, Content, Limit, Trouble};

use super::blocks::Blocks;
use super::header::File;

pub(super) struct Folder<'a> {
    blocks: Blocks<'a>,
    /// Decoded and not yet passed by.
    buffer: Vec<u8>,
    /// Where in the folder `buffer` begins.
    base: u64,
    /// Why there is no more; nothing is decoded behind it.
    end: Option<Trouble>,
}

impl<'a> Folder<'a> {
    pub(super) fn new(blocks: Blocks<'a>) -> Self {
        Self { blocks, buffer: Vec::new(), base: 0, end: None }
    }

    /// A file that begins no earlier than the one before.
    pub(super) fn file(&mut self, file: &File<'_>, budget: &mut Budget) -> Content {
        let begin = u64::from(file.offset);
        let end = begin + u64::from(file.size);
        self.pass(begin);
        // Files may share a range: what was decoded for an earlier one counts again when it is copied again.
        let again = (self.buffer.len() as u64).min(u64::from(file.size));
        if let Err(limit) = budget.output(again, again, again) {
            self.end = Some(limit.into());
            return nothing(self.end);
        }
        let limit = self.decode_to(begin, end, budget).err().map(Trouble::from);
        self.end = limit.or(self.end);
        let have = usize::try_from(file.size).unwrap_or(usize::MAX).min(self.buffer.len());
        let is_here = self.base == begin || have == 0;
        let bytes = self.buffer.get(..have).filter(|_| is_here).unwrap_or_default().to_vec();
        let trouble = if limit.is_some() {
            limit
        } else if (bytes.len() as u64) < u64::from(file.size) {
            let short =
                if file.is_to_continue() { "goes on in another cabinet" } else { "folder ends early" };
            Some(self.end.unwrap_or(Trouble::Damaged(short)))
        } else if self.blocks.is_sum_wrong {
            Some(Trouble::Damaged("checksum"))
        } else {
            None
        };
        Content { bytes, trouble }
    }

    fn decode_to(&mut self, begin: u64, end: u64, budget: &mut Budget) -> Result<(), Limit> {
        let consumed_before = self.blocks.consumed;
        let mut made = 0;
        while self.end.is_none() && self.base + (self.buffer.len() as u64) < end {
            let before = self.buffer.len();
            match self.blocks.next(&mut self.buffer) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(trouble) => self.end = Some(trouble),
            }
            let more = (self.buffer.len() - before) as u64;
            made += more;
            let charged = budget.output(more, made, self.blocks.consumed - consumed_before);
            if charged.is_err() {
                self.buffer.truncate(before);
            }
            charged?;
            self.pass(begin);
        }
        Ok(())
    }

    /// Drops what is before `begin`.
    fn pass(&mut self, begin: u64) {
        let behind = usize::try_from(begin.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let behind = behind.min(self.buffer.len());
        self.buffer.drain(..behind);
        self.base += behind as u64;
    }
}
