//! Why a child gave no report.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use proto::inspection::FrameError;
use thiserror::Error;

/// Why a child gave no report. Reads on behind "the inspecting process".
#[derive(Debug, Error)]
pub enum Failure {
    /// The system would not start it.
    #[error("cannot be started: {0}")]
    Launch(#[source] io::Error),
    /// The rules cannot be told to it.
    #[error("cannot be told its rules: {0}")]
    Setup(#[source] FrameError),
    /// It was ended by a signal, its own included.
    #[error("was ended by signal {0} ({name})", name = signal(*.0))]
    Signal(i32),
    /// It ended by itself.
    #[error("ended with code {0}")]
    Exit(i32),
    /// It said nothing, and was killed.
    #[error("did not answer within {0:?}")]
    Timeout(Duration),
    /// It said something else, and was killed.
    #[error("answered garbage: {0}")]
    Garbage(#[source] FrameError),
    /// It repeated an answer, or said more than one, and was killed.
    #[error("answered out of turn")]
    OutOfTurn,
    /// It closed its end and went on, and was killed.
    #[error("closed the pipe")]
    Closed,
    /// All children were busy until the deadline.
    #[error("was not free in time")]
    Busy,
}

impl Failure {
    /// How a child ended.
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.signal(), status.code()) {
            (Some(signal), _) => Self::Signal(signal),
            (None, Some(code)) => Self::Exit(code),
            (None, None) => Self::Closed,
        }
    }

    /// In metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Launch(_) | Self::Setup(_) => "launch",
            Self::Signal(SIGXCPU) => "cpu",
            Self::Signal(_) => "signal",
            Self::Exit(_) => "exit",
            Self::Timeout(_) => "timeout",
            Self::Garbage(_) | Self::OutOfTurn | Self::Closed => "garbage",
            Self::Busy => "busy",
        }
    }
}

const SIGXCPU: i32 = 24;

/// What the signals mean that a child may die by.
fn signal(number: i32) -> &'static str {
    match number {
        4 => "SIGILL",
        6 => "SIGABRT: it aborted, for want of memory or stack or by a mistake",
        7 => "SIGBUS",
        9 => "SIGKILL: it was killed, by the system for want of memory or by somebody",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        SIGXCPU => "SIGXCPU: its CPU time was used up",
        31 => "SIGSYS: it made a system call that it may not make",
        _ => "no usual one",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_by_signal_or_code() {
        let cases = [
            (
                6,
                "was ended by signal 6 (SIGABRT: it aborted, for want of memory or stack or by a mistake)",
                "signal",
            ),
            (SIGXCPU, "was ended by signal 24 (SIGXCPU: its CPU time was used up)", "cpu"),
            (3 << 8, "ended with code 3", "exit"),
        ];
        for (raw, text, label) in cases {
            let failure = Failure::of(ExitStatus::from_raw(raw));
            assert_eq!((failure.to_string().as_str(), failure.label()), (text, label));
        }
    }
}
