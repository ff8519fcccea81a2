//! xz: all its streams as one file. The dictionary is in a header with a checksum, so it cannot be made smaller here:
//! one beyond the limit is told as such.

use lzma_rust2::XzReader;

use crate::output::drain;
use crate::{Budget, Member, Passwords, Trouble};

const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// What the decoder counts beside the dictionary, in KiB.
const OVERHEAD_KIB: u64 = 256;

pub(crate) fn is(content: &[u8]) -> bool {
    content.starts_with(&MAGIC)
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    if let Err(limit) = budget.member() {
        return vec![limit.into()];
    }
    let content = decode(content, content.len(), budget);
    visit(Member::only(content));
    Vec::new()
}

/// `from` is xz data; also a method of zip.
pub(crate) fn decode(from: &[u8], input_bytes: usize, budget: &mut Budget) -> crate::Content {
    let limit_kib = budget.limits().dictionary_bytes_max / 1024 + OVERHEAD_KIB;
    let mut reader = XzReader::new_mem_limit(from, true, u32::try_from(limit_kib).unwrap_or(u32::MAX - 1));
    drain(&mut reader, input_bytes, "xz data", budget)
}
