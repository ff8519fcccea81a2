//! One run of the program: the content in, a bounded part of what it says out, and its end for sure.
//!
//! It runs in a process group of its own, and all of that is killed when the program has ended or is not waited for any
//! more. The group is killed before the program's own entry is taken off the kernel's list, so that its number cannot be
//! somebody else's by then.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Sender;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::timeout;

use super::Settings;

/// What is kept of the standard output and of the standard error, in bytes; the rest is read and forgotten.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
const ERRORS_BYTES_MAX: usize = 4 * 1024;
/// How long the last of its output is waited for once the whole group is dead.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Where programs look for others; everything else that we have in our environment is ours.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A run that came to its end.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
    /// Whether the program took the content to its end.
    pub(super) has_read_all: bool,
}

/// Runs the program on `content`. When this is dropped, its processes are killed.
pub(super) async fn run(settings: &Settings, content: &[u8]) -> io::Result<Ended> {
    let (theirs, ours) = io::pipe()?;
    // What is left in the pipe at the end was not read. Only a reading end can tell, so we keep one.
    let unread = theirs.try_clone()?;
    // From before it starts, so that its end is not missed.
    let mut children = signal(SignalKind::child())?;
    let mut child = command(settings).stdin(theirs).spawn()?;
    let group = Group::of(&child)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let has_read_all = {
        let is_fed = AtomicBool::new(false);
        let mut io = pin!(async {
            let feed = async { is_fed.store(feed(ours.into(), content).await, Ordering::Relaxed) };
            let output = keep(stdout, &mut output, OUTPUT_BYTES_MAX);
            tokio::join!(feed, output, keep(stderr, &mut errors, ERRORS_BYTES_MAX));
        });
        let is_done = tokio::select! {
            () = &mut io => true,
            result = group.ended(&mut children) => { result?; false }
        };
        if is_done {
            group.ended(&mut children).await?;
        }
        group.kill();
        // What was not written by now is read by nobody, also where a process that is just being started holds our end
        // for a moment and lets it be written.
        let has_read_all = is_fed.load(Ordering::Relaxed) && remaining(&unread)? == 0;
        // Who still writes to it gets an error now.
        drop(unread);
        if !is_done {
            // Nobody is left who writes; what stays open longer was handed to somebody else.
            drop(timeout(LAST_WORDS, io).await);
        }
        has_read_all
    };
    let status = child.wait().await?;
    group.forget();
    Ok(Ended { status, output, errors, has_read_all })
}

fn command(settings: &Settings) -> Command {
    let mut command = match &settings.launcher {
        Some(launcher) => {
            let mut command = Command::new(&launcher.path);
            command.args(&launcher.arguments).arg(&settings.program);
            command
        }
        None => Command::new(&settings.program),
    };
    command
        .args(&settings.arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Writes all of it and closes; whether it got that far.
async fn feed(pipe: OwnedFd, content: &[u8]) -> bool {
    match Sender::from_owned_fd(pipe) {
        Ok(mut pipe) => pipe.write_all(content).await.is_ok(),
        Err(error) => {
            tracing::warn!(%error, "cannot write to a scanning program");
            false
        }
    }
}

/// Reads to the end and keeps the first `most` bytes.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, most: usize) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        let room = most.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
}

fn remaining(pipe: &PipeReader) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(pipe)?)
}

/// All processes of a run, killed when this is dropped.
struct Group {
    leader: Pid,
    is_gone: bool,
}

impl Group {
    fn of(child: &Child) -> io::Result<Self> {
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let leader = id.ok_or_else(|| io::Error::other("no process"))?;
        Ok(Self { leader, is_gone: false })
    }

    /// Waits until the leader has ended; its entry stays. `children` tells of every child that ends.
    async fn ended(&self, children: &mut Signals) -> io::Result<()> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(self.leader), options)?.is_none() {
            children.recv().await;
        }
        Ok(())
    }

    fn kill(&self) {
        if let Err(error) = kill_process_group(self.leader, Signal::KILL) {
            // Most likely they are gone already.
            tracing::debug!(%error, "a scanning program was not killed");
        }
    }

    /// The leader's entry is gone, and its number may be given to others.
    fn forget(mut self) {
        self.is_gone = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_gone {
            self.kill();
        }
    }
}
