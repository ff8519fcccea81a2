//! What a failpoint does to this process; only tests, and only debug builds, ever have one.

use std::sync::Arc;
use std::time::Duration;

use proto::failpoint::{Action, FailpointError, Failpoints};
use rustix::process::{Signal, getpid, kill_process};

/// Longer than the kernel takes to stop all threads.
const TO_STOP: Duration = Duration::from_millis(200);

/// Reads the text of the variable that names them.
///
/// # Errors
/// When it names none, or this is a release build.
pub(crate) fn parse(text: &str) -> Result<Failpoints, FailpointError> {
    Failpoints::parse(text, Arc::new(act))
}

fn act(action: Action) {
    let signal = match action {
        Action::Kill => Signal::KILL,
        Action::Stop => Signal::STOP,
    };
    tracing::warn!(?action, "failpoint");
    if let Err(error) = kill_process(getpid(), signal) {
        tracing::error!(%error, "failpoint");
    }
    if action == Action::Stop {
        // The kernel may give the signal to another thread first; until that has stopped us all, this one would go on.
        std::thread::park_timeout(TO_STOP);
    }
}
