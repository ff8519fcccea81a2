//! The place of the ledger: a directory, the database and the journal in it, and the lock that makes it this process's.
//!
//! The lock is what proves after a start that the owners of all claims in the file are dead. It is held for as long as
//! the process lives, also while the database is closed and opened again after a failure. A file that is no ledger
//! (any more) is put aside, never removed, and never a reason not to start.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, StorageError};
use thiserror::Error;

use crate::disk::Disk;
use crate::journal::{Entry, Journal};
use crate::settings::Sync;
use crate::tables::begin;
use crate::unix_seconds;

/// The ledger's name in its directory.
const FILE: &str = "ledger.redb";
/// Memory of the database for pages; the kernel's own cache holds the rest.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// A file that was locked may have been put aside meanwhile, which happens once.
const LOCK_TRIES: usize = 3;
/// What must fit on the disk before a ledger that could not be written is used again.
const ROOM_BYTES: usize = 256 * 1024;

/// Why there is no ledger.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The directory is not there and cannot be made.
    #[error("making the directory {0} for the ledger (ledger.directory, --state-directory)")]
    Directory(PathBuf, #[source] io::Error),
    /// Another process works here.
    #[error(
        "{0} is in use by another process: each needs a directory of its own (ledger.directory, --state-directory)"
    )]
    InUse(PathBuf),
    /// The file cannot be read or written.
    #[error("opening the ledger {0}")]
    File(PathBuf, #[source] io::Error),
    /// The database does not work, and not for a fault of the file.
    #[error("opening the ledger {0}")]
    Database(PathBuf, #[source] Box<redb::Error>),
    /// What was written last cannot be taken into it.
    #[error("bringing the ledger up to date: {0}")]
    Update(String),
}

/// A locked file.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    sync: Sync,
    disk: Disk,
}

impl Place {
    /// Makes `directory` where it is missing, and the ledger in it this process's.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn take(directory: &Path, sync: Sync) -> Result<Self, OpenError> {
        fs::create_dir_all(directory).map_err(|error| OpenError::Directory(directory.to_owned(), error))?;
        let path = directory.join(FILE);
        let disk = locked(&path, sync)?;
        Ok(Self { path, sync, disk })
    }

    /// The database in it; the one before must be closed. A file that cannot be opened as ours is put aside.
    ///
    /// # Errors
    /// When there cannot be one.
    pub(crate) fn database(&mut self) -> Result<Database, OpenError> {
        match self.open() {
            Ok(database) => return Ok(database),
            Err(Fault::Damage(why)) => self.put_aside(&why)?,
            Err(Fault::Other(error)) => return Err(self.failed(error)),
        }
        self.open().map_err(|fault| match fault {
            Fault::Damage(why) => OpenError::File(self.path.clone(), io::Error::other(why)),
            Fault::Other(error) => self.failed(error),
        })
    }

    /// The journal beside it, and what it held.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn journal(&self) -> Result<(Journal, Vec<Entry>), OpenError> {
        let path = self.path.with_extension("journal");
        let opened = open_file(&path).and_then(|file| {
            // Both names are on the disk, or after a power cut there would be files that nobody finds.
            File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
            Journal::open(Disk::new(file, self.sync)?)
        });
        opened.map_err(|error| OpenError::File(path, error))
    }

    /// Whether the disk has room for more.
    ///
    /// # Errors
    /// When it has not.
    pub(crate) fn has_room(&self) -> io::Result<()> {
        let probe = self.path.with_extension("probe");
        let written = fs::write(&probe, vec![0; ROOM_BYTES]);
        let removed = fs::remove_file(&probe);
        written.and(removed)
    }

    fn open(&self) -> Result<Database, Fault> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = builder.create_with_backend(self.disk.backend())?;
            begin(&database).map_err(of_tables)?;
            Ok(database)
        }));
        opened.unwrap_or_else(|_| Err(Fault::Damage("the database gave up on it".into())))
    }

    fn put_aside(&mut self, why: &str) -> Result<(), OpenError> {
        let failed = |error| OpenError::File(self.path.clone(), error);
        let name = format!("{FILE}.damaged-{}", unix_seconds());
        let aside = self.path.with_file_name(name);
        fs::rename(&self.path, &aside).map_err(failed)?;
        tracing::error!(
            why,
            file = %self.path.display(),
            aside = %aside.display(),
            "the ledger was damaged and is put aside: retries of earlier mails may bring second copies"
        );
        self.disk = locked(&self.path, self.sync)?;
        Ok(())
    }

    fn failed(&self, error: redb::Error) -> OpenError {
        match error {
            redb::Error::Io(error) => OpenError::File(self.path.clone(), error),
            other => OpenError::Database(self.path.clone(), Box::new(other)),
        }
    }
}

/// Why a file cannot be used.
enum Fault {
    /// It is no ledger of ours.
    Damage(String),
    /// It may be a good one.
    Other(redb::Error),
}

impl From<DatabaseError> for Fault {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::UpgradeRequired(_) | DatabaseError::RepairAborted => {
                Self::Damage(error.to_string())
            }
            DatabaseError::Storage(error) => of_storage(error),
            other => Self::Other(other.into()),
        }
    }
}

fn of_tables(error: redb::Error) -> Fault {
    match error {
        redb::Error::Corrupted(why) => Fault::Damage(why),
        error @ (redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. }) => Fault::Damage(error.to_string()),
        error => Fault::Other(error),
    }
}

fn of_storage(error: StorageError) -> Fault {
    match error {
        StorageError::Corrupted(why) => Fault::Damage(why),
        StorageError::Io(error)
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            Fault::Damage(error.to_string())
        }
        other => Fault::Other(other.into()),
    }
}

/// The file at `path`, made where it is missing, under our lock.
fn locked(path: &Path, sync: Sync) -> Result<Disk, OpenError> {
    let failed = |error| OpenError::File(path.to_owned(), error);
    for _ in 0..LOCK_TRIES {
        let file = open_file(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if is_at(&file, path) {
            return Disk::new(file, sync).map_err(failed);
        }
    }
    Err(OpenError::InUse(path.to_owned()))
}

/// For nobody else to read: addresses of the next hop's replies are in there.
fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Whether the file that was locked still has its name.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(named)) => (ours.dev(), ours.ino()) == (named.dev(), named.ino()),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(test)]
mod tests;
