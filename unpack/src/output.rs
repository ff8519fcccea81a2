//! The one loop that takes a decoder's output: charged to the budget chunk by chunk while it is produced, so that a
//! bomb costs one chunk more than the budget and no more.

use std::io::{ErrorKind, Read};

use crate::{Budget, Content, Limit, Trouble};

/// So little that the budget is asked often and that a decoder which fails has not much to throw away.
const CHUNK_BYTES: usize = 8 * 1024;

/// Reads `from` to its end or to the first trouble. `input_bytes` is what the output is made of: the ratio counts
/// against it. `damaged` is told when the decoder fails without saying more.
pub(crate) fn drain(
    from: &mut dyn Read,
    input_bytes: usize,
    damaged: &'static str,
    budget: &mut Budget,
) -> Content {
    let mut content = Content { bytes: Vec::new(), trouble: None };
    content.trouble = drain_into(from, input_bytes, damaged, budget, &mut content.bytes);
    content
}

/// As [`drain`], but behind what is already in `bytes`, which counts as part of the same member.
pub(crate) fn drain_into(
    from: &mut dyn Read,
    input_bytes: usize,
    damaged: &'static str,
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
) -> Option<Trouble> {
    let mut chunk = [0_u8; CHUNK_BYTES];
    loop {
        let got = match from.read(&mut chunk) {
            Ok(0) => return None,
            Ok(got) => chunk.get(..got).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Some(trouble_of(error, damaged)),
        };
        if let Err(limit) = charge(got.len(), bytes.len(), input_bytes, budget) {
            return Some(limit.into());
        }
        bytes.extend_from_slice(got);
    }
}

/// What `bytes` grew by since `charged`, for decoders that append to it; taken back when that is too much.
pub(crate) fn grown(
    bytes: &mut Vec<u8>,
    charged: &mut usize,
    input_bytes: usize,
    budget: &mut Budget,
) -> Result<(), Limit> {
    let result = charge(bytes.len().saturating_sub(*charged), *charged, input_bytes, budget);
    if result.is_err() {
        bytes.truncate(*charged);
    }
    *charged = bytes.len();
    result
}

/// `bytes` as they are: stored members, and everything that is copied out of its container without a decoder.
pub(crate) fn stored(bytes: &[u8], budget: &mut Budget) -> Content {
    match charge(bytes.len(), 0, bytes.len(), budget) {
        Ok(()) => Content { bytes: bytes.to_vec(), trouble: None },
        Err(limit) => Content { bytes: Vec::new(), trouble: Some(limit.into()) },
    }
}

fn charge(more: usize, before: usize, input_bytes: usize, budget: &mut Budget) -> Result<(), Limit> {
    let member_bytes = before.saturating_add(more);
    budget.output(more as u64, member_bytes as u64, input_bytes as u64)
}

/// All output of one container against its input: members that share their data, or a block that many members are in,
/// have no ratio of their own.
pub(crate) struct Total {
    input_bytes: u64,
    out_bytes_before: u64,
}

impl Total {
    pub(crate) fn new(input_bytes: usize, budget: &Budget) -> Self {
        Self { input_bytes: input_bytes as u64, out_bytes_before: budget.out_bytes() }
    }

    pub(crate) fn check(&self, budget: &Budget) -> Result<(), Limit> {
        budget.ratio(budget.out_bytes().saturating_sub(self.out_bytes_before), self.input_bytes)
    }
}

/// A decoder of ours tells its trouble through `io::Error`; what any other says is damage.
pub(crate) fn trouble_of(error: std::io::Error, damaged: &'static str) -> Trouble {
    match error.kind() {
        ErrorKind::OutOfMemory => Limit::Dictionary.into(),
        ErrorKind::Unsupported => Trouble::Unsupported(damaged),
        _ => error.downcast::<Trouble>().unwrap_or(Trouble::Damaged(damaged)),
    }
}
