//! Compressed RTF (MS-OXRTFCP): literals and references into a ring of 4 KiB that starts with common words of RTF.

use crate::bytes::{tail, u32_le};
use crate::listing::nothing;
use crate::output::{grown, stored};
use crate::{Budget, Content, Trouble};

const COMPRESSED: u32 = 0x7546_5a4c;
const UNCOMPRESSED: u32 = 0x414c_454d;
const HEADER_BYTES: usize = 16;
const RING_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 32 * 1024;
const WORDS: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \
    \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\
    \\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

pub(super) fn unpack(packed: &[u8], budget: &mut Budget) -> Content {
    match u32_le(packed, 8) {
        Some(UNCOMPRESSED) => stored(tail(packed, HEADER_BYTES), budget),
        Some(COMPRESSED) => decompress(tail(packed, HEADER_BYTES), budget),
        Some(_) => nothing(Some(Trouble::Unsupported("compression of RTF"))),
        None => nothing(Some(Trouble::Damaged("compressed RTF"))),
    }
}

struct Ring {
    bytes: [u8; RING_BYTES],
    at: usize,
}

impl Ring {
    fn push(&mut self, byte: u8, output: &mut Vec<u8>) {
        if let Some(place) = self.bytes.get_mut(self.at) {
            *place = byte;
        }
        self.at = (self.at + 1) % RING_BYTES;
        output.push(byte);
    }

    fn get(&self, at: usize) -> u8 {
        self.bytes.get(at % RING_BYTES).copied().unwrap_or_default()
    }
}

fn decompress(packed: &[u8], budget: &mut Budget) -> Content {
    let mut ring = Ring { bytes: [b' '; RING_BYTES], at: WORDS.len() };
    for (place, word) in ring.bytes.iter_mut().zip(WORDS) {
        *place = *word;
    }
    let mut bytes = Vec::new();
    let mut charged = 0;
    let mut input = packed.iter().copied();
    let trouble = loop {
        let step = run(&mut input, &mut ring, &mut bytes);
        if (step.is_some() || bytes.len() - charged >= CHUNK_BYTES)
            && let Err(limit) = grown(&mut bytes, &mut charged, packed.len(), budget)
        {
            break Some(limit.into());
        }
        match step {
            Some(End::Mark) => break None,
            Some(End::Input) => break Some(Trouble::Damaged("compressed RTF")),
            None => {}
        }
    };
    Content { bytes, trouble }
}

enum End {
    /// A reference to where the ring is written.
    Mark,
    Input,
}

/// A control byte and the eight items that it describes.
fn run(input: &mut impl Iterator<Item = u8>, ring: &mut Ring, output: &mut Vec<u8>) -> Option<End> {
    let Some(control) = input.next() else { return Some(End::Input) };
    for bit in 0..8 {
        let Some(first) = input.next() else { return Some(End::Input) };
        if control >> bit & 1 == 0 {
            ring.push(first, output);
            continue;
        }
        let Some(second) = input.next() else { return Some(End::Input) };
        let reference = usize::from(first) << 8 | usize::from(second);
        let (offset, length) = (reference >> 4, (reference & 0xf) + 2);
        if offset == ring.at {
            return Some(End::Mark);
        }
        for step in 0..length {
            let byte = ring.get(offset + step);
            ring.push(byte, output);
        }
    }
    None
}
