//! A small file system in memory, to be filled up. Needs root, as the tests with Postfix do.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted file system; unmounted when dropped.
pub struct Tmpfs {
    directory: TempDir,
}

impl Tmpfs {
    /// One of that many bytes, with nothing in it.
    pub fn mount(bytes: u64) -> Self {
        let directory = tempfile::Builder::new().prefix("tmpfs-").tempdir().expect("make directory");
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "mailweir-test"]).arg(directory.path());
        let status = mount.status().expect("run mount");
        assert!(status.success(), "cannot mount a tmpfs (these tests run as root)");
        Self { directory }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Leaves no space.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).expect("create file");
        // Pieces become smaller, since a write that does not fit as a whole may leave space.
        for piece in [vec![0_u8; 64 * 1024], vec![0; 4096], vec![0; 64]] {
            while file.write_all(&piece).is_ok() {}
        }
    }

    /// Gives the space back.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("remove file");
    }

    fn filler(&self) -> PathBuf {
        self.directory.path().join("filler")
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a server of the failed test may still have files open.
        let _status = Command::new("umount").arg("-l").arg(self.directory.path()).status();
    }
}
