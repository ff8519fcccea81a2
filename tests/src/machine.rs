//! How many tests may load the machine at once.
//!
//! The test runner starts as many tests as there are cores. A light test holds one place; a heavy one (thousands of
//! mails, tens of megabytes) all of them, so that its deadlines measure Mailweir and not its neighbours.

use tokio::sync::{Semaphore, SemaphorePermit};

const PLACES: u32 = 4;

static MACHINE: Semaphore = Semaphore::const_new(PLACES as usize);

/// A place for a test that runs a few mails.
pub async fn light() -> SemaphorePermit<'static> {
    MACHINE.acquire().await.expect("never closed")
}

/// All places.
pub async fn heavy() -> SemaphorePermit<'static> {
    MACHINE.acquire_many(PLACES).await.expect("never closed")
}
