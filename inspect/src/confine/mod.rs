//! What holds a program that is not ours: a scanner that is run for each mail.
//!
//! The cage of our own parsers would kill it: it must read its own files and may use any system call. So it gets what a
//! foreign program can live with: limits, no new privileges, files by Landlock, no sockets and no way out of its process
//! group by seccomp. A process does this to itself and then becomes the program, since nothing else may run between
//! fork and exec without unsafe code. Deliberately absent: namespaces, users, and anything against a kernel that has
//! holes.

mod files;
mod limits;
mod syscalls;

use std::path::PathBuf;

use thiserror::Error;

/// What a program may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Address space of each of its processes, in bytes.
    pub memory_bytes_max: u64,
    /// CPU time of each of its processes, in seconds.
    pub cpu_seconds_max: u64,
    /// Size of a file that it writes, in bytes.
    pub file_bytes_max: u64,
    /// Whether it may open sockets.
    pub has_network: bool,
    /// What it may read and run, besides the usual places of programs and libraries.
    pub readable: Vec<PathBuf>,
    /// Directories in which it may write.
    pub writable: Vec<PathBuf>,
}

/// It cannot be held at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("limits cannot be set: {0}")]
pub struct ConfineError(String);

impl Confinement {
    /// Puts it in force for this process and all that it starts, for good. Gives what the kernel lacks.
    ///
    /// # Errors
    /// When not even the limits can be set, as every kernel allows.
    pub fn enter(&self) -> Result<Vec<String>, ConfineError> {
        limits::set(self).map_err(ConfineError)?;
        let missing = [
            ("landlock", files::restrict(self)),
            // Last, since it would forbid what the others need.
            ("seccomp", syscalls::restrict(self.has_network)),
        ];
        let missing =
            missing.into_iter().filter_map(|(lock, result)| Some(format!("{lock}: {}", result.err()?)));
        Ok(missing.collect())
    }
}
