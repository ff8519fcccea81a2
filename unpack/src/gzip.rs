//! gzip: all its members as one file, as `gunzip` gives it; one that reads the first only sees a prefix of that.
//!
//! Absent: the comment field. No reader takes it for a name.

use crate::bytes::{tail, u16_le, u32_le};
use crate::codec::{Inflate, run};
use crate::{Budget, Content, Kind, Member, Passwords, Trouble};

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const FLAG_HEADER_CRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
const TRAILER_BYTES: usize = 8;

pub(crate) fn is(content: &[u8]) -> bool {
    content.starts_with(&MAGIC)
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut names = Vec::new();
    let mut bytes = Vec::new();
    let trouble = members(content, budget, &mut names, &mut bytes).err();
    let content = Content { bytes, trouble };
    visit(Member { names, kind: Kind::File, is_encrypted: false, is_rare: false, content });
    Vec::new()
}

fn members(
    content: &[u8],
    budget: &mut Budget,
    names: &mut Vec<Vec<u8>>,
    bytes: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let mut at = 0;
    loop {
        budget.member()?;
        let rest = tail(content, at);
        let header = Header::read(rest).ok_or(Trouble::Damaged("gzip header"))?;
        if let Some(name) = header.name
            && !name.is_empty()
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_vec());
        }
        let before = bytes.len();
        let data = tail(rest, header.bytes);
        let done = run(&mut Inflate::new(), data, content.len(), "deflate data", budget, bytes);
        if let Some(trouble) = done.trouble {
            return Err(trouble);
        }
        let produced = tail(bytes, before);
        let trailer = tail(data, done.consumed);
        let crc = u32_le(trailer, 0).ok_or(Trouble::Damaged("truncated"))?;
        let size = u32_le(trailer, 4).ok_or(Trouble::Damaged("truncated"))?;
        if crc != crc32fast::hash(produced) || u64::from(size) != produced.len() as u64 & 0xffff_ffff {
            return Err(Trouble::Damaged("gzip checksum"));
        }
        at += header.bytes + done.consumed + TRAILER_BYTES;
        let rest = tail(content, at);
        if rest.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        if !is(rest) {
            return Err(Trouble::Damaged("data behind the last member"));
        }
    }
}

struct Header<'a> {
    bytes: usize,
    name: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn read(from: &'a [u8]) -> Option<Self> {
        let flags = *from.get(3)?;
        let mut at = 10;
        if flags & FLAG_EXTRA != 0 {
            at += 2 + usize::from(u16_le(from, at)?);
        }
        let mut name = None;
        if flags & FLAG_NAME != 0 {
            let text = terminated(tail(from, at))?;
            at += text.len() + 1;
            name = Some(text);
        }
        if flags & FLAG_COMMENT != 0 {
            at += terminated(tail(from, at))?.len() + 1;
        }
        if flags & FLAG_HEADER_CRC != 0 {
            at += 2;
        }
        (at <= from.len()).then_some(Self { bytes: at, name })
    }
}

fn terminated(from: &[u8]) -> Option<&[u8]> {
    from.get(..memchr::memchr(0, from)?)
}
