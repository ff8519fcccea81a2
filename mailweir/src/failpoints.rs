//! What a failpoint does to this process; only tests, and only debug builds, ever have one.

use std::sync::Arc;

use proto::failpoint::{Action, FailpointError, Failpoints};
use rustix::process::{Signal, getpid, kill_process};

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
}
