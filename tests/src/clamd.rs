//! A real clamd with a database of two signatures made here: EICAR, and the file of the clamav-testfiles package.
//!
//! No download, and a start within a tenth of a second. It takes 64 MiB and alerts on limits and encryption, as the
//! operators' guide asks for; a test may have it otherwise.

use std::path::{Path, PathBuf};
use std::{env, fs};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::io::connect;
use crate::mails::eicar;
use crate::port::ReservedPort;
use crate::process::{Process, tool};
use crate::wait::eventually;

/// MD5, size and name of `clam.exe`, which the test files hide in every way that clamd can see through.
const TEST_FILE_SIGNATURE: &str = "aa15bcf478d165efd2065190eb473bcb:544:ClamAV-Test-File\n";

/// What a test may set: how much clamd looks into, and whether it says what it does not look into.
pub const GOOD: &str =
    "StreamMaxLength 64M\nMaxFileSize 64M\nMaxScanSize 64M\nAlertExceedsMax yes\nAlertEncrypted yes\n";

/// A running clamd.
pub struct Clamd {
    process: Process,
    port: ReservedPort,
    directory: TempDir,
}

impl Clamd {
    /// Starts one on a TCP port and a unix socket.
    pub async fn start() -> Self {
        Self::start_with(GOOD, true).await
    }

    /// The same with its temporary files below `parent`.
    pub async fn start_in(parent: &Path) -> Self {
        Self::start_knowing(parent, GOOD, &eicar_anywhere(true)).await
    }

    /// The same with these lines instead of the good ones, and with EICAR among its signatures or not.
    pub async fn start_with(lines: &str, knows_eicar: bool) -> Self {
        Self::start_knowing(&env::temp_dir(), lines, &eicar_anywhere(knows_eicar)).await
    }

    /// One that knows EICAR only where a file begins with it, as the official signatures do. So a container in which it
    /// stands as it is has to be opened as well.
    pub async fn start_exact() -> Self {
        let signature = format!("Eicar-Test-Signature:0:0:{}\n", hex(&eicar()));
        Self::start_knowing(&env::temp_dir(), GOOD, &signature).await
    }

    async fn start_knowing(parent: &Path, lines: &str, signature: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("clamd-").tempdir_in(parent).expect("make directory");
        let port = ReservedPort::new();
        fs::create_dir(directory.path().join("database")).expect("make directory");
        write_configuration(directory.path(), &port, lines, signature);
        let process = launch(directory.path(), &port).await;
        Self { process, port, directory }
    }

    /// `HOST:PORT`.
    pub fn tcp(&self) -> String {
        self.port.endpoint()
    }

    /// `unix:PATH`.
    pub fn unix(&self) -> String {
        socket(self.directory.path())
    }

    /// The server process, whose use of CPU and memory can be asked for.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// kill -9: connections are refused afterwards.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again at the same endpoints.
    pub async fn restart(&mut self) {
        self.kill();
        self.process = launch(self.directory.path(), &self.port).await;
    }

    /// Starts again with other lines and signatures.
    pub async fn restart_with(&mut self, lines: &str, knows_eicar: bool) {
        write_configuration(self.directory.path(), &self.port, lines, &eicar_anywhere(knows_eicar));
        self.restart().await;
    }

    /// Takes connections, as the kernel does it, and answers nothing.
    pub fn hang(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Ends [`Clamd::hang`].
    pub fn go_on(&self) {
        self.process.signal(Signal::CONT);
    }
}

/// The files of clamav-testfiles: harmless, and each contains `clam.exe` somehow.
pub fn test_files() -> Vec<PathBuf> {
    let directory = tool(&["/usr/share/clamav-testfiles"], "clamav-testfiles");
    let entries = fs::read_dir(directory).expect("list test files");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("list test files").path()).collect();
    files.sort();
    files
}

fn socket(directory: &Path) -> String {
    format!("unix:{}", directory.join("clamd.sock").display())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signature of EICAR wherever it stands, or one that is found in nothing.
fn eicar_anywhere(knows_eicar: bool) -> String {
    let other = if knows_eicar { "" } else { "00" };
    format!("Eicar-Test-Signature:0:*:{other}{}\n", hex(&eicar()))
}

fn write_configuration(directory: &Path, port: &ReservedPort, lines: &str, signature: &str) {
    let database = directory.join("database");
    fs::write(database.join("test.ndb"), signature).expect("write signature");
    fs::write(database.join("test.hdb"), TEST_FILE_SIGNATURE).expect("write signature");
    let directory = directory.display();
    let number = port.number();
    let configuration = format!(
        "Foreground yes\nDatabaseDirectory {directory}/database\nTemporaryDirectory {directory}\n\
         LocalSocket {directory}/clamd.sock\nFixStaleSocket yes\nTCPSocket {number}\nTCPAddr 127.0.0.1\n\
         MaxThreads 4\nMaxConnectionQueueLength 100\n{lines}"
    );
    fs::write(format!("{directory}/clamd.conf"), configuration).expect("write clamd.conf");
}

async fn launch(directory: &Path, port: &ReservedPort) -> Process {
    let clamd = tool(&["/usr/sbin/clamd", "/usr/bin/clamd"], "clamav-daemon");
    let configuration = format!("--config-file={}", directory.join("clamd.conf").display());
    let mut process = Process::start("clamd", &clamd, &[configuration], directory);
    // It loads its database, then opens both sockets; it has no other way to say so.
    for endpoint in [port.endpoint(), socket(directory)] {
        eventually("clamd takes connections", async || {
            assert!(process.status().is_none(), "{}", process.log_tail());
            connect(&endpoint).await.ok()
        })
        .await;
    }
    process
}
