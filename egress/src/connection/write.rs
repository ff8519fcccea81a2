//! Writing to a next hop that may take its time: every write that gets nowhere has the stall time-out.
//!
//! Content goes out as it lies in memory: the encoder's pieces are gathered and written together, so that a small
//! mail is one system call and a large one is not copied.

use std::io::{self, IoSlice};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use proto::dot::Encoder;

use super::Failure;
use crate::dialogue::Stage;

/// Pieces in one write; Linux takes 1 024.
const PIECES_MAX: usize = 64;

/// Writes all of `bytes`, which are commands of `stage`.
pub(super) async fn all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
    stall: Duration,
    until: Instant,
    stage: Stage,
) -> Result<(), Failure> {
    gathered(stream, &mut [IoSlice::new(bytes)], stall, until, stage).await
}

/// Writes the concatenation of `slices` dot-stuffed, with the line end that it may lack, and without the final dot.
pub(super) async fn content<S: AsyncWrite + Unpin>(
    stream: &mut S,
    slices: &[&[u8]],
    stall: Duration,
    until: Instant,
) -> Result<(), Failure> {
    let mut encoder = Encoder::new();
    let mut pieces: Vec<IoSlice<'_>> = Vec::with_capacity(PIECES_MAX);
    for slice in slices {
        let mut rest = *slice;
        while let Some(piece) = encoder.next_piece(&mut rest) {
            if piece.is_empty() {
                continue;
            }
            pieces.push(IoSlice::new(piece));
            if pieces.len() == PIECES_MAX {
                gathered(stream, &mut pieces, stall, until, Stage::Transfer).await?;
                pieces.clear();
            }
        }
    }
    pieces.push(IoSlice::new(encoder.finish()));
    gathered(stream, &mut pieces, stall, until, Stage::Transfer).await
}

async fn gathered<S: AsyncWrite + Unpin>(
    stream: &mut S,
    mut pieces: &mut [IoSlice<'_>],
    stall: Duration,
    until: Instant,
    stage: Stage,
) -> Result<(), Failure> {
    let lost = |source| Failure::Lost { stage, source };
    // Empty pieces in front would make a write of nothing.
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        let stalled_at = until.min(Instant::now() + stall);
        let written = timeout_at(stalled_at, stream.write_vectored(pieces))
            .await
            .map_err(|_| Failure::TimedOut(stage))?
            .map_err(lost)?;
        if written == 0 {
            return Err(lost(io::ErrorKind::WriteZero.into()));
        }
        IoSlice::advance_slices(&mut pieces, written);
    }
    timeout_at(until.min(Instant::now() + stall), stream.flush())
        .await
        .map_err(|_| Failure::TimedOut(stage))?
        .map_err(lost)
}
