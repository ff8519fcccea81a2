//! The content of one mail while it comes in: unstuffed into one buffer that grows in few, bounded steps.
//!
//! The buffer never has more room than the size limit and [`SLACK_BYTES`]. With SIZE= it is made once, for that size.
//! Without, it steps from 64 KiB over 1 MiB to the limit; room that is not written to costs address space, not memory.
//! A mail that is refused is read to its strict end all the same, and kept nowhere.

use bytes::{Buf, Bytes, BytesMut};
use proto::dot::Decoder;

use crate::{BareNewlines, Settings};

use super::envelope::Open;
use super::{ContentRefusal, hops};

/// Room beyond what is reserved, for a decoder that may write a little more than it reads.
const SLACK_BYTES: usize = 1024;
/// SIZE= is an estimate; a client that counts line ends as one byte is this part of it too low.
const ESTIMATE_PART: u64 = 32;
/// With less room than this the buffer grows.
const ROOM_BYTES_MIN: usize = 64;
/// The sizes a buffer takes on its way to the limit.
const STEPS_BYTES: [usize; 2] = [64 * 1024, 1024 * 1024];

/// What is reserved where no SIZE= was given: more than most mails have. To reserve the largest mail each time would let
/// in some twenty at once; so a content that outgrows this reserves the largest then, and gets 452 behind its dot when
/// there is no room. A client that wants to hear it at MAIL says SIZE=.
const UNANNOUNCED_BYTES: u64 = 1024 * 1024;

/// The bytes to reserve for a content whose client announced `size`.
pub(super) fn reserved_bytes(size: Option<u64>, size_bytes_max: u64) -> u64 {
    let likely = size.map(|size| size.saturating_add(size / ESTIMATE_PART + 1024));
    likely.unwrap_or(UNANNOUNCED_BYTES).min(size_bytes_max)
}

/// A content in the making, and the envelope that it belongs to.
pub(super) struct Content {
    pub(super) open: Box<Open>,
    decoder: Decoder,
    buffer: BytesMut,
    /// Bytes of content, whether kept or not, as they came in.
    received: u64,
    refused: Option<ContentRefusal>,
    size_bytes_max: usize,
    hops_max: usize,
    bare_newlines: BareNewlines,
}

/// A content that came to its end.
pub(super) struct Ended {
    pub(super) open: Box<Open>,
    pub(super) content: Result<Bytes, ContentRefusal>,
    pub(super) received: u64,
    pub(super) bare_newlines: u64,
}

impl Content {
    pub(super) fn new(open: Box<Open>, settings: &Settings) -> Self {
        let size_bytes_max = as_usize(settings.size_bytes_max);
        let buffer = match open.params.size {
            Some(_) => BytesMut::with_capacity(as_usize(open.permit.bytes()) + SLACK_BYTES),
            None => BytesMut::new(),
        };
        Self {
            open,
            decoder: Decoder::new(),
            buffer,
            received: 0,
            refused: None,
            size_bytes_max,
            hops_max: settings.hops_max,
            bare_newlines: settings.bare_newlines,
        }
    }

    /// Takes content from `input`; true when its end was there.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> bool {
        while !input.is_empty() {
            let (used, ended) = match self.room() {
                // A bare newline doubles, and one byte may have been held back: half the room is always enough.
                Some(room) => {
                    let piece = input.get(..room / 2 - 1).unwrap_or(input);
                    self.decoder.decode(piece, &mut self.buffer)
                }
                None => self.decoder.discard(input),
            };
            input.advance(used);
            self.received += used as u64;
            if self.size_bytes_max < self.buffer.len() {
                self.refuse(ContentRefusal::Size);
            }
            if ended {
                return true;
            }
        }
        false
    }

    /// Room for at least [`ROOM_BYTES_MIN`] bytes, or `None` when the content is not wanted any more.
    fn room(&mut self) -> Option<usize> {
        if self.refused.is_some() {
            return None;
        }
        if self.buffer.capacity() - self.buffer.len() < ROOM_BYTES_MIN {
            let size = self.next_size();
            // More than was announced must be admitted first.
            if !self.open.permit.grow_to(size as u64) {
                self.refuse(ContentRefusal::InFlightBytes);
                return None;
            }
            let mut larger = BytesMut::with_capacity(size + SLACK_BYTES);
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
        Some(self.buffer.capacity() - self.buffer.len())
    }

    fn next_size(&self) -> usize {
        let length = self.buffer.len();
        let [first, _] = STEPS_BYTES;
        let size = match self.open.params.size {
            // The announcement was wrong: little more than needed, since others may need the room.
            Some(_) => first.max(length + length / 4),
            None => {
                let step = STEPS_BYTES.into_iter().find(|step| length < *step);
                // One copy of a megabyte at most; what is reserved but not written takes no memory.
                step.unwrap_or(self.size_bytes_max)
            }
        };
        size.min(self.size_bytes_max)
    }

    fn refuse(&mut self, why: ContentRefusal) {
        self.refused = Some(why);
        self.buffer = BytesMut::new();
        self.open.permit.shrink_to(0);
    }

    /// What became of it.
    pub(super) fn end(mut self) -> Ended {
        let bare_newlines = self.decoder.bare();
        if self.refused.is_none() {
            if bare_newlines > 0 && self.bare_newlines == BareNewlines::Reject {
                self.refuse(ContentRefusal::BareNewline);
            } else if hops::are_more_than(self.hops_max, &self.buffer) {
                self.refuse(ContentRefusal::Hops);
            }
        }
        let content = match self.refused {
            Some(why) => Err(why),
            None => Ok(snug(self.buffer)),
        };
        if let Ok(content) = &content {
            self.open.permit.shrink_to(content.len() as u64);
        }
        Ended { open: self.open, content, received: self.received, bare_newlines }
    }
}

/// No buffer comes near the end of the address space, so a sum of two such numbers never overflows.
fn as_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(usize::MAX / 4)
}

/// The content without a lot of room behind it. A large buffer is left as it is: its room was never touched, and a copy
/// would cost more than it gives back.
fn snug(buffer: BytesMut) -> Bytes {
    let [_, large] = STEPS_BYTES;
    let is_roomy = buffer.len() < buffer.capacity() / 2 && buffer.capacity() <= large + SLACK_BYTES;
    if is_roomy { Bytes::copy_from_slice(&buffer) } else { buffer.freeze() }
}

#[cfg(test)]
mod tests;
