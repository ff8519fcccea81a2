//! Method 4: literals and references, each number behind as many ones as it is long.

use crate::output::grown;
use crate::{Budget, Content, Trouble};

const CHUNK_BYTES: usize = 32 * 1024;
const LENGTH_WIDTHS: std::ops::Range<u32> = 0..7;
const DISTANCE_WIDTHS: std::ops::Range<u32> = 9..13;
/// A shorter reference is not written.
const LENGTH_MIN: usize = 3;

struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    held: u32,
    count: u32,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<usize> {
        while self.count < count {
            self.held = self.held << 8 | u32::from(*self.bytes.next()?);
            self.count += 8;
        }
        self.count -= count;
        usize::try_from(self.held >> self.count & ((1 << count) - 1)).ok()
    }

    /// Each one bit makes the number a bit longer, from the first of `widths` to the end of them.
    fn number(&mut self, widths: std::ops::Range<u32>) -> Option<usize> {
        let (mut width, mut plus) = (widths.start, 0);
        while width < widths.end && self.take(1)? == 1 {
            plus += 1 << width;
            width += 1;
        }
        Some(plus + self.take(width)?)
    }
}

/// Output until there are `unpacked_bytes`, or the input ends.
pub(super) fn decode(packed: &[u8], unpacked_bytes: u64, budget: &mut Budget) -> Content {
    let mut bits = Bits { bytes: packed.iter(), held: 0, count: 0 };
    let mut bytes = Vec::new();
    let mut charged = 0;
    loop {
        let is_done = bytes.len() as u64 >= unpacked_bytes;
        let is_decoded = is_done || step(&mut bits, &mut bytes).is_some();
        if (is_done || !is_decoded || bytes.len() - charged >= CHUNK_BYTES)
            && let Err(limit) = grown(&mut bytes, &mut charged, packed.len(), budget)
        {
            return Content { bytes, trouble: Some(limit.into()) };
        }
        if is_done || !is_decoded {
            let trouble = (!is_decoded).then_some(Trouble::Damaged("compressed data"));
            return Content { bytes, trouble };
        }
    }
}

fn step(bits: &mut Bits<'_>, output: &mut Vec<u8>) -> Option<()> {
    let length = bits.number(LENGTH_WIDTHS)?;
    if length == 0 {
        output.push(u8::try_from(bits.take(8)?).ok()?);
        return Some(());
    }
    let distance = bits.number(DISTANCE_WIDTHS)? + 1;
    let from = output.len().checked_sub(distance)?;
    for at in from..from + length - 1 + LENGTH_MIN {
        output.push(*output.get(at)?);
    }
    Some(())
}
