//! `\x01Ole10Native`: a file that was dropped into a document, with the three names that Packager keeps of it, or
//! data of another server (the equation editor's), which the stream itself shows.

use crate::bytes::{range, tail, u16_le, u32_le};
use crate::names::{terminated, utf16_le};

const NAME: &str = "\u{1}Ole10Native";
/// Total size, and two bytes that no reader looks at.
const HEADER_BYTES: usize = 6;
const NAME_BYTES_MAX: usize = 4096;
/// A file is in it, not a link to one.
const EMBEDDED: u16 = 3;

pub(super) struct Package<'a> {
    pub(super) names: Vec<Vec<u8>>,
    pub(super) data: &'a [u8],
    /// Whether `data` is all that it says.
    pub(super) is_whole: bool,
}

/// The file in a stream of that name.
pub(super) fn read<'a>(name: &[u16], stream: &'a [u8]) -> Option<Package<'a>> {
    if !NAME.encode_utf16().eq(name.iter().copied()) {
        return None;
    }
    let mut at = HEADER_BYTES;
    let mut names = vec![text(stream, &mut at)?, text(stream, &mut at)?];
    let kind = u16_le(stream, at + 2)?;
    let path_bytes = usize::try_from(u32_le(stream, at + 4)?).ok()?;
    at += 8;
    names.push(range(stream, at, path_bytes).map(crate::names::until_nul)?.to_vec());
    at += path_bytes;
    if kind != EMBEDDED {
        return None;
    }
    let told = usize::try_from(u32_le(stream, at)?).ok()?;
    let rest = tail(stream, at + 4);
    let data = rest.get(..told).unwrap_or(rest);
    // Later writers put the same three names behind it once more.
    let mut behind = tail(rest, told);
    for _ in 0..3 {
        let Some((name, more)) = long_text(behind) else { break };
        names.push(name);
        behind = more;
    }
    Some(Package { names, data, is_whole: data.len() == told })
}

fn text(stream: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let text = terminated(tail(stream, *at), NAME_BYTES_MAX)?;
    *at += text.len() + 1;
    Some(text.to_vec())
}

/// A count of 16-bit units and the units.
fn long_text(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let units = usize::try_from(u32_le(bytes, 0)?).ok()?;
    let size = units.min(NAME_BYTES_MAX) * 2;
    Some((utf16_le(range(bytes, 4, size)?), tail(bytes, 4 + size)))
}
