//! What was written since the database was last brought up to date: one short write for each group of records.
//!
//! A commit of the database copies a path of pages for every record, some ten writes of 4 KiB. So records go here
//! first, which is what survives kill -9, and into the database many at a time; then this begins anew. After a start
//! what is found here is read back. A frame that is cut or damaged ends it: whatever it held was never answered, or
//! was lost by the disk with all that came behind it.

use std::io;

use bytes::Bytes;

use crate::disk::Disk;
use crate::keys::RecordKey;

/// Epoch, length and check of a frame.
const HEAD_BYTES: usize = 8 + 4 + CHECK_BYTES;
const CHECK_BYTES: usize = 8;
/// Key, time and length of an entry.
const ENTRY_HEAD_BYTES: usize = 20 + 8 + 4;

/// A record as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: RecordKey,
    /// When its generation was created.
    pub(crate) ms: u64,
    pub(crate) value: Bytes,
}

/// The file and where the next frame goes.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Disk,
    end: u64,
    /// Frames of another one were left by an earlier round, and mean nothing.
    epoch: u64,
}

impl Journal {
    /// Opens it and reads back what it holds, in the order in which it was written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open(disk: Disk) -> io::Result<(Self, Vec<Entry>)> {
        let bytes = disk.read_all()?;
        let (mut rest, mut epoch, mut entries) = (&bytes[..], None, Vec::new());
        while let Some((frame, behind)) =
            Frame::parse(rest).filter(|(frame, _)| epoch.is_none_or(|epoch| epoch == frame.epoch))
        {
            epoch = Some(frame.epoch);
            entries.extend(frame.entries());
            rest = behind;
        }
        let end = (bytes.len() - rest.len()) as u64;
        Ok((Self { disk, end, epoch: epoch.unwrap_or(0) }, entries))
    }

    /// Writes a frame; it is the kernel's, or the disk's, when this returns.
    ///
    /// # Errors
    /// When that is not so. The next frame takes its place.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut frame = vec![0; HEAD_BYTES];
        for entry in entries {
            frame.extend_from_slice(&entry.key);
            frame.extend_from_slice(&entry.ms.to_le_bytes());
            frame.extend_from_slice(&length(entry.value.len())?.to_le_bytes());
            frame.extend_from_slice(&entry.value);
        }
        let bytes = length(frame.len() - HEAD_BYTES)?;
        let (head, payload) = frame.split_at_mut(HEAD_BYTES);
        let check = check(self.epoch, payload);
        let fields = self.epoch.to_le_bytes().into_iter().chain(bytes.to_le_bytes()).chain(check);
        for (slot, byte) in head.iter_mut().zip(fields) {
            *slot = byte;
        }
        self.disk.write(self.end, &frame)?;
        self.disk.sync()?;
        self.end += frame.len() as u64;
        Ok(())
    }

    /// Begins anew: the database has it all.
    ///
    /// # Errors
    /// When the file cannot be cut; what it holds is then read back once more, which does no harm.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        self.disk.set_len(0)?;
        self.end = 0;
        self.epoch = self.epoch.wrapping_add(1);
        Ok(())
    }
}

/// What was written at once.
struct Frame<'a> {
    epoch: u64,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame that begins here and what is behind it.
    fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (epoch, rest) = bytes.split_first_chunk::<8>()?;
        let (bytes, rest) = rest.split_first_chunk::<4>()?;
        let (told, rest) = rest.split_first_chunk::<CHECK_BYTES>()?;
        let epoch = u64::from_le_bytes(*epoch);
        let (payload, behind) = rest.split_at_checked(u32::from_le_bytes(*bytes) as usize)?;
        (check(epoch, payload) == *told).then_some((Self { epoch, payload }, behind))
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let mut rest = self.payload;
        std::iter::from_fn(move || {
            let (head, behind) = rest.split_at_checked(ENTRY_HEAD_BYTES)?;
            let bytes = u32::from_le_bytes(*head.last_chunk()?) as usize;
            let (value, behind) = behind.split_at_checked(bytes)?;
            rest = behind;
            let ms = u64::from_le_bytes(*head.get(20..)?.first_chunk()?);
            Some(Entry { key: *head.first_chunk()?, ms, value: Bytes::copy_from_slice(value) })
        })
    }
}

fn check(epoch: u64, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&epoch.to_le_bytes()).update(payload);
    let mut check = [0; CHECK_BYTES];
    hasher.finalize_xof().fill(&mut check);
    check
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::other("a group too large for the journal"))
}

#[cfg(test)]
mod tests;
