//! bzip2: all its streams as one file, as `bunzip2` gives it.

use crate::bytes::tail;
use crate::codec::{Bunzip2, run};
use crate::{Budget, Content, Member, Passwords, Trouble};

/// A block begins so, and the end of a stream without blocks.
const BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
const END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];

pub(crate) fn is(content: &[u8]) -> bool {
    let has_level = content.get(3).is_some_and(|level| (b'1'..=b'9').contains(level));
    let first = tail(content, 4);
    content.starts_with(b"BZh") && has_level && (first.starts_with(&BLOCK) || first.starts_with(&END))
}

pub(crate) fn read(
    content: &[u8],
    budget: &mut Budget,
    _passwords: &Passwords,
    visit: &mut dyn FnMut(Member),
) -> Vec<Trouble> {
    let mut bytes = Vec::new();
    let mut count = 0;
    let trouble = streams(content, budget, &mut bytes, &mut count).err();
    let content = Content { bytes, trouble };
    // Many read the first stream only.
    visit(Member { is_rare: count > 1, ..Member::only(content) });
    Vec::new()
}

/// Counts the streams that are begun.
fn streams(
    content: &[u8],
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
    count: &mut usize,
) -> Result<(), Trouble> {
    let mut at = 0;
    loop {
        budget.member()?;
        *count += 1;
        let done = run(&mut Bunzip2::new(), tail(content, at), content.len(), "bzip2 data", budget, bytes);
        if let Some(trouble) = done.trouble {
            return Err(trouble);
        }
        at += done.consumed;
        let rest = tail(content, at);
        if rest.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        if !is(rest) {
            return Err(Trouble::Damaged("data behind the last stream"));
        }
    }
}
