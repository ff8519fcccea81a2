//! SIGTERM and SIGINT: the first asks to drain, the second to leave at once.
//!
//! Registered before anything else is started: a signal that comes early must not take the default action and cut a mail
//! off.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the rest of the process watches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    /// Take no new mail, finish what is under way.
    pub(crate) drain: CancellationToken,
    /// Drop everything.
    pub(crate) force: CancellationToken,
}

/// Registered signals.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Registers; from here on neither signal ends the process by itself. Needs a runtime.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn register() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Passes signals on until the second has come.
    pub(crate) async fn pass_on(mut self, shutdown: Shutdown) {
        let name = self.next().await;
        tracing::info!(signal = name, "draining");
        shutdown.drain.cancel();
        let name = self.next().await;
        tracing::warn!(signal = name, "second signal, leaving at once");
        shutdown.force.cancel();
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
