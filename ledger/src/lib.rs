//! The ledger of one machine: what became of each mail, in a file that survives kill -9.
//!
//! A mail is claimed before the next hop's final dot and its outcome recorded behind it; a retry finds the record, or
//! joins the work that is under way. The protocol is [`proto::ledger::Walk`], the same as over the queue; here one at a
//! time carries it out, over an embedded database and a journal of what the database does not have yet.
//!
//! Deliberately absent: mails without an IDENT, whose retries nobody can know and for which nothing is ever written;
//! scanning and delivery, which the caller brings along; and beats of claims, since the file's lock proves that every
//! owner of another process is dead.

#![warn(missing_docs)]

mod claims;
mod disk;
mod flights;
mod journal;
mod keys;
mod living;
mod metrics;
mod place;
mod queue;
mod settings;
mod store;
mod submit;
mod tables;
mod writer;

pub use claims::{Claimed, Claims};
pub use metrics::Metrics;
pub use place::OpenError;
pub use settings::{Settings, Sync};
pub use submit::Work;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proto::failpoint::Failpoints;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use flights::Flights;
use living::Living;
use place::Place;
use queue::Queue;
use store::Store;
use tables::Limits;
use writer::Writer;

/// An open ledger. Close it with [`Ledger::close`], or the next start may have to check the whole file.
pub struct Ledger {
    shared: Arc<Shared>,
    run_on: Duration,
    /// The work whose client does not wait for it any more.
    tasks: TaskTracker,
    runtime: Handle,
    closed: oneshot::Receiver<()>,
}

/// What the parts of one ledger have in common.
struct Shared {
    store: Store,
    queue: Queue,
    /// Whoever holds it writes. `None` once it is closed.
    writer: Mutex<Option<Writer>>,
    sync: Sync,
    living: Living,
    flights: Flights,
    metrics: Metrics,
    failpoints: Failpoints,
    settle: Duration,
    run_on_kib: Semaphore,
    is_writable: watch::Sender<bool>,
    /// Drops all work.
    stop: CancellationToken,
}

impl Ledger {
    /// Opens the ledger of a directory, or begins one. Blocks; after a kill it checks the whole file first. Needs a
    /// runtime.
    ///
    /// # Errors
    /// When the directory or the file cannot be used.
    pub fn open(settings: Settings, metrics: Metrics) -> Result<Self, OpenError> {
        let place = Place::take(&settings.directory, settings.sync)?;
        let limits = Limits { max_age: settings.max_age, records_max: settings.records_max };
        let shared = Arc::new(Shared {
            store: Store::default(),
            queue: Queue::default(),
            writer: Mutex::default(),
            sync: settings.sync,
            living: Living::default(),
            flights: Flights::default(),
            metrics,
            failpoints: settings.failpoints,
            settle: settings.settle,
            run_on_kib: Semaphore::new(run_on_kib(settings.run_on_bytes_max)),
            is_writable: watch::Sender::new(true),
            stop: CancellationToken::new(),
        });
        let writer = Writer::begin(&shared, place, limits)?;
        *shared.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
        shared.set_writable(true);
        let (closing, closed) = oneshot::channel();
        let writing = shared.clone();
        let thread = std::thread::Builder::new().name("ledger".into());
        let spawned = thread.spawn(move || {
            writer::run(&writing);
            drop((writing, closing));
        });
        spawned.map_err(|error: io::Error| OpenError::File(settings.directory, error))?;
        Ok(Self {
            shared,
            run_on: settings.run_on,
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            closed,
        })
    }

    /// Whether claims can be granted now, and each change of that.
    pub fn is_writable(&self) -> watch::Receiver<bool> {
        self.shared.is_writable.subscribe()
    }

    /// Waits until no work is under way. Call it when no mail is submitted any more.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Drops the work that is under way, writes what waits to be written and closes the file.
    pub async fn close(mut self) {
        self.shared.stop.cancel();
        self.finished().await;
        self.shared.queue.close();
        // Ends with an error, when the thread has.
        drop((&mut self.closed).await);
    }
}

/// The thread ends, but nobody waits for that.
impl Drop for Ledger {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.queue.close();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("is_writable", &*self.shared.is_writable.borrow())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn is_broken(&self) -> bool {
        !*self.is_writable.borrow()
    }

    fn set_writable(&self, is_writable: bool) {
        self.metrics.writable.set(i64::from(is_writable));
        self.is_writable.send_replace(is_writable);
    }
}

fn run_on_kib(bytes: u64) -> usize {
    usize::try_from(bytes / 1_024).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

/// Wall clock: ages outlive the process, and its monotonic clock.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn unix_seconds() -> u64 {
    unix_ms() / 1_000
}

#[cfg(test)]
mod tests;
