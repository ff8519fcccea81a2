//! What headers say about the member that follows them: GNU's long names and the records of pax.

use super::header::Header;
use crate::bytes::{len, tail};

/// Longer ones are no names.
const TEXT_BYTES_MAX: usize = 64 * 1024;
const RECORDS_MAX: usize = 1000;

/// What was said.
#[derive(Default)]
pub(super) struct Extended {
    pub(super) names: Vec<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// A sparse file as pax has it.
    pub(super) sparse: Option<Sparse>,
}

/// GNU.sparse in pax.
#[derive(Default)]
pub(super) struct Sparse {
    /// The map as pairs, where the records have it; otherwise it is before the data.
    pub(super) map: Vec<(u64, u64)>,
    pub(super) is_map_in_data: bool,
    pub(super) size: u64,
    offset: Option<u64>,
}

impl Extended {
    /// Whether `header` is about the next member; what it says is taken.
    pub(super) fn take(&mut self, header: &Header<'_>, content: &[u8], data_at: usize) -> bool {
        let data = tail(content, data_at);
        let data = data.get(..len(header.size).min(data.len())).unwrap_or_default();
        match header.type_flag {
            b'L' => self.names.push(text(data)),
            b'K' => self.link = Some(text(data)),
            b'x' | b'X' | b'g' => self.records(data),
            b'V' => {}
            _ => return false,
        }
        true
    }

    fn records(&mut self, mut data: &[u8]) {
        for _ in 0..RECORDS_MAX {
            let Some((key, value, rest)) = record(data) else { return };
            self.record(key, value);
            data = rest;
        }
    }

    fn record(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"path" | b"GNU.sparse.name" => {
                let value = value.get(..value.len().min(TEXT_BYTES_MAX)).unwrap_or_default().to_vec();
                if !self.names.contains(&value) {
                    self.names.push(value);
                }
            }
            b"linkpath" => self.link = Some(text(value)),
            b"size" => self.size = decimal(value),
            _ => {
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse_record(key, value);
                }
            }
        }
    }

    fn sparse_record(&mut self, key: &[u8], value: &[u8]) {
        let sparse = self.sparse.get_or_insert_default();
        match key {
            b"major" => sparse.is_map_in_data = decimal(value) == Some(1),
            b"size" | b"realsize" => sparse.size = decimal(value).unwrap_or_default(),
            b"offset" => sparse.offset = decimal(value),
            b"numbytes" => {
                if let (Some(offset), Some(bytes)) = (sparse.offset.take(), decimal(value)) {
                    sparse.map.push((offset, bytes));
                }
            }
            b"map" => {
                let mut numbers = value.split(|&byte| byte == b',').map(decimal);
                while let (Some(Some(offset)), Some(Some(bytes))) = (numbers.next(), numbers.next()) {
                    sparse.map.push((offset, bytes));
                }
            }
            _ => {}
        }
    }
}

fn text(data: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(0, data).unwrap_or(data.len()).min(TEXT_BYTES_MAX);
    data.get(..end).unwrap_or_default().to_vec()
}

/// `length key=value\n`, where the length counts itself.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = memchr::memchr(b' ', data)?;
    let bytes = len(decimal(data.get(..space)?)?);
    let record = data.get(space + 1..bytes.checked_sub(1)?)?;
    let equals = memchr::memchr(b'=', record)?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, data.get(bytes..)?))
}

pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
