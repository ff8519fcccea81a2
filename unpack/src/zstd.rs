//! Zstandard: all its frames as one file; frames to be skipped are skipped.
//!
//! Absent: dictionaries, which no mail brings along, and the formats from before 1.0.

use std::io::Read;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::bytes::{len, tail, u32_le};
use crate::{Budget, Content, Limit, Member, Passwords, Trouble};

const MAGIC: u32 = 0xfd2f_b528;
const SKIP_MAGIC: u32 = 0x184d_2a50;
const SKIP_HEADER_BYTES: u64 = 8;
/// Most frames to be skipped before the first that is not.
const SKIPPED_MAX: usize = 16;
/// A last block without bytes, and a checksum that nobody compares.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
const CHUNK_BYTES: usize = 32 * 1024;

pub(crate) fn is(mut content: &[u8]) -> bool {
    for _ in 0..=SKIPPED_MAX {
        match u32_le(content, 0) {
            Some(MAGIC) => return true,
            // Any file may begin so; a frame has to follow.
            Some(magic) if is_skipped(magic) => content = tail(content, skip_bytes(content)),
            Some(_) | None => return false,
        }
    }
    false
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let content = decode(content, content.len(), budget);
    visit(Member::only(content));
    Vec::new()
}

/// `from` is zstd data; also a method of zip.
pub(crate) fn decode(from: &[u8], input_bytes: usize, budget: &mut Budget) -> Content {
    let mut bytes = Vec::new();
    let trouble = frames(from, input_bytes, budget, &mut bytes).err();
    Content { bytes, trouble }
}

fn frames(
    mut rest: &[u8],
    input_bytes: usize,
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(budget.limits().dictionary_bytes_max);
    while let Some(magic) = u32_le(rest, 0) {
        budget.member()?;
        if is_skipped(magic) {
            rest = tail(rest, skip_bytes(rest));
        } else if magic == MAGIC {
            frame(&mut decoder, &mut rest, input_bytes, budget, bytes)?;
        } else {
            return Err(Trouble::Damaged("data behind the last frame"));
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(Trouble::Damaged("data behind the last frame")) }
}

fn frame(
    decoder: &mut FrameDecoder,
    rest: &mut &[u8],
    input_bytes: usize,
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
) -> Result<(), Trouble> {
    decoder.reset(&mut *rest).map_err(|error| trouble_of(&error))?;
    while !decoder.is_finished() {
        let done = decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBytes(CHUNK_BYTES));
        collect(decoder, input_bytes, budget, bytes)?;
        if let Err(error) = done {
            // The decoder keeps a window's worth back until the frame ends: end it, to have what came before the
            // damage.
            if decoder.decode_blocks(&mut LAST_BLOCK.as_slice(), BlockDecodingStrategy::All).is_ok() {
                collect(decoder, input_bytes, budget, bytes)?;
            }
            return Err(trouble_of(&error));
        }
    }
    collect(decoder, input_bytes, budget, bytes)?;
    match decoder.get_checksum_from_data() {
        Some(told) if decoder.get_calculated_checksum() != Some(told) => {
            Err(Trouble::Damaged("zstd checksum"))
        }
        Some(_) | None => Ok(()),
    }
}

fn collect(
    decoder: &mut FrameDecoder,
    input_bytes: usize,
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let mut chunk = [0_u8; CHUNK_BYTES];
    loop {
        let got = decoder.read(&mut chunk).map_err(|_| Trouble::Damaged("zstd data"))?;
        if got == 0 {
            // Blocks without output cost time too.
            return Ok(budget.time()?);
        }
        budget.output(got as u64, bytes.len().saturating_add(got) as u64, input_bytes as u64)?;
        bytes.extend_from_slice(chunk.get(..got).unwrap_or_default());
    }
}

fn trouble_of(error: &FrameDecoderError) -> Trouble {
    if matches!(error, FrameDecoderError::WindowSizeTooBig { .. }) {
        Limit::Dictionary.into()
    } else if matches!(error, FrameDecoderError::DictNotProvided { .. }) {
        Trouble::Unsupported("zstd dictionary")
    } else {
        Trouble::Damaged("zstd data")
    }
}

fn is_skipped(magic: u32) -> bool {
    magic & 0xffff_fff0 == SKIP_MAGIC
}

fn skip_bytes(from: &[u8]) -> usize {
    len(u32_le(from, 4).map_or(u64::MAX, |bytes| SKIP_HEADER_BYTES + u64::from(bytes)))
}
