//! What goes to clamd for one scan: command, chunks and end, as slices of the content, without a copy of it.
//!
//! A small mail leaves in one vectored write.

use std::io::IoSlice;

/// Most bytes of a chunk.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// The zero-length chunk.
const END: [u8; 4] = [0; 4];

/// The lengths of full and last chunk, in network byte order; the slices borrow them.
pub(super) struct Lengths {
    full: [u8; 4],
    last: [u8; 4],
}

impl Lengths {
    pub(super) fn of(content: &[u8]) -> Self {
        // Both are at most CHUNK_BYTES_MAX.
        let be = |bytes: usize| u32::try_from(bytes).unwrap_or(0).to_be_bytes();
        Self { full: be(CHUNK_BYTES_MAX), last: be(content.len() % CHUNK_BYTES_MAX) }
    }

    /// `command`, then `content` in chunks, then the end.
    pub(super) fn slices<'a>(&'a self, command: &'a [u8], content: &'a [u8]) -> Vec<IoSlice<'a>> {
        let chunks = content.chunks(CHUNK_BYTES_MAX);
        let mut slices = Vec::with_capacity(2 * chunks.len() + 2);
        slices.push(IoSlice::new(command));
        for chunk in chunks {
            let length = if chunk.len() == CHUNK_BYTES_MAX { &self.full } else { &self.last };
            slices.push(IoSlice::new(length));
            slices.push(IoSlice::new(chunk));
        }
        slices.push(IoSlice::new(&END));
        slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::socket::write_all;

    /// Takes the stream apart as clamd does.
    fn unframe(mut bytes: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let (length, rest) = bytes.split_at(4);
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if length == 0 {
                assert!(rest.is_empty());
                return content;
            }
            assert!(length <= CHUNK_BYTES_MAX);
            content.extend_from_slice(&rest[..length]);
            bytes = &rest[length..];
        }
    }

    #[tokio::test]
    async fn every_size_around_a_chunk_comes_out_as_it_went_in() {
        for size in [
            0,
            1,
            CHUNK_BYTES_MAX - 1,
            CHUNK_BYTES_MAX,
            CHUNK_BYTES_MAX + 1,
            2 * CHUNK_BYTES_MAX,
            2 * CHUNK_BYTES_MAX + 7,
        ] {
            let content: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let lengths = Lengths::of(&content);
            let mut written = Vec::new();
            write_all(&mut written, &mut lengths.slices(b"zINSTREAM\0", &content)).await.unwrap();
            let stream = written.strip_prefix(b"zINSTREAM\0").unwrap();
            assert!(unframe(stream) == content, "{size}");
        }
    }

    #[test]
    fn a_small_mail_is_one_vectored_write() {
        let content = [b'x'; 100];
        assert_eq!(Lengths::of(&content).slices(b"c", &content).len(), 4);
    }
}
