//! Waiting: for a future with a deadline, or for the state of something that has no event to wait for.
//!
//! Deadlines are generous since they only end tests that have failed already; nobody waits for them otherwise.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long anything may take before the test has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often the state of a foreign process is asked for. Its files and queues have no event that we could wait for.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Awaits `future`; fails the test with `what` after [`DEADLINE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("nothing happened within {DEADLINE:?}: {what}"),
    }
}

/// Asks `probe` until it gives a value; fails the test with `what` after [`DEADLINE`].
///
/// Only for the state of other processes (a file that they write, a socket that they open, a queue that they empty).
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "not so within {DEADLINE:?}: {what}");
        sleep(ASK_EVERY).await;
    }
}
