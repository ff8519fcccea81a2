//! The methods, in chunks that are charged one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use delharc::CompressionMethod;
use delharc::crc::Crc16;
use delharc::decode::{Decoder, DecoderAny};

use crate::bytes::len;
use crate::listing::nothing;
use crate::{Budget, Content, Trouble};

const CHUNK_BYTES: usize = 32 * 1024;

/// Output until there are `unpacked_bytes`, or the input ends.
pub(crate) fn decode(method: &[u8; 5], packed: &[u8], unpacked_bytes: u64, budget: &mut Budget) -> Content {
    let method = match CompressionMethod::try_from(method) {
        Ok(CompressionMethod::Lhd) => return nothing(None),
        Ok(method) => method,
        Err(_) => return nothing(Some(Trouble::Unsupported("method of LHA"))),
    };
    let mut decoder = DecoderAny::new_from_compression(method, packed);
    if !decoder.is_supported() {
        return nothing(Some(Trouble::Unsupported("method of LHA")));
    }
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < unpacked_bytes {
        let left = len(unpacked_bytes).saturating_sub(bytes.len());
        let mut chunk = vec![0; left.min(CHUNK_BYTES)];
        // Whatever hostile data makes of it, the members behind this one are still to be read.
        let is_filled = catch_unwind(AssertUnwindSafe(|| decoder.fill_buffer(&mut chunk).is_ok()));
        let is_filled = matches!(is_filled, Ok(true));
        if !is_filled {
            // How much there is before the failure is not told: up to the last byte that was written.
            let end = chunk.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            chunk.truncate(end);
        }
        let member_bytes = bytes.len().saturating_add(chunk.len()) as u64;
        if let Err(limit) = budget.output(chunk.len() as u64, member_bytes, packed.len() as u64) {
            return Content { bytes, trouble: Some(limit.into()) };
        }
        bytes.extend_from_slice(&chunk);
        if !is_filled {
            return Content { bytes, trouble: Some(Trouble::Damaged("compressed data")) };
        }
    }
    Content { bytes, trouble: None }
}

pub(super) fn crc(bytes: &[u8]) -> u16 {
    let mut crc = Crc16::default();
    crc.digest(bytes);
    crc.sum16()
}
