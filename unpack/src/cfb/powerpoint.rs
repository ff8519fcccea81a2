//! Objects that PowerPoint keeps in its document stream, mostly deflated: compound files of their own, macros among
//! them. They have no name there.

use flate2::bufread::ZlibDecoder;

use crate::bytes::{len, tail, u16_le, u32_le};
use crate::listing::Listing;
use crate::output::{drain, stored};
use crate::{Kind, Limit};

const STREAM: &str = "PowerPoint Document";
const HEADER_BYTES: usize = 8;
/// Lowest four bits of the first field: other records are in it.
const CONTAINER: u16 = 0xf;
const EMBEDDED_STORAGE: u16 = 0x1011;
/// The compressed ones begin with the size that they will have.
const SIZE_BYTES: usize = 4;

/// Gives the objects in a stream of that name.
pub(super) fn give(name: &[u16], stream: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    if !STREAM.encode_utf16().eq(name.iter().copied()) {
        return Ok(());
    }
    let mut rest = stream;
    while let (Some(version), Some(kind), Some(told)) = (u16_le(rest, 0), u16_le(rest, 2), u32_le(rest, 4)) {
        rest = tail(rest, HEADER_BYTES);
        if version & CONTAINER == CONTAINER {
            continue;
        }
        let data = rest.get(..len(u64::from(told))).unwrap_or(rest);
        rest = tail(rest, data.len());
        if kind != EMBEDDED_STORAGE {
            continue;
        }
        let is_packed = version >> 4 == 1;
        listing.give(Vec::new(), Kind::File, false, |budget| {
            if is_packed {
                let packed = tail(data, SIZE_BYTES);
                drain(&mut ZlibDecoder::new(packed), packed.len(), "embedded object", budget)
            } else {
                stored(data, budget)
            }
        })?;
    }
    Ok(())
}
