//! How many tests may load the machine at once.
//!
//! The test runner starts more tests than there are cores, since most of them wait for most of their time. A light test
//! holds one place; three servers with the roles over them half of all; a heavy test (thousands of mails, tens of
//! megabytes) all of them, so that its deadlines measure Mailweir and not its neighbours. Whoever lets time pass gives
//! its place back for so long.

use tokio::sync::{Semaphore, SemaphorePermit};

const PLACES: u32 = 6;

static MACHINE: Semaphore = Semaphore::const_new(PLACES as usize);

/// A place for a test that runs a few mails.
pub async fn light() -> SemaphorePermit<'static> {
    MACHINE.acquire().await.expect("never closed")
}

/// Places for three servers and the roles over them.
pub async fn half() -> SemaphorePermit<'static> {
    MACHINE.acquire_many(PLACES / 2).await.expect("never closed")
}

/// All places.
pub async fn heavy() -> SemaphorePermit<'static> {
    MACHINE.acquire_many(PLACES).await.expect("never closed")
}
