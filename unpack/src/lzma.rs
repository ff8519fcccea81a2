//! LZMA alone. It has no magic, so its header is read closely.
//!
//! A dictionary beyond the limit is not asked for but made smaller: no distance goes further back than what was
//! produced, and a member is bounded well below that. Only a stream that then fails is over the limit.

use std::io::Read;

use lzma_rust2::LzmaReader;

use crate::bytes::{tail, u32_le, u64_le};
use crate::output::drain_into;
use crate::{Budget, Content, Limit, Member, Passwords, Trouble};

const HEADER_BYTES: usize = 13;
const SIZE_UNKNOWN: u64 = u64::MAX;
/// Nobody sends more; it keeps zeros and text from looking like a header.
const SIZE_MAX: u64 = 1 << 40;
const PROPERTIES_MAX: u8 = (4 * 5 + 4) * 9 + 8;
/// What decoders take for any that is smaller, and no packer tells less.
const DICTIONARY_BYTES_MIN: u32 = 4096;
/// Less than the least dictionary.
const PROBE_BYTES: u64 = 4000;

pub(crate) fn is(content: &[u8]) -> bool {
    let Some(header) = Header::read(content) else { return false };
    let is_power = header.dictionary.is_power_of_two() || (header.dictionary / 3).is_power_of_two();
    let has_usual_dictionary =
        header.dictionary == u32::MAX || (header.dictionary >= DICTIONARY_BYTES_MIN && is_power);
    let has_small_dictionary = header.dictionary < DICTIONARY_BYTES_MIN
        && (header.dictionary == 0 || header.dictionary.is_power_of_two());
    // One of nothing hides nothing, and small streams of OLE files look like it.
    let has_size = header.size == SIZE_UNKNOWN || (1..SIZE_MAX).contains(&header.size);
    // The range coder begins with a zero.
    let is_header = header.properties <= PROPERTIES_MAX && has_size && content.get(HEADER_BYTES) == Some(&0);
    is_header && (has_usual_dictionary || (has_small_dictionary && header.is_of_data(content)))
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
    let Some(header) = Header::read(content) else { return vec![Trouble::Damaged("lzma header")] };
    let mut bytes = Vec::new();
    let raw = Raw { size: header.size, properties: header.properties, dictionary: header.dictionary };
    let (consumed, mut trouble) = raw.decode(tail(content, HEADER_BYTES), content.len(), budget, &mut bytes);
    let is_rest = consumed.is_some_and(|consumed| HEADER_BYTES + consumed < content.len());
    if trouble.is_none() && is_rest {
        trouble = Some(Trouble::Damaged("data behind the stream"));
    }
    let content = Content { bytes, trouble };
    visit(Member::only(content));
    Vec::new()
}

struct Header {
    properties: u8,
    dictionary: u32,
    size: u64,
}

impl Header {
    fn read(content: &[u8]) -> Option<Self> {
        let properties = *content.first()?;
        Some(Self { properties, dictionary: u32_le(content, 1)?, size: u64_le(content, 5)? })
    }

    /// Whether what follows can be decoded, to its end or far enough: many small structures begin with zeros.
    fn is_of_data(&self, content: &[u8]) -> bool {
        let from = tail(content, HEADER_BYTES);
        let made = LzmaReader::new_with_props(from, self.size, self.properties, DICTIONARY_BYTES_MIN, None);
        made.is_ok_and(|reader| std::io::copy(&mut reader.take(PROBE_BYTES), &mut std::io::sink()).is_ok())
    }
}

/// LZMA data whose header was somewhere else; also in zip and lzip.
pub(crate) struct Raw {
    /// All ones: until the end mark.
    pub(crate) size: u64,
    pub(crate) properties: u8,
    pub(crate) dictionary: u32,
}

impl Raw {
    /// How much of `from` it took, when it came to its end, and what went wrong.
    pub(crate) fn decode(
        &self,
        from: &[u8],
        input_bytes: usize,
        budget: &mut Budget,
        bytes: &mut Vec<u8>,
    ) -> (Option<usize>, Option<Trouble>) {
        let limit = u32::try_from(budget.limits().dictionary_bytes_max).unwrap_or(u32::MAX);
        let dictionary = self.dictionary.clamp(DICTIONARY_BYTES_MIN, limit.max(DICTIONARY_BYTES_MIN));
        let made = LzmaReader::new_with_props(from, self.size, self.properties, dictionary, None);
        let Ok(mut reader) = made else { return (None, Some(Trouble::Damaged("lzma data"))) };
        reader.set_defer_errors(true);
        match drain_into(&mut reader, input_bytes, "lzma data", budget, bytes) {
            None => {
                let (rest, unused) = reader.into_parts();
                (Some(from.len().saturating_sub(rest.len() + unused.len())), None)
            }
            Some(Trouble::Damaged(_)) if self.dictionary > dictionary => {
                (None, Some(Limit::Dictionary.into()))
            }
            trouble @ Some(_) => (None, trouble),
        }
    }
}
