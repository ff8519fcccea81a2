//! How messages look on the wire between roles: one version byte, a MessagePack header with named fields, then raw
//! content.
//!
//! Named fields let release N and N-1 run mixed: an unknown field is ignored, a missing one has a default. A version
//! that we do not know is an error of its own, so that the message can be left for a newer role. Deliberately
//! absent: where a message travels (subjects, streams), which the `bus` crate knows.

mod job;
mod notice;

pub use job::{Chunk, ContentAt, Job, Judged};
pub use notice::Notice;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// The version that this release writes.
pub const VERSION: u8 = 1;

/// Why a message could not be written or read.
#[derive(Debug, Error)]
pub enum WireError {
    /// Written by a newer release.
    #[error("wire version {0} is newer than {VERSION}")]
    Newer(u8),
    /// Too short, or a version that never was.
    #[error("not a mailweir message")]
    Alien,
    /// The header cannot be written.
    #[error("writing the header")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The header is not what its version says.
    #[error("reading the header")]
    Decode(#[from] rmp_serde::decode::Error),
}

/// Writes version, header and content into one buffer.
///
/// # Errors
/// When the header cannot be serialised.
pub fn encode<H: Serialize>(header: &H, content: &[u8]) -> Result<Bytes, WireError> {
    let mut out = BytesMut::with_capacity(1_024 + content.len()).writer();
    out.get_mut().put_u8(VERSION);
    rmp_serde::encode::write_named(&mut out, header)?;
    let mut out = out.into_inner();
    out.extend_from_slice(content);
    Ok(out.freeze())
}

/// Reads version and header; the content is a slice of `message`, not a copy.
///
/// # Errors
/// When the version is newer than ours, or the bytes are no message.
pub fn decode<H: DeserializeOwned>(message: &Bytes) -> Result<(H, Bytes), WireError> {
    match message.first() {
        Some(&VERSION) => {}
        Some(&version) if version > VERSION => return Err(WireError::Newer(version)),
        _ => return Err(WireError::Alien),
    }
    let mut rest = message.get(1..).unwrap_or_default();
    let header = rmp_serde::decode::from_read(&mut rest)?;
    Ok((header, message.slice(message.len() - rest.len()..)))
}

#[cfg(test)]
mod previous;
#[cfg(test)]
mod tests;
