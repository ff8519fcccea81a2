//! Notices parts that mail-parser lost.
//!
//! mail-parser 0.11 closes one nested message per delimiter, and where two are closed at once it gives up: whatever
//! stands behind is in no part. A mail made so on purpose would carry any attachment past the rule.

use std::collections::BTreeSet;

use mail_parser::{MessagePart, MimeHeaders, PartType};

/// Where the parser saw parts begin, and the boundaries that it used.
#[derive(Default)]
pub(crate) struct Seen<'m> {
    starts: BTreeSet<usize>,
    boundaries: BTreeSet<&'m [u8]>,
}

impl<'m> Seen<'m> {
    pub(crate) fn add(&mut self, part: &'m MessagePart<'_>) {
        self.starts.insert(part.offset_header as usize);
        if let PartType::Multipart(_) = part.body {
            let boundary = part.content_type().and_then(|kind| kind.attribute("boundary"));
            self.boundaries.extend(boundary.map(str::as_bytes));
        }
    }

    /// Whether a part begins in `content` (a line with a delimiter that was used) where the parser saw none: it gives
    /// up early on some nestings.
    pub(crate) fn has_lost_parts(&self, content: &[u8]) -> bool {
        self.boundaries.iter().any(|boundary| {
            let delimiter = [b"\n--", *boundary].concat();
            memchr::memmem::find_iter(content, &delimiter).any(|at| {
                let end = at + delimiter.len();
                let rest = content.get(end..).unwrap_or_default();
                let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let is_whole_line = line.trim_ascii().is_empty() && line.len() < rest.len();
                is_whole_line && !self.starts.contains(&(end + line.len() + 1))
            })
        })
    }
}
