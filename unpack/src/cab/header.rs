//! CFHEADER, CFFOLDER and CFFILE as they lie in the slice.

use crate::bytes::{tail, u16_le, u32_le};
use crate::names::terminated;

use super::blocks::Blocks;

const HEADER_BYTES: usize = 36;
const FOLDER_BYTES: usize = 8;
const FILE_BYTES: usize = 16;
const FLAG_PREVIOUS: u16 = 1;
const FLAG_NEXT: u16 = 2;
const FLAG_RESERVE: u16 = 4;
/// The format allows 255 and a NUL.
const NAME_BYTES_MAX: usize = 256;

/// In place of a folder's number: the file began in the cabinet before, goes on in the next, or both.
const CONTINUED_FROM_PREVIOUS: u16 = 0xfffd;
const CONTINUED_TO_NEXT: u16 = 0xfffe;
const CONTINUED_BOTH: u16 = 0xffff;

pub(super) struct Cabinet<'a> {
    bytes: &'a [u8],
    folders_at: usize,
    folders: u16,
    folder_reserve: usize,
    data_reserve: usize,
    files_at: usize,
    files: u16,
}

/// One CFFILE.
pub(super) struct File<'a> {
    pub(super) name: &'a [u8],
    pub(super) folder: u16,
    pub(super) offset: u32,
    pub(super) size: u32,
}

impl File<'_> {
    /// Whether its first bytes are in another cabinet.
    pub(super) fn is_continued(&self) -> bool {
        self.folder == CONTINUED_FROM_PREVIOUS || self.folder == CONTINUED_BOTH
    }

    /// Whether its last bytes are in another cabinet.
    pub(super) fn is_to_continue(&self) -> bool {
        self.folder == CONTINUED_TO_NEXT
    }
}

impl<'a> Cabinet<'a> {
    /// None when this is no cabinet of version 1. The declared size is not looked at.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (files_at, major) = (u32_le(bytes, 16)?, *bytes.get(25)?);
        let (folders, files, flags) = (u16_le(bytes, 26)?, u16_le(bytes, 28)?, u16_le(bytes, 30)?);
        let files_at = usize::try_from(files_at).ok()?;
        if major != 1 || files == 0 || files_at < HEADER_BYTES || files_at > bytes.len() {
            return None;
        }
        let mut at = HEADER_BYTES;
        let (mut folder_reserve, mut data_reserve) = (0, 0);
        if flags & FLAG_RESERVE != 0 {
            at += 4 + usize::from(u16_le(bytes, HEADER_BYTES)?);
            folder_reserve = usize::from(*bytes.get(HEADER_BYTES + 2)?);
            data_reserve = usize::from(*bytes.get(HEADER_BYTES + 3)?);
        }
        // Name of cabinet and disk, for each neighbour.
        let strings = 2 * usize::from(flags & FLAG_PREVIOUS != 0) + 2 * usize::from(flags & FLAG_NEXT != 0);
        for _ in 0..strings {
            at += terminated(tail(bytes, at), NAME_BYTES_MAX)?.len() + 1;
        }
        Some(Self { bytes, folders_at: at, folders, folder_reserve, data_reserve, files_at, files })
    }

    /// Every entry up to the first that is broken, and whether there is none.
    pub(super) fn files(&self) -> (Vec<File<'a>>, bool) {
        let mut files = Vec::new();
        let mut at = self.files_at;
        for _ in 0..self.files {
            let Some(file) = file(tail(self.bytes, at)) else { return (files, false) };
            at += FILE_BYTES + file.name.len() + 1;
            files.push(file);
        }
        (files, true)
    }

    /// The data of a folder; none when it is not in this cabinet.
    pub(super) fn folder(&self, folder: u16) -> Option<Blocks<'a>> {
        let index = match folder {
            CONTINUED_FROM_PREVIOUS | CONTINUED_BOTH => return None,
            CONTINUED_TO_NEXT => self.folders.checked_sub(1)?,
            index if index < self.folders => index,
            _ => return None,
        };
        let at = self.folders_at + usize::from(index) * (FOLDER_BYTES + self.folder_reserve);
        let data_at = usize::try_from(u32_le(self.bytes, at)?).ok()?;
        let (blocks, method) = (u16_le(self.bytes, at + 4)?, u16_le(self.bytes, at + 6)?);
        Some(Blocks::new(tail(self.bytes, data_at), blocks, self.data_reserve, method))
    }
}

fn file(bytes: &[u8]) -> Option<File<'_>> {
    Some(File {
        size: u32_le(bytes, 0)?,
        offset: u32_le(bytes, 4)?,
        folder: u16_le(bytes, 8)?,
        name: terminated(bytes.get(FILE_BYTES..)?, NAME_BYTES_MAX)?,
    })
}
