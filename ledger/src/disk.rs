//! The file behind the database: what is written is the kernel's at once, and the disk's when the settings say so.
//!
//! The database's own lazy modes keep commits in memory, where kill -9 loses them. Here every commit is written, and
//! only the wait for the disk is left out: a thread sees to that about once a second. A disk that reports an error
//! then fails the next commit, since nobody knows what it has kept.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::StorageBackend;

use crate::settings::Sync;

/// Longest time that something written is not asked to be on the disk.
const LAZY_INTERVAL: Duration = Duration::from_secs(1);

/// One file of a ledger, and the thread that syncs it where it is lazy.
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    file: File,
    sync: Sync,
    /// Something was written that nobody asked the disk to keep.
    is_dirty: AtomicBool,
    /// Why the disk did not keep what was written before.
    failed: Mutex<Option<io::Error>>,
}

impl Disk {
    /// Takes `file`, which is locked already.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn new(file: File, sync: Sync) -> io::Result<Self> {
        Self::with_interval(file, sync, LAZY_INTERVAL)
    }

    fn with_interval(file: File, sync: Sync, interval: Duration) -> io::Result<Self> {
        let shared = Shared { file, sync, is_dirty: AtomicBool::new(false), failed: Mutex::default() };
        let shared = Arc::new(shared);
        let mut disk = Self { shared: shared.clone(), stop: None, thread: None };
        if sync == Sync::Lazy {
            let (stop, stopped) = channel();
            let thread = std::thread::Builder::new().name("ledger-sync".into());
            disk.stop = Some(stop);
            disk.thread = Some(thread.spawn(move || shared.sync_now_and_then(&stopped, interval))?);
        }
        Ok(disk)
    }

    /// What the database is given. Only one at a time may be in use.
    pub(crate) fn backend(&self) -> impl StorageBackend {
        Backend(self.shared.clone())
    }

    /// All that is in the file.
    pub(crate) fn read_all(&self) -> io::Result<Vec<u8>> {
        let file = &self.shared.file;
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.shared.file.write_all_at(data, offset)
    }

    pub(crate) fn set_len(&self, len: u64) -> io::Result<()> {
        self.shared.file.set_len(len)
    }

    /// Has what was written on the disk, or soon, as the settings say.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.shared.sync()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It does nothing that could panic, and there is nobody to tell.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn sync_now_and_then(&self, stopped: &Receiver<()>, interval: Duration) {
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
            self.sync_what_is_dirty();
        }
    }

    fn sync_what_is_dirty(&self) {
        if !self.is_dirty.swap(false, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.file.sync_data() {
            tracing::error!(%error, "the disk did not keep the ledger");
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    fn sync(&self) -> io::Result<()> {
        match self.sync {
            Sync::Always => self.file.sync_data(),
            Sync::Lazy => {
                self.is_dirty.store(true, Ordering::Release);
                self.check()
            }
        }
    }

    /// The error of the thread, once.
    fn check(&self) -> io::Result<()> {
        match self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// A handle of the database on the file.
#[derive(Debug)]
struct Backend(Arc<Shared>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.file.write_all_at(data, offset)
    }

    /// The lock stays, for the next handle.
    fn close(&self) -> io::Result<()> {
        self.0.is_dirty.store(false, Ordering::Release);
        self.0.file.sync_data()
    }
}

#[cfg(test)]
mod tests;
