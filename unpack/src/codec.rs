//! Decoders that are fed a slice: what they produced before they failed is kept, because a reader that shows the
//! first half of a damaged file has shown it.
//!
//! Absent: the decoders that only offer `Read` (LZMA, PPMd); `output::drain` takes those.

use bzip2::{Decompress as Bunzip, Status as BunzipStatus};
use deflate64::InflaterManaged;
use flate2::{Decompress, FlushDecompress, Status};

use crate::bytes::tail;
use crate::{Budget, Trouble};

const CHUNK_BYTES: usize = 32 * 1024;

/// How far one call came.
pub(crate) struct Step {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
    pub(crate) state: State,
}

pub(crate) enum State {
    More,
    End,
    Failed,
}

/// A decoder without input of its own.
pub(crate) trait Decode {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;
}

/// What became of a run.
pub(crate) struct Run {
    /// Bytes of the input that belong to the stream.
    pub(crate) consumed: usize,
    pub(crate) trouble: Option<Trouble>,
}

/// Decodes one stream that begins `input` behind what is already in `bytes`, charged chunk by chunk. The ratio counts
/// against `input_bytes`, or against what was consumed when that is more.
pub(crate) fn run(
    decoder: &mut dyn Decode,
    input: &[u8],
    input_bytes: usize,
    damaged: &'static str,
    budget: &mut Budget,
    bytes: &mut Vec<u8>,
) -> Run {
    let mut chunk = [0_u8; CHUNK_BYTES];
    let mut consumed = 0;
    loop {
        let step = decoder.step(tail(input, consumed), &mut chunk);
        consumed = input.len().min(consumed.saturating_add(step.consumed));
        let got = chunk.get(..step.produced).unwrap_or(&chunk);
        let member_bytes = bytes.len().saturating_add(got.len()) as u64;
        if let Err(limit) = budget.output(got.len() as u64, member_bytes, input_bytes.max(consumed) as u64) {
            return Run { consumed, trouble: Some(limit.into()) };
        }
        bytes.extend_from_slice(got);
        let is_stuck = step.consumed == 0 && step.produced == 0;
        match step.state {
            State::End => return Run { consumed, trouble: None },
            State::Failed => return Run { consumed, trouble: Some(Trouble::Damaged(damaged)) },
            State::More if is_stuck => return Run { consumed, trouble: Some(Trouble::Damaged("truncated")) },
            State::More => {}
        }
    }
}

/// Deflate without a header.
pub(crate) struct Inflate(Decompress);

impl Inflate {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(false))
    }
}

impl Decode for Inflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let state = match self.0.decompress(input, output, FlushDecompress::None) {
            Ok(Status::Ok | Status::BufError) => State::More,
            Ok(Status::StreamEnd) => State::End,
            Err(_) => State::Failed,
        };
        step(before, (self.0.total_in(), self.0.total_out()), state)
    }
}

/// bzip2, one stream.
pub(crate) struct Bunzip2(Bunzip);

impl Bunzip2 {
    pub(crate) fn new() -> Self {
        Self(Bunzip::new(false))
    }
}

impl Decode for Bunzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let state = match self.0.decompress(input, output) {
            Ok(BunzipStatus::StreamEnd) => State::End,
            Ok(
                BunzipStatus::Ok
                | BunzipStatus::FlushOk
                | BunzipStatus::RunOk
                | BunzipStatus::FinishOk
                | BunzipStatus::MemNeeded,
            ) => State::More,
            Err(_) => State::Failed,
        };
        step(before, (self.0.total_in(), self.0.total_out()), state)
    }
}

/// Deflate with a window of 64 KiB, as zip has it.
pub(crate) struct Inflate64(Box<InflaterManaged>);

impl Inflate64 {
    pub(crate) fn new() -> Self {
        Self(Box::new(InflaterManaged::new()))
    }
}

impl Decode for Inflate64 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let result = self.0.inflate(input, output);
        let has_more = result.bytes_written > 0 || self.0.available_output() > 0;
        let state = if result.data_error || self.0.errored() {
            State::Failed
        } else if self.0.finished() && !has_more {
            State::End
        } else {
            State::More
        };
        Step { consumed: result.bytes_consumed, produced: result.bytes_written, state }
    }
}

fn step(before: (u64, u64), after: (u64, u64), state: State) -> Step {
    let moved = |from: u64, to: u64| crate::bytes::len(to.saturating_sub(from));
    Step { consumed: moved(before.0, after.0), produced: moved(before.1, after.1), state }
}
