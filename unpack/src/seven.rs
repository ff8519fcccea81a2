//! 7z, block by block, so that one that is damaged or encrypted does not take the others along.
//!
//! The crate bounds headers and dictionaries by a figure of ours; output is charged here. Absent: archives over several
//! files, and Brotli, LZ4 and Zstandard, which 7-Zip itself does not have.

use std::io::{Cursor, Read};

use memchr::memmem;
use sevenz_rust2::{Archive, ArchiveEntry, BlockDecoder, EncoderMethod, Error, Password};

use crate::bytes::{len, range, tail, u32_le, u64_le};
use crate::output::{Total, drain};
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};

const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// In front of all else: where the list of members is.
const HEADER_BYTES: usize = 32;
/// A program that unpacks itself has the archive behind it, mostly near.
const PROGRAM_BYTES: usize = 4 * 1024 * 1024;
/// One thread: the process has no others.
const THREADS: u32 = 1;
/// What a decoder needs beside its dictionary, in KiB.
const OVERHEAD_KIB: u64 = 1024;

/// What every reader has, with the filter for programs behind or without.
const COMMON: [&[u8]; 4] =
    [EncoderMethod::ID_COPY, EncoderMethod::ID_LZMA, EncoderMethod::ID_LZMA2, EncoderMethod::ID_PPMD];
/// The header's list of members as 7-Zip writes it: plain, or packed as a block of one LZMA coder.
const PLAIN: u8 = 0x01;
const PACKED: u8 = 0x17;
const ONE_LZMA: &[u8] = b"\x07\x0b\x01\0\x01\x23\x03\x01\x01";
/// How far into a packed header that may be: behind two numbers and a size.
const FOLDER_BYTES: usize = 48;

pub(crate) fn is(content: &[u8]) -> bool {
    start(content).is_some()
}

/// At the front, or behind a program where the checksum of the first header says so.
fn start(content: &[u8]) -> Option<usize> {
    if content.starts_with(MAGIC) {
        return Some(0);
    }
    if !content.starts_with(b"MZ") {
        return None;
    }
    let front = content.get(..PROGRAM_BYTES.min(content.len())).unwrap_or_default();
    memmem::find_iter(front, MAGIC).find(|&at| {
        let from = tail(content, at);
        u32_le(from, 8) == range(from, 12, 20).map(crc32fast::hash)
    })
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let content = tail(content, start(content).unwrap_or_default());
    let memory_kib = budget.limits().dictionary_bytes_max / 1024 + OVERHEAD_KIB;
    let memory_kib = usize::try_from(memory_kib).unwrap_or(usize::MAX);
    let mut words = vec![Password::empty()];
    words.extend(passwords.words.iter().map(|word| Password::new(&String::from_utf8_lossy(word))));
    let (archive, header_word) = match header(content, memory_kib, &words, budget) {
        Ok(opened) => opened,
        Err(trouble) => return vec![trouble],
    };
    let mut reader = Reader {
        content,
        memory_kib,
        archive: &archive,
        words,
        header_word,
        total: Total::new(content.len(), budget),
        is_odd: is_odd(content),
        ended: None,
    };
    reader.blocks(budget, visit).err().into_iter().collect()
}

/// Whether the list of members is packed otherwise than 7-Zip does it.
fn is_odd(content: &[u8]) -> bool {
    let Some(at) = u64_le(content, 12).and_then(|at| len(at).checked_add(HEADER_BYTES)) else { return true };
    let header = tail(content, at);
    match header.first() {
        Some(&PLAIN) => false,
        Some(&PACKED) => {
            let folder = header.get(..FOLDER_BYTES.min(header.len())).unwrap_or_default();
            memmem::find(folder, ONE_LZMA).is_none()
        }
        _ => true,
    }
}

/// The list of members, and the word that it took.
fn header(
    content: &[u8],
    memory_kib: usize,
    words: &[Password],
    budget: &Budget,
) -> Result<(Archive, usize), Trouble> {
    let mut is_encrypted = false;
    for (at, word) in words.iter().enumerate() {
        budget.time()?;
        match Archive::read_with_memory_limit(&mut Cursor::new(content), word, memory_kib) {
            Ok(archive) => return Ok((archive, at)),
            Err(Error::PasswordRequired) => is_encrypted = true,
            // With a wrong word anything may come out.
            Err(_) if is_encrypted => {}
            Err(error) => return Err(trouble_of(&error, "7z header")),
        }
    }
    Err(Trouble::Encrypted)
}

struct Reader<'a> {
    content: &'a [u8],
    memory_kib: usize,
    archive: &'a Archive,
    /// The first is none at all.
    words: Vec<Password>,
    header_word: usize,
    total: Total,
    /// Whether few other readers understand the header.
    is_odd: bool,
    /// Nothing more can be unpacked; names can still be told.
    ended: Option<Trouble>,
}

impl Reader<'_> {
    fn blocks(&mut self, budget: &mut Budget, visit: &mut dyn FnMut(Member)) -> Result<(), Trouble> {
        for index in 0..self.archive.blocks.len() {
            self.block(index, budget, visit)?;
            let limit = self.total.check(budget).err().map(Trouble::from);
            self.ended = self.ended.or(limit);
        }
        let blocks = self.archive.files.iter().zip(&self.archive.stream_map.file_block_index);
        for (entry, _) in blocks.filter(|(_, block)| block.is_none()) {
            budget.member()?;
            visit(member(entry, Packing::default(), Content { bytes: Vec::new(), trouble: None }));
        }
        self.ended.map_or(Ok(()), Err)
    }

    /// Gives the members of one block; those that were not reached by name.
    fn block(
        &mut self,
        index: usize,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) -> Result<(), Trouble> {
        let archive = self.archive;
        let map = &archive.stream_map;
        let first = map.block_first_file_index.get(index).copied().unwrap_or(usize::MAX);
        let files = archive.files.iter().zip(&map.file_block_index).skip(first);
        let entries = files.take_while(|(_, block)| **block == Some(index)).map(|(entry, _)| entry);
        let is_rare = self.is_rare(index);
        let (attempt, is_encrypted) = match self.ended {
            None => self.open(index, budget, visit),
            ended => (Attempt { given: 0, trouble: ended }, archive.is_file_encrypted(first)),
        };
        let missing = attempt.trouble.or(Some(Trouble::Damaged("7z data")));
        for entry in entries.skip(attempt.given) {
            budget.member()?;
            let packing = Packing { is_encrypted, is_rare };
            visit(member(entry, packing, Content { bytes: Vec::new(), trouble: missing }));
        }
        self.ended = self.ended.or(attempt.trouble.filter(|trouble| trouble.is_final()));
        Ok(())
    }

    /// Whether a block is packed otherwise than nearly all are. The order counts: 7-Zip reads the filter before its method
    /// as well, and clamd does not.
    fn is_rare(&self, index: usize) -> bool {
        let Some(block) = self.archive.blocks.get(index).filter(|_| !self.is_odd) else { return true };
        let coders: Vec<&[u8]> = block.coders.iter().map(|coder| coder.encoder_method_id()).collect();
        let is_known = match *coders {
            [method] | [method, EncoderMethod::ID_BCJ_X86] => COMMON.contains(&method),
            _ => false,
        };
        !is_known || !block.ordered_coder_iter().map(|(at, _)| at).eq(0..coders.len())
    }

    /// Decodes a block with the first word that fits; whether it needs one.
    fn open(&self, index: usize, budget: &mut Budget, visit: &mut dyn FnMut(Member)) -> (Attempt, bool) {
        let first = self.attempt(index, None, budget, visit);
        if first.trouble != Some(Trouble::Encrypted) {
            return (first, false);
        }
        let count = self.words.len();
        for at in (0..count).map(|step| (step + self.header_word) % count).filter(|&at| at != 0) {
            if let Err(limit) = budget.time() {
                return (Attempt { given: 0, trouble: Some(limit.into()) }, true);
            }
            let attempt = self.attempt(index, self.words.get(at), budget, visit);
            if attempt.given > 0 || attempt.trouble.is_none_or(|trouble| trouble.is_final()) {
                return (attempt, true);
            }
        }
        (first, true)
    }

    /// Gives the members as they come. With a word, the first has to be whole, or the word is not the one.
    fn attempt(
        &self,
        index: usize,
        word: Option<&Password>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(Member),
    ) -> Attempt {
        let mut attempt = Attempt { given: 0, trouble: None };
        let packing = Packing { is_encrypted: word.is_some(), is_rare: self.is_rare(index) };
        let mut source = Cursor::new(self.content);
        let none = Password::empty();
        let decoder = BlockDecoder::new_with_memory_limit(
            THREADS,
            self.memory_kib,
            index,
            self.archive,
            word.unwrap_or(&none),
            &mut source,
        );
        let result = decoder.for_each_entries(&mut |entry: &ArchiveEntry, from: &mut dyn Read| {
            let content = match budget.member() {
                Ok(()) => drain(from, self.content.len(), "7z data", budget),
                Err(limit) => Content { bytes: Vec::new(), trouble: Some(limit.into()) },
            };
            if word.is_some() && attempt.given == 0 && matches!(content.trouble, Some(Trouble::Damaged(_))) {
                attempt.trouble = Some(Trouble::Encrypted);
                return Ok(false);
            }
            // What follows in the block can only be had through what is too much.
            attempt.trouble = match content.trouble {
                trouble @ Some(Trouble::Limit(_)) => trouble,
                _ => self.total.check(budget).err().map(Trouble::from),
            };
            attempt.given += 1;
            visit(member(entry, packing, content));
            Ok(attempt.trouble.is_none())
        });
        if let Err(error) = result {
            attempt.trouble = attempt.trouble.or(Some(trouble_of(&error, "7z data")));
        }
        attempt
    }
}

/// How a block is packed.
#[derive(Clone, Copy, Default)]
struct Packing {
    is_encrypted: bool,
    is_rare: bool,
}

/// What a block gave.
struct Attempt {
    /// Fewer than there are when the trouble came before.
    given: usize,
    trouble: Option<Trouble>,
}

fn member(entry: &ArchiveEntry, packing: Packing, content: Content) -> Member {
    let Packing { is_encrypted, is_rare } = packing;
    // The upper half holds the mode of Unix where the bit says so; 0x400 is Windows' own link.
    let attributes = entry.windows_attributes();
    let is_unix_link = attributes & 0x8000 != 0 && (attributes >> 16) & 0o170_000 == 0o120_000;
    let kind = if entry.is_directory() {
        Kind::Directory
    } else if is_unix_link || attributes & 0x400 != 0 {
        Kind::Link
    } else {
        Kind::File
    };
    Member { names: vec![entry.name().as_bytes().to_vec()], kind, is_encrypted, is_rare, content }
}

fn trouble_of(error: &Error, damaged: &'static str) -> Trouble {
    if matches!(error, Error::PasswordRequired | Error::MaybeBadPassword(_)) {
        Trouble::Encrypted
    } else if matches!(error, Error::MaxMemLimited { .. }) {
        Limit::Dictionary.into()
    } else if matches!(
        error,
        Error::UnsupportedCompressionMethod(_)
            | Error::Unsupported(_)
            | Error::UnsupportedVersion { .. }
            | Error::ExternalUnsupported
    ) {
        Trouble::Unsupported("7z method")
    } else {
        Trouble::Damaged(damaged)
    }
}
