//! What a process that was taken over would try, for the self-test of the cage.
//!
//! Each is tried in a process of its own, since most end it.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getppid, setrlimit, test_kill_process};

/// A thing that the cage must refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Read a file.
    Read,
    /// Make a file.
    Write,
    /// List a directory.
    List,
    /// Connect to a port.
    Connect,
    /// Open a port.
    Listen,
    /// Make a socket for datagrams.
    Datagram,
    /// Make a unix socket.
    Unix,
    /// Start a program.
    Execute,
    /// Start a thread.
    Thread,
    /// See whether its parent can be signalled.
    Signal,
    /// Take more memory than it may.
    Memory,
    /// Raise a limit.
    Raise,
}

impl Attempt {
    /// Each of them.
    pub const ALL: [Self; 12] = [
        Self::Read,
        Self::Write,
        Self::List,
        Self::Connect,
        Self::Listen,
        Self::Datagram,
        Self::Unix,
        Self::Execute,
        Self::Thread,
        Self::Signal,
        Self::Memory,
        Self::Raise,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Connect => "connect",
            Self::Listen => "listen",
            Self::Datagram => "datagram",
            Self::Unix => "unix",
            Self::Execute => "execute",
            Self::Thread => "thread",
            Self::Signal => "signal",
            Self::Memory => "memory",
            Self::Raise => "raise",
        }
    }

    /// Whether it can be done here.
    pub fn succeeds(self) -> bool {
        match self {
            Self::Read => File::open("/etc/passwd").is_ok(),
            Self::Write => write(),
            Self::List => fs::read_dir("/").is_ok(),
            // Refused by nobody is a connection to a port where nobody listens.
            Self::Connect => match TcpStream::connect("127.0.0.1:1") {
                Ok(_) => true,
                Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            },
            Self::Listen => TcpListener::bind("127.0.0.1:0").is_ok(),
            Self::Datagram => UdpSocket::bind("127.0.0.1:0").is_ok(),
            Self::Unix => UnixDatagram::unbound().is_ok(),
            Self::Execute => Command::new("/bin/true").status().is_ok(),
            Self::Thread => {
                std::thread::Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok())
            }
            Self::Signal => getppid().is_some_and(|parent| test_kill_process(parent).is_ok()),
            Self::Memory => Vec::<u8>::new().try_reserve_exact(1024 * 1024 * 1024).is_ok(),
            Self::Raise => {
                setrlimit(Resource::Stack, Rlimit { current: Some(1 << 20), maximum: None }).is_ok()
            }
        }
    }
}

fn write() -> bool {
    let path = std::env::temp_dir().join(format!("mailweir-attempt-{}", std::process::id()));
    let is_written = File::create(&path).is_ok();
    if is_written && let Err(error) = fs::remove_file(&path) {
        return error.kind() != std::io::ErrorKind::NotFound;
    }
    is_written
}
