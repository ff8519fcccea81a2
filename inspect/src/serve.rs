//! The child's whole life: told the rules, locked in, then one mail after the other until the pipe is closed.
//!
//! Generic over the pipe and over what holds the process, so that its dialogue is tested without a process.

use std::io::{self, Read, Write};
use std::time::Duration;

use proto::inspection::{
    Found, FrameError, Hello, InForce, Inspect, Message, PREFIX_BYTES, Part, REPORT_NAME_BYTES_MAX, Report,
    Setup, encode, header, prefix,
};
use rustix::time::{ClockId, clock_gettime};
use thiserror::Error;

use crate::banned::RuleError;
use crate::faults::{self, Reaction};
use crate::walk::{Fed, Inspection, Seen};

/// What holds the process.
pub trait Held {
    /// Called once, before anything hostile is read.
    fn lock_in(&mut self, setup: &Setup) -> InForce;

    /// Called before each mail.
    ///
    /// # Errors
    /// When the mail cannot be bounded; it is not touched then.
    fn before_mail(&mut self) -> io::Result<()>;
}

/// Why the dialogue ended early.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The pipe broke within a frame, or a limit could not be set.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The worker does not speak as we do.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A rule cannot be compiled; the worker had to check it.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// The child's end of the pipe.
#[derive(Debug)]
pub struct Server<R, W, H> {
    input: R,
    output: W,
    held: H,
    /// Of tests: contents may ask for what hostile ones might do. Debug builds only.
    has_faults: bool,
}

impl<R: Read, W: Write, H: Held> Server<R, W, H> {
    /// On that pipe.
    pub fn new(input: R, output: W, held: H) -> Self {
        Self { input, output, held, has_faults: false }
    }

    /// Reacts to contents that ask for faults. Nothing in a release build.
    #[must_use]
    pub fn with_faults(mut self, has_faults: bool) -> Self {
        self.has_faults = cfg!(debug_assertions) && has_faults;
        self
    }

    /// Serves until the worker closes the pipe.
    ///
    /// # Errors
    /// When the pipe breaks elsewhere than between two mails, or something else than a request comes.
    pub fn run(mut self) -> Result<(), ServeError> {
        let Some((setup, _)) = self.take::<Setup>(0)? else {
            return Ok(());
        };
        let in_force = self.held.lock_in(&setup);
        self.say(&Hello { in_force })?;
        let content_bytes_max = setup.rules.limits.content_bytes_max;
        let cpu = Duration::from_secs(setup.cpu_seconds_max);
        let inspection = Inspection::new(setup.rules, cpu)?;
        while let Some((Inspect { serial, wanted }, content)) = self.take(content_bytes_max)? {
            self.held.before_mail()?;
            if self.has_faults
                && let Reaction::Instead(bytes) = faults::react(&content)
            {
                self.output.write_all(bytes)?;
                self.output.flush()?;
                continue;
            }
            let start = micros();
            let Seen { mut findings, opened, parts, is_cut } = inspection.inspect(&content, wanted);
            findings.iter_mut().for_each(shorten);
            let micros = micros().saturating_sub(start);
            for Fed { content, is_hidden } in parts {
                self.output.write_all(&encode(&Part { serial, is_hidden }, content.len())?)?;
                self.output.write_all(&content)?;
            }
            self.say(&Report { serial, micros, findings, opened, is_cut })?;
        }
        Ok(())
    }

    /// The next message and its content; nothing when the pipe was closed before it.
    fn take<M: Message>(&mut self, content_bytes_max: usize) -> Result<Option<(M, Vec<u8>)>, ServeError> {
        let mut bytes = [0; PREFIX_BYTES];
        let (first, rest) = bytes.split_at_mut(1);
        if read_some(&mut self.input, first)? == 0 {
            return Ok(None);
        }
        self.input.read_exact(rest)?;
        let prefix = prefix::<M>(bytes, content_bytes_max)?;
        let message = header(&self.bytes(prefix.header_bytes)?)?;
        Ok(Some((message, self.bytes(prefix.content_bytes)?)))
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        // Without zeroing first: a content may be large.
        let mut bytes = Vec::with_capacity(length);
        let taken = self.input.by_ref().take(length as u64).read_to_end(&mut bytes)?;
        if taken < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    fn say<M: Message>(&mut self, message: &M) -> Result<(), ServeError> {
        self.output.write_all(&encode(message, 0)?)?;
        Ok(self.output.flush()?)
    }
}

/// Since some time in the past.
fn micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).unwrap_or_default()
}

fn read_some(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Cuts a name that is longer than a report takes.
fn shorten(found: &mut Found) {
    let end = found.name.floor_char_boundary(REPORT_NAME_BYTES_MAX);
    found.name.truncate(end);
}

#[cfg(test)]
mod tests;
