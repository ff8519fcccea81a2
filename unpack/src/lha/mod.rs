//! LHA and LZH, headers of levels 0 to 3, also behind a program that unpacks itself.
//!
//! The headers are read here, for their raw names; the methods are delharc's. Absent: methods that it does not have.

mod decode;
mod header;

use memchr::memmem;

use crate::bytes::{len, range, tail};
use crate::listing::{Listing, nothing};
use crate::output::stored;
use crate::{Budget, Kind, Limit, Member, Passwords, Trouble};
use header::Header;

pub(crate) use decode::decode as decode_method;

const PREFIX_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Where the method is in a header.
const METHOD_AT: usize = 2;

pub(crate) fn is(content: &[u8]) -> bool {
    start(content).is_some()
}

/// Where the first header is: at the beginning, or anywhere in a program.
fn start(content: &[u8]) -> Option<usize> {
    if header::has_method(content) {
        return Some(0);
    }
    let program = content.get(..PREFIX_BYTES_MAX).unwrap_or(content);
    if !program.starts_with(b"MZ") {
        return None;
    }
    let found = memmem::find_iter(program, b"-lh").filter_map(|at| at.checked_sub(METHOD_AT));
    found.into_iter().find(|&at| is_member(tail(content, at)))
}

/// Programs contain the names of methods too: a header has its checksum, and behind its data another or the end.
fn is_member(bytes: &[u8]) -> bool {
    let Some(header) = Header::read(bytes).filter(|header| header.is_sum_right) else { return false };
    let data = tail(bytes, header.bytes);
    let behind = tail(data, len(header.packed_bytes));
    len(header.packed_bytes) <= data.len()
        && (behind.first().is_none_or(|&byte| byte == 0) || header::has_method(behind))
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
    let Some(mut at) = start(content) else {
        listing.trouble(Trouble::Damaged("LHA header"));
        return Ok(());
    };
    // Behind a program.
    listing.rare(at > 0);
    loop {
        let rest = tail(content, at);
        // A zero where a header would begin ends the archive; many have none.
        if rest.first().is_none_or(|&byte| byte == 0) && !header::has_method(rest) {
            return Ok(());
        }
        let Some(header) = Header::read(rest) else {
            listing.trouble(Trouble::Damaged("LHA header"));
            return Ok(());
        };
        if !header.is_sum_right {
            listing.trouble(Trouble::Damaged("checksum of a header"));
        }
        let behind = tail(rest, header.bytes);
        let packed = range(behind, 0, len(header.packed_bytes));
        member(&header, packed, behind, listing)?;
        if packed.is_none() {
            listing.trouble(Trouble::Damaged("truncated"));
            return Ok(());
        }
        at = at.saturating_add(header.bytes).saturating_add(len(header.packed_bytes));
    }
}

fn member(
    header: &Header,
    packed: Option<&[u8]>,
    behind: &[u8],
    listing: &mut Listing<'_>,
) -> Result<(), Limit> {
    let kind = header.kind();
    let link = header.target().filter(|_| kind == Kind::Link);
    let mut names = header.names.clone();
    names.extend(link.map(|(name, _)| name.to_vec()));
    listing.give(names, kind, false, |budget| {
        if kind != Kind::File {
            return link.map_or_else(|| nothing(None), |(_, target)| stored(target, budget));
        }
        let mut content =
            decode::decode(&header.method, packed.unwrap_or(behind), header.unpacked_bytes, budget);
        let is_right = header.crc.is_none_or(|crc| crc == decode::crc(&content.bytes));
        if content.trouble.is_none() && !is_right {
            content.trouble = Some(Trouble::Damaged("checksum"));
        }
        content
    })
}
