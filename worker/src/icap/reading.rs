//! Reading an ICAP answer off a connection: its head, and the body behind it compared with what was sent.
//!
//! Every length is bounded. Bytes that were read beyond what was asked for stay in the buffer.

use bytes::BytesMut;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::head::{HEAD_BYTES_MAX, Head};
use crate::pool::client::Failure;

/// Longest line of a chunked body that is no content, in bytes.
const LINE_BYTES_MAX: usize = 1024;
/// Most lines behind the last chunk.
const TRAILERS_MAX: usize = 100;

/// A body is not in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum BodyError {
    #[error("a chunk has no size")]
    Size,
    #[error("a chunk does not end where it says")]
    End,
    #[error("there is no end to the trailers")]
    Trailers,
    #[error("the HTTP response has no status line")]
    Http,
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::grammar(error)
    }
}

/// One end of a connection and what came from it.
pub(super) struct Reading<'a, R> {
    pub(super) reader: R,
    pub(super) buffer: &'a mut BytesMut,
}

impl<R: AsyncRead + Unpin> Reading<'_, R> {
    /// The head of the next answer.
    pub(super) async fn head(&mut self) -> Result<Head, Failure> {
        let bytes = self.until(b"\r\n\r\n", HEAD_BYTES_MAX, true).await?;
        Head::parse(&bytes).map_err(Failure::grammar)
    }

    /// The status of the HTTP response whose head takes that many bytes.
    pub(super) async fn http_status(&mut self, head_bytes: usize) -> Result<u16, Failure> {
        while self.buffer.len() < head_bytes {
            self.fill(false).await?;
        }
        let head = self.buffer.split_to(head_bytes);
        let line = head[..].split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| BodyError::Http)?;
        let mut words = line.split(' ');
        match (words.next(), words.next().map(str::parse)) {
            (Some("HTTP/1.0" | "HTTP/1.1"), Some(Ok(status))) => Ok(status),
            _ => Err(BodyError::Http.into()),
        }
    }

    /// Whether the chunked body that comes now is `content`. What differs is not read any further.
    pub(super) async fn is_body(&mut self, content: &[u8]) -> Result<bool, Failure> {
        let mut rest = content;
        loop {
            let line = self.until(b"\r\n", LINE_BYTES_MAX, false).await?;
            let mut left = chunk_size(&line).ok_or(BodyError::Size)?;
            if left == 0 {
                self.trailers().await?;
                return Ok(rest.is_empty());
            }
            while left > 0 {
                if self.buffer.is_empty() {
                    self.fill(false).await?;
                }
                let piece = self.buffer.split_to(left.min(self.buffer.len()));
                left -= piece.len();
                match rest.strip_prefix(&*piece) {
                    Some(behind) => rest = behind,
                    None => return Ok(false),
                }
            }
            if !self.until(b"\r\n", LINE_BYTES_MAX, false).await?.is_empty() {
                return Err(BodyError::End.into());
            }
        }
    }

    async fn trailers(&mut self) -> Result<(), Failure> {
        for _ in 0..TRAILERS_MAX {
            if self.until(b"\r\n", LINE_BYTES_MAX, false).await?.is_empty() {
                return Ok(());
            }
        }
        Err(BodyError::Trailers.into())
    }

    /// What comes before `end`, which is taken as well.
    async fn until(&mut self, end: &[u8], bytes_max: usize, is_first: bool) -> Result<BytesMut, Failure> {
        let mut seen = 0;
        loop {
            let unseen = self.buffer.get(seen..).unwrap_or_default();
            if let Some(at) = memchr::memmem::find(unseen, end) {
                if seen + at > bytes_max {
                    return Err(Failure::TooLong(bytes_max));
                }
                let mut taken = self.buffer.split_to(seen + at + end.len());
                taken.truncate(seen + at);
                return Ok(taken);
            }
            if self.buffer.len() > bytes_max + end.len() {
                return Err(Failure::TooLong(bytes_max));
            }
            seen = self.buffer.len().saturating_sub(end.len() - 1);
            self.fill(is_first).await?;
        }
    }

    /// Reads more; `is_first` where nothing of an answer has come yet.
    async fn fill(&mut self, is_first: bool) -> Result<(), Failure> {
        let lost = |buffer: &BytesMut, error| {
            if is_first && buffer.is_empty() { Failure::Lost(error) } else { Failure::Cut(error) }
        };
        self.buffer.reserve(16 * 1024);
        match self.reader.read_buf(self.buffer).await {
            Ok(0) => Err(lost(self.buffer, None)),
            Ok(_) => Ok(()),
            Err(error) => Err(lost(self.buffer, Some(error))),
        }
    }
}

/// The size in front of a chunk; extensions are left out.
fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn is_body(bytes: &[u8], content: &[u8]) -> Result<bool, Failure> {
        let mut buffer = BytesMut::new();
        Reading { reader: bytes, buffer: &mut buffer }.is_body(content).await
    }

    #[tokio::test]
    async fn a_body_is_compared_however_it_is_cut() {
        for body in [
            "5\r\nhello\r\n0\r\n\r\n",
            "2;x=y\r\nhe\r\n3 \r\nllo\r\n0\r\nA: b\r\n\r\n",
            "00005\r\nhello\r\n000\r\n\r\n",
        ] {
            assert!(is_body(body.as_bytes(), b"hello").await.unwrap(), "{body}");
            for other in ["hell", "hellO", "hello!", ""] {
                assert!(!is_body(body.as_bytes(), other.as_bytes()).await.unwrap(), "{body} is not {other}");
            }
        }
        assert!(is_body(b"0\r\n\r\n", b"").await.unwrap());
        assert!(!is_body(b"0\r\n\r\n", b"x").await.unwrap());
    }

    #[tokio::test]
    async fn what_is_no_body_is_never_the_content() {
        let endless = ["0\r\n".to_owned(), "x: y\r\n".repeat(TRAILERS_MAX), "\r\n".to_owned()].concat();
        let cases = [
            "",
            "\r\n",
            "5\r\nhello",
            "5\r\nhello\r\n",
            "5\r\nhello\r\n0\r\n",
            "5\r\nhello0\r\n\r\n",
            "-5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "g\r\nhello\r\n0\r\n\r\n",
            "000000005\r\nhello\r\n0\r\n\r\n",
            "5\nhello\n0\n\n",
            "5\r\nhello\r\n;\r\n\r\n",
        ];
        for body in cases.into_iter().chain([endless.as_str()]) {
            let content: &[u8] = if body == endless { b"" } else { b"hello" };
            let result = is_body(body.as_bytes(), content).await;
            assert!(result.is_err(), "{body:?} is {result:?}");
        }
    }

    #[tokio::test]
    async fn a_head_is_the_same_in_every_split_into_two_reads() {
        let bytes = b"ICAP/1.0 204 No Content\r\nISTag: \"x\"\r\n\r\n";
        for at in 0..=bytes.len() {
            let (one, two) = bytes.split_at(at);
            let mut buffer = BytesMut::new();
            let head = Reading { reader: one.chain(two), buffer: &mut buffer }.head().await.unwrap();
            assert_eq!((head.status, head.value("istag")), (204, Some("\"x\"")), "{at}");
            assert!(buffer.is_empty());
        }
        for end in 0..bytes.len() {
            let mut buffer = BytesMut::new();
            let failure = Reading { reader: &bytes[..end], buffer: &mut buffer }.head().await.unwrap_err();
            assert!(matches!((end, failure), (0, Failure::Lost(None)) | (1.., Failure::Cut(None))), "{end}");
        }
    }

    #[tokio::test]
    async fn the_length_of_a_head_at_both_sides_of_its_limit() {
        let head = |bytes: usize| {
            let start = b"ICAP/1.0 204 OK\r\nx: ";
            [start, vec![b'y'; bytes - start.len()].as_slice(), b"\r\n\r\n"].concat()
        };
        let mut buffer = BytesMut::new();
        let fits = head(HEAD_BYTES_MAX);
        assert!(Reading { reader: fits.as_slice(), buffer: &mut buffer }.head().await.is_ok());
        for reply in [head(HEAD_BYTES_MAX + 1), vec![b'x'; 10 * HEAD_BYTES_MAX]] {
            let mut buffer = BytesMut::new();
            let failure = Reading { reader: reply.as_slice(), buffer: &mut buffer }.head().await.unwrap_err();
            assert!(matches!(failure, Failure::TooLong(HEAD_BYTES_MAX)), "{failure:?}");
        }
    }
}
