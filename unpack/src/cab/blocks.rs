//! The data blocks of a folder, decoded one after the other: at most 32 KiB of output each, so that the budget is
//! asked between any two.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::{Decompress, FlushDecompress, Status};
use lzxd::{Lzxd, WindowSize};

use crate::Trouble;
use crate::bytes::{range, tail, u16_le, u32_le};

const HEADER_BYTES: usize = 8;
/// Of output, by the format.
const BLOCK_BYTES_MAX: usize = 32 * 1024;
const METHOD_MASK: u16 = 0x000f;

/// The blocks that are left.
pub(super) struct Blocks<'a> {
    data: &'a [u8],
    left: u16,
    reserve: usize,
    decoder: Decoder,
    /// Bytes of input so far.
    pub(super) consumed: u64,
    /// A block had another checksum than it tells.
    pub(super) is_sum_wrong: bool,
}

enum Decoder {
    Stored,
    /// Each block is a deflate stream that may refer to the output of the one before.
    MsZip(Box<Decompress>, Vec<u8>),
    Lzx(Box<Lzxd>),
    Unknown,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(data: &'a [u8], left: u16, reserve: usize, method: u16) -> Self {
        let decoder = match method & METHOD_MASK {
            0 => Decoder::Stored,
            1 => Decoder::MsZip(Box::new(Decompress::new(false)), Vec::new()),
            3 => window(method).map_or(Decoder::Unknown, |window| Decoder::Lzx(Box::new(Lzxd::new(window)))),
            _ => Decoder::Unknown,
        };
        Self { data, left, reserve, decoder, consumed: 0, is_sum_wrong: false }
    }

    /// Appends the next block to `output` and says whether there was one. What was decoded of a broken one is kept.
    pub(super) fn next(&mut self, output: &mut Vec<u8>) -> Result<bool, Trouble> {
        if matches!(self.decoder, Decoder::Unknown) {
            return Err(Trouble::Unsupported("compression of the cabinet"));
        }
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let truncated = Trouble::Damaged("truncated");
        let header = range(self.data, 0, HEADER_BYTES + self.reserve).ok_or(truncated)?;
        let sum = u32_le(header, 0).ok_or(truncated)?;
        let packed_bytes = usize::from(u16_le(header, 4).ok_or(truncated)?);
        let unpacked_bytes = usize::from(u16_le(header, 6).ok_or(truncated)?);
        let rest = tail(self.data, header.len());
        let packed = rest.get(..packed_bytes.min(rest.len())).unwrap_or_default();
        self.data = tail(rest, packed_bytes);
        self.consumed += (header.len() + packed.len()) as u64;
        self.is_sum_wrong |= sum != 0 && sum != checksum(tail(header, 4), checksum(packed, 0));
        decode(&mut self.decoder, packed, unpacked_bytes, output)?;
        if packed.len() < packed_bytes { Err(truncated) } else { Ok(true) }
    }
}

fn decode(
    decoder: &mut Decoder,
    packed: &[u8],
    unpacked_bytes: usize,
    output: &mut Vec<u8>,
) -> Result<(), Trouble> {
    match decoder {
        Decoder::Stored => output.extend_from_slice(packed),
        Decoder::MsZip(inflate, history) => ms_zip(inflate, history, packed, output)?,
        Decoder::Lzx(lzx) => {
            // It has assertions that hostile data reaches; the other folders are still to be read then.
            let decoded = catch_unwind(AssertUnwindSafe(|| {
                let block = lzx.decompress_next(packed, unpacked_bytes.min(BLOCK_BYTES_MAX));
                block.map(<[u8]>::to_vec)
            }));
            match decoded {
                Ok(Ok(block)) => output.extend_from_slice(&block),
                Ok(Err(_)) | Err(_) => return Err(Trouble::Damaged("LZX data")),
            }
        }
        // `next` does not come here with it.
        Decoder::Unknown => {}
    }
    Ok(())
}

fn ms_zip(
    inflate: &mut Decompress,
    history: &mut Vec<u8>,
    packed: &[u8],
    output: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let damaged = Trouble::Damaged("MSZIP data");
    let deflated = packed.strip_prefix(b"CK").ok_or(damaged)?;
    inflate.reset(false);
    if !history.is_empty() {
        inflate.set_dictionary(history).map_err(|_| damaged)?;
    }
    let mut block = vec![0; BLOCK_BYTES_MAX];
    let status = inflate.decompress(deflated, &mut block, FlushDecompress::Finish);
    let made = usize::try_from(inflate.total_out()).unwrap_or(block.len());
    block.truncate(made);
    output.extend_from_slice(&block);
    *history = block;
    match status {
        Ok(Status::StreamEnd) => Ok(()),
        Ok(Status::Ok | Status::BufError) | Err(_) => Err(damaged),
    }
}

fn window(method: u16) -> Option<WindowSize> {
    Some(match method >> 8 & 0x1f {
        15 => WindowSize::KB32,
        16 => WindowSize::KB64,
        17 => WindowSize::KB128,
        18 => WindowSize::KB256,
        19 => WindowSize::KB512,
        20 => WindowSize::MB1,
        21 => WindowSize::MB2,
        _ => return None,
    })
}

/// Words XORed; what is left at the end counts from its first byte as the highest.
fn checksum(bytes: &[u8], seed: u32) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
