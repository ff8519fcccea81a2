//! One member by every reading that its headers allow: readers go by the central one, by the local one, or by the
//! data.

use super::crypt::Keys;
use super::header::{Central, Header, Local};
use super::method::{Packed, STORED, decode, is_common};
use crate::bytes::{len, range, tail};
use crate::{Budget, Content, Trouble};

/// More than a descriptor behind the data.
const GAP_BYTES_MIN: usize = 24;

/// All headers of one member.
pub(super) struct Entry {
    pub(super) centrals: Vec<Central>,
    pub(super) local: Local,
}

/// What was read of one.
pub(super) struct Reading {
    pub(super) contents: Vec<Content>,
    pub(super) ambiguity: Option<Trouble>,
    /// Where its data ends at the earliest.
    pub(super) end: usize,
}

impl Entry {
    pub(super) fn headers(&self) -> impl Iterator<Item = &Header> {
        self.centrals.iter().map(|central| &central.header).chain([&self.local.header])
    }

    /// Every name, and whether central and local one differ.
    pub(super) fn names(&self) -> (Vec<Vec<u8>>, bool) {
        let mut names: Vec<Vec<u8>> = Vec::new();
        for name in self.headers().flat_map(|header| &header.names) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let local = self.local.header.names.first();
        let is_different =
            self.centrals.iter().any(|central| central.header.names.first() != local && !self.is_masked());
        (names, is_different)
    }

    fn is_masked(&self) -> bool {
        self.local.header.is_strong()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.headers().any(Header::is_encrypted)
    }

    /// Whether few other readers come upon it, or can unpack it.
    pub(super) fn is_rare(&self) -> bool {
        self.centrals.is_empty() || self.headers().any(|header| !is_common(header.method))
    }

    pub(super) fn read(
        &self,
        content: &[u8],
        bound: usize,
        keys: &mut Keys<'_>,
        budget: &mut Budget,
    ) -> Reading {
        let mut reading = Reading { contents: Vec::new(), ambiguity: self.conflict(), end: self.least_end() };
        let mut ways: Vec<&Header> = Vec::new();
        for header in self.headers() {
            let is_new =
                |way: &&Header| way.method == header.method && way.is_encrypted() == header.is_encrypted();
            if !ways.iter().any(is_new) {
                ways.push(header);
            }
        }
        for way in ways {
            let data = self.data(content, bound, way.method, &mut reading);
            let rest = tail(content, self.local.data_at);
            let got = if way.is_encrypted() {
                self.encrypted(way, data, keys, budget)
            } else {
                Ok(self.plain(way, data, rest, &mut reading, budget))
            };
            let got = got.unwrap_or_else(|limit| Content { bytes: Vec::new(), trouble: Some(limit) });
            if !reading.contents.contains(&got) {
                reading.contents.push(got);
            }
        }
        if self.data_is_cut(content) {
            for got in &mut reading.contents {
                if matches!(got.trouble, None | Some(Trouble::Damaged(_))) {
                    got.trouble = Some(Trouble::Damaged("truncated"));
                }
            }
        }
        reading
    }

    /// Central and local header tell different things.
    fn conflict(&self) -> Option<Trouble> {
        let local = &self.local.header;
        let is_conflict = |central: &Header| {
            let figures =
                (central.packed, central.size, central.crc) != (local.packed, local.size, local.crc);
            let has_figures = !local.has_descriptor() && !self.is_masked();
            central.method != local.method
                || central.is_encrypted() != local.is_encrypted()
                || (has_figures && figures)
        };
        let is_any = self.centrals.iter().any(|central| is_conflict(&central.header));
        is_any.then_some(Trouble::Ambiguous("headers of a zip member"))
    }

    fn least_end(&self) -> usize {
        let packed = self.headers().map(|header| header.packed).filter(|&packed| packed != 0).min();
        self.local.data_at.saturating_add(len(packed.unwrap_or_default()))
    }

    fn data_is_cut(&self, content: &[u8]) -> bool {
        let there = content.len().saturating_sub(self.local.data_at) as u64;
        self.headers().all(|header| header.packed > there)
    }

    /// The most that any header gives it; what is between it and the next header when none gives it anything.
    fn data<'a>(&self, content: &'a [u8], bound: usize, method: u16, reading: &mut Reading) -> &'a [u8] {
        let at = self.local.data_at;
        let there = content.len().saturating_sub(at);
        let packed = self.headers().map(|header| header.packed).max().unwrap_or_default();
        let size = self.headers().map(|header| header.size).max().unwrap_or_default();
        let gap = bound.saturating_sub(at);
        let mut bytes = len(packed);
        if method == STORED && size != packed && !self.is_encrypted() {
            reading.ambiguity = reading.ambiguity.or(Some(Trouble::Ambiguous("sizes in a zip")));
            bytes = bytes.max(len(size));
        }
        if bytes == 0 && gap > GAP_BYTES_MIN {
            bytes = gap;
            if !self.local.header.has_descriptor() || method == STORED {
                reading.ambiguity = reading.ambiguity.or(Some(Trouble::Ambiguous("sizes in a zip")));
            }
        }
        range(content, at, bytes.min(there)).unwrap_or_default()
    }

    fn plain(
        &self,
        way: &Header,
        data: &[u8],
        rest: &[u8],
        reading: &mut Reading,
        budget: &mut Budget,
    ) -> Content {
        let packed =
            Packed { data, rest, size: self.size(), has_end_mark: self.headers().any(Header::has_end_mark) };
        let (mut got, consumed) = decode(way.method, &packed, budget);
        if let Some(consumed) = consumed {
            reading.end = self.local.data_at.saturating_add(consumed);
            if consumed != data.len() && self.headers().any(|header| header.packed != 0) {
                reading.ambiguity = reading.ambiguity.or(Some(Trouble::Ambiguous("sizes in a zip")));
            }
        }
        if got.trouble.is_none() {
            if !self.is_checksum(&got.bytes) {
                got.trouble = Some(Trouble::Damaged("zip checksum"));
            } else if self.size() != got.bytes.len() as u64 && self.size() != 0 {
                reading.ambiguity = reading.ambiguity.or(Some(Trouble::Ambiguous("sizes in a zip")));
            }
        }
        got
    }

    fn encrypted(
        &self,
        way: &Header,
        data: &[u8],
        keys: &mut Keys<'_>,
        budget: &mut Budget,
    ) -> Result<Content, Trouble> {
        let has_end_mark = self.headers().any(Header::has_end_mark);
        let attempt = |plain: &[u8], is_proven: bool, budget: &mut Budget| {
            let packed = Packed { data: plain, rest: plain, size: self.size(), has_end_mark };
            let (got, _) = decode(way.method, &packed, budget);
            let is_limit = matches!(got.trouble, Some(Trouble::Limit(_)));
            (is_proven || is_limit || self.is_checksum(&got.bytes)).then_some(got)
        };
        if let Some(got) = keys.open(way, data, budget, attempt)? {
            return Ok(got);
        }
        // The flag alone makes no secret: some readers do not look at it.
        let packed = Packed { data, rest: data, size: self.size(), has_end_mark };
        if way.aes.is_none() && !way.is_strong() && self.has_checksum() {
            let (mut got, _) = decode(way.method, &packed, budget);
            if self.is_checksum(&got.bytes) && !got.bytes.is_empty() {
                got.trouble = got.trouble.or(Some(Trouble::Ambiguous("zip member marked as encrypted")));
                return Ok(got);
            }
            if let Some(trouble) = got.trouble.filter(|trouble| trouble.is_final()) {
                return Err(trouble);
            }
        }
        Ok(Content { bytes: Vec::new(), trouble: Some(Trouble::Encrypted) })
    }

    fn size(&self) -> u64 {
        self.headers().map(|header| header.size).max().unwrap_or_default()
    }

    /// AE-2 has none, and a local header before a descriptor has none yet.
    fn has_checksum(&self) -> bool {
        self.headers().any(|header| header.crc != 0)
    }

    fn is_checksum(&self, bytes: &[u8]) -> bool {
        let has_none = |header: &Header| {
            header.crc == 0 && (header.has_descriptor() || header.aes.is_some_and(|aes| aes.version == 2))
        };
        if self.headers().all(has_none) {
            return true;
        }
        let crc = crc32fast::hash(bytes);
        self.headers().any(|header| header.crc == crc && !has_none(header))
    }
}
