//! Ways in which a member is packed.
//!
//! Absent: shrink, reduce, implode and the tokens of PKWARE from before 1993, JPEG and `WavPack`: named, not read.

use std::io::Read;

use ppmd_rust::{Ppmd8Decoder, RestoreMethod};

use crate::bytes::{range, tail, u16_le, u32_le};
use crate::codec::{Bunzip2, Decode, Inflate, Inflate64, run};
use crate::lzma::Raw;
use crate::output::{drain, stored};
use crate::{Budget, Content, Trouble, xz, zstd};

pub(super) const STORED: u16 = 0;

/// Whether every reader has it: store, deflate, deflate64 and bzip2.
pub(super) fn is_common(method: u16) -> bool {
    matches!(method, STORED | 8 | 9 | 12)
}

/// What a method is to be read from.
pub(super) struct Packed<'a> {
    /// As far as the headers say.
    pub(super) data: &'a [u8],
    /// To the end of the file: for methods that know their end themselves.
    pub(super) rest: &'a [u8],
    /// What LZMA without an end mark is to give.
    pub(super) size: u64,
    pub(super) has_end_mark: bool,
}

/// The content, and how much of `rest` it took, where the method knows.
pub(super) fn decode(method: u16, packed: &Packed<'_>, budget: &mut Budget) -> (Content, Option<usize>) {
    match method {
        STORED => (stored(packed.data, budget), None),
        8 => streamed(&mut Inflate::new(), packed, "deflate data", budget),
        // It reads ahead, so where it ended is not known to the byte.
        9 => (streamed(&mut Inflate64::new(), packed, "deflate64 data", budget).0, None),
        12 => streamed(&mut Bunzip2::new(), packed, "bzip2 data", budget),
        14 => (lzma(packed, budget), None),
        20 | 93 => (zstd::decode(packed.data, packed.data.len(), budget), None),
        98 => (ppmd(packed, budget), None),
        95 => (xz::decode(packed.data, packed.data.len(), budget), None),
        other => {
            let trouble = Some(Trouble::Unsupported(name(other)));
            (Content { bytes: Vec::new(), trouble }, None)
        }
    }
}

fn streamed(
    decoder: &mut dyn Decode,
    packed: &Packed<'_>,
    damaged: &'static str,
    budget: &mut Budget,
) -> (Content, Option<usize>) {
    let mut bytes = Vec::new();
    let done = run(decoder, packed.rest, packed.data.len(), damaged, budget, &mut bytes);
    let consumed = done.trouble.is_none().then_some(done.consumed);
    (Content { bytes, trouble: done.trouble }, consumed)
}

/// Two bytes of version, two of length, five of properties.
fn lzma(packed: &Packed<'_>, budget: &mut Budget) -> Content {
    let mut bytes = Vec::new();
    let properties = u16_le(packed.data, 2)
        .and_then(|count| range(packed.data, 4, usize::from(count)))
        .and_then(|properties| Some((*properties.first()?, u32_le(properties, 1)?, properties.len())));
    let Some((properties, dictionary, count)) = properties else {
        return Content { bytes, trouble: Some(Trouble::Damaged("lzma properties")) };
    };
    let size = if packed.has_end_mark { u64::MAX } else { packed.size };
    let raw = Raw { size, properties, dictionary };
    let (_, trouble) = raw.decode(tail(packed.data, 4 + count), packed.data.len(), budget, &mut bytes);
    Content { bytes, trouble }
}

/// Order, memory and what to do when that is full, in two bytes.
fn ppmd(packed: &Packed<'_>, budget: &mut Budget) -> Content {
    let failed = |trouble| Content { bytes: Vec::new(), trouble: Some(trouble) };
    let Some(coded) = u16_le(packed.data, 0) else { return failed(Trouble::Damaged("ppmd data")) };
    let order = u32::from(coded & 0xf) + 1;
    let memory_bytes = (u32::from(coded >> 4 & 0xff) + 1) << 20;
    let restore = if coded >> 12 == 0 { RestoreMethod::Restart } else { RestoreMethod::CutOff };
    if let Err(limit) = budget.dictionary(u64::from(memory_bytes)) {
        return failed(limit.into());
    }
    match Ppmd8Decoder::new(tail(packed.data, 2), order, memory_bytes, restore) {
        // It knows no end of its own.
        Ok(reader) => drain(&mut reader.take(packed.size), packed.data.len(), "ppmd data", budget),
        Err(_) => failed(Trouble::Damaged("ppmd data")),
    }
}

fn name(method: u16) -> &'static str {
    match method {
        1 => "zip method shrink",
        2..=5 => "zip method reduce",
        6 => "zip method implode",
        10 => "zip method of PKWARE's library",
        16 | 18 | 19 => "zip method of IBM",
        94 => "zip method MP3",
        96 => "zip method JPEG",
        97 => "zip method WavPack",
        _ => "zip method",
    }
}
