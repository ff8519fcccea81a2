//! ARJ: a main header, and a header in front of each file. Methods 1 to 3 are LHA's with a smaller window.
//!
//! Absent: decryption. Files that go on in another volume are told as damaged.

mod fastest;

use memchr::memmem;

use crate::bytes::{len, range, tail, u16_le, u32_le};
use crate::lha;
use crate::listing::{Listing, nothing};
use crate::names::until_nul;
use crate::output::stored;
use crate::{Budget, Content, Kind, Limit, Member, Passwords, Trouble};

const MAGIC: &[u8] = b"\x60\xea";
const HEADER_BYTES_MAX: usize = 2600;
const FIXED_BYTES_MIN: usize = 30;
/// ARJ looks no further for the main header.
const PREFIX_BYTES_MAX: usize = 512 * 1024;
const EXTENDED_HEADERS_MAX: usize = 16;
const FLAG_GARBLED: u8 = 1;
/// Goes on in the next volume, or began in the one before.
const FLAG_VOLUME: u8 = 4;
const FLAG_CONTINUED: u8 = 8;
const TYPE_MAIN: u8 = 2;
const TYPE_DIRECTORY: u8 = 3;
const TYPE_LABEL: u8 = 4;

pub(crate) fn is(content: &[u8]) -> bool {
    start(content).is_some()
}

/// Where the main header is: at the beginning, or anywhere in a program.
fn start(content: &[u8]) -> Option<usize> {
    let is_main =
        |at: usize| Header::read(tail(content, at)).is_some_and(|h| h.kind == TYPE_MAIN && h.is_sum_right);
    if content.starts_with(MAGIC) && Header::read(content).is_some() {
        return Some(0);
    }
    let program = content.get(..PREFIX_BYTES_MAX).unwrap_or(content);
    if !program.starts_with(b"MZ") {
        return None;
    }
    memmem::find_iter(program, MAGIC).find(|&at| is_main(at))
}

struct Header<'a> {
    flags: u8,
    method: u8,
    kind: u8,
    packed_bytes: usize,
    unpacked_bytes: u64,
    crc: u32,
    name: &'a [u8],
    /// To the data.
    bytes: usize,
    is_sum_right: bool,
}

impl<'a> Header<'a> {
    /// None where there is none, and where the archive ends.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let size = usize::from(u16_le(bytes, 2)?);
        if !bytes.starts_with(MAGIC) || !(FIXED_BYTES_MIN..=HEADER_BYTES_MAX).contains(&size) {
            return None;
        }
        let basic = range(bytes, 4, size)?;
        let fixed_bytes = usize::from(*basic.first()?);
        if fixed_bytes < FIXED_BYTES_MIN {
            return None;
        }
        let mut at = 4 + size;
        let sum = u32_le(bytes, at)?;
        at += 4;
        // Extended headers, each with its own checksum; none is known to be in use.
        for _ in 0..EXTENDED_HEADERS_MAX {
            let extended = usize::from(u16_le(bytes, at)?);
            at += 2;
            if extended == 0 {
                break;
            }
            at += extended + 4;
        }
        Some(Self {
            flags: *basic.get(4)?,
            method: *basic.get(5)?,
            kind: *basic.get(6)?,
            packed_bytes: len(u64::from(u32_le(basic, 12)?)),
            unpacked_bytes: u64::from(u32_le(basic, 16)?),
            crc: u32_le(basic, 20)?,
            name: until_nul(basic.get(fixed_bytes..)?),
            bytes: at,
            is_sum_right: sum == crc32fast::hash(basic),
        })
    }
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut listing = Listing::new(budget, visit);
    let end = members(content, &mut listing);
    listing.finish(end)
}

fn members(content: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    let main = start(content).and_then(|at| Some((at, Header::read(tail(content, at))?)));
    let Some((start, main)) = main else {
        listing.trouble(Trouble::Damaged("ARJ header"));
        return Ok(());
    };
    // An archive that begins with a file has lost its main header, or never had one.
    let mut at = if main.kind == TYPE_MAIN { start + main.bytes } else { start };
    loop {
        let rest = tail(content, at);
        let Some(header) = Header::read(rest) else {
            if u32_le(rest, 0) != Some(0x0000_ea60) {
                listing.trouble(Trouble::Damaged("ARJ header"));
            }
            return Ok(());
        };
        if !header.is_sum_right {
            listing.trouble(Trouble::Damaged("checksum of a header"));
        }
        let behind = tail(rest, header.bytes);
        let packed = range(behind, 0, header.packed_bytes);
        member(&header, packed.unwrap_or(behind), listing)?;
        if packed.is_none() {
            listing.trouble(Trouble::Damaged("truncated"));
            return Ok(());
        }
        at = at.saturating_add(header.bytes).saturating_add(header.packed_bytes);
    }
}

fn member(header: &Header<'_>, packed: &[u8], listing: &mut Listing<'_>) -> Result<(), Limit> {
    let kind = match header.kind {
        TYPE_DIRECTORY => Kind::Directory,
        TYPE_LABEL | TYPE_MAIN => Kind::Other,
        _ => Kind::File,
    };
    let is_encrypted = header.flags & FLAG_GARBLED != 0;
    listing.give(vec![header.name.to_vec()], kind, is_encrypted, |budget| {
        if is_encrypted {
            return nothing(Some(Trouble::Encrypted));
        }
        let mut content = content(header, packed, budget);
        if content.trouble.is_none() && header.flags & (FLAG_VOLUME | FLAG_CONTINUED) != 0 {
            content.trouble = Some(Trouble::Damaged("goes on in another volume"));
        }
        if content.trouble.is_none() && kind == Kind::File && crc32fast::hash(&content.bytes) != header.crc {
            content.trouble = Some(Trouble::Damaged("checksum"));
        }
        content
    })
}

fn content(header: &Header<'_>, packed: &[u8], budget: &mut Budget) -> Content {
    match header.method {
        0 => stored(packed, budget),
        1..=3 => lha::decode_method(b"-lh7-", packed, header.unpacked_bytes, budget),
        4 => fastest::decode(packed, header.unpacked_bytes, budget),
        _ => nothing(Some(Trouble::Unsupported("method of ARJ"))),
    }
}
