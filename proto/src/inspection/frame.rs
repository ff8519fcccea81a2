//! Frames on the pipe: version, kind, two lengths, a MessagePack header with named fields, then raw content.
//!
//! The lengths come first and are bounded by the reader before it takes memory for them. Nothing here copies content:
//! the writer sends it behind the frame, the reader reads as much as the prefix says.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// The version that is written and read: both ends are the same binary.
const VERSION: u8 = 1;
/// Version, kind, length of the header (u32), length of the content (u64), both with the low byte first.
pub const PREFIX_BYTES: usize = 14;

/// What can stand in a frame.
pub trait Message: Serialize + DeserializeOwned {
    /// Tells it from the others on the pipe.
    const KIND: u8;
    /// Longest header, in bytes.
    const HEADER_BYTES_MAX: usize;
}

/// Why bytes are no frame, or a message cannot be one.
#[derive(Debug, Error)]
pub enum FrameError {
    /// Another version, or no frame at all.
    #[error("not a frame of version {VERSION}")]
    Alien,
    /// Another message than the one whose turn it is.
    #[error("message of kind {0} out of turn")]
    OutOfTurn(u8),
    /// The header is longer than its message may be.
    #[error("header of {0} bytes")]
    HeaderTooLong(u64),
    /// The content is longer than the reader takes.
    #[error("content of {0} bytes")]
    ContentTooLong(u64),
    /// The header cannot be written.
    #[error("writing the header")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The header is not that message.
    #[error("reading the header")]
    Decode(#[from] rmp_serde::decode::Error),
    /// There is more in the header than the message.
    #[error("{0} bytes behind the header")]
    Trailing(usize),
}

/// What follows a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Bytes of the header.
    pub header_bytes: usize,
    /// Bytes of the content behind it.
    pub content_bytes: usize,
}

/// The frame of `message`; the caller writes `content_bytes` of content behind it.
///
/// # Errors
/// When the header cannot be serialised or is too long.
pub fn encode<M: Message>(message: &M, content_bytes: usize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; PREFIX_BYTES];
    rmp_serde::encode::write_named(&mut frame, message)?;
    let header_bytes = frame.len() - PREFIX_BYTES;
    let too_long = || FrameError::HeaderTooLong(header_bytes as u64);
    let length = u32::try_from(header_bytes).ok().filter(|_| header_bytes <= M::HEADER_BYTES_MAX);
    let length = length.ok_or_else(too_long)?;
    let mut prefix = vec![VERSION, M::KIND];
    prefix.extend(length.to_le_bytes());
    prefix.extend((content_bytes as u64).to_le_bytes());
    for (slot, byte) in frame.iter_mut().zip(prefix) {
        *slot = byte;
    }
    Ok(frame)
}

/// Whether the frame that begins so is an `M`, where more than one message may come.
pub fn is_next<M: Message>(bytes: &[u8; PREFIX_BYTES]) -> bool {
    let [_, kind, ..] = bytes;
    *kind == M::KIND
}

/// Reads the prefix of an `M` with at most `content_bytes_max` of content.
///
/// # Errors
/// When it is no frame, another message, or too long.
pub fn prefix<M: Message>(bytes: [u8; PREFIX_BYTES], content_bytes_max: usize) -> Result<Prefix, FrameError> {
    let [version, kind, h0, h1, h2, h3, content @ ..] = bytes;
    if version != VERSION {
        return Err(FrameError::Alien);
    }
    if kind != M::KIND {
        return Err(FrameError::OutOfTurn(kind));
    }
    let header = u64::from(u32::from_le_bytes([h0, h1, h2, h3]));
    let content = u64::from_le_bytes(content);
    let within = |bytes: u64, max: usize| usize::try_from(bytes).ok().filter(|bytes| *bytes <= max);
    Ok(Prefix {
        header_bytes: within(header, M::HEADER_BYTES_MAX).ok_or(FrameError::HeaderTooLong(header))?,
        content_bytes: within(content, content_bytes_max).ok_or(FrameError::ContentTooLong(content))?,
    })
}

/// Reads a whole header.
///
/// # Errors
/// When it is not that message and nothing else.
pub fn header<M: Message>(bytes: &[u8]) -> Result<M, FrameError> {
    let mut rest = bytes;
    let message = rmp_serde::decode::from_read(&mut rest)?;
    match rest.len() {
        0 => Ok(message),
        trailing => Err(FrameError::Trailing(trailing)),
    }
}
