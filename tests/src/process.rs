//! A child process: its log in a file, its end as an event, and its end for sure when it is dropped.
//!
//! It is started through `setpriv --pdeathsig`, so that it does not outlive tests that were killed themselves, and
//! killed as a group, so that its own children do not outlive it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::wait::{DEADLINE, eventually};

/// Lines of a log that are printed when the test fails.
const LOG_TAIL_LINES: usize = 60;

/// Whether the process leads its group from the start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// We make the group.
    Ours,
    /// It makes its own session, and would refuse to do so as the leader of a group (Postfix's master).
    Its,
}

/// A running, or ended, child.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with `args`; standard output and error go to `DIR/NAME.log`.
    pub fn start<S: AsRef<OsStr>>(name: &str, program: &Path, args: &[S], dir: &Path) -> Self {
        Self::start_in(Group::Ours, name, program, args, &[], dir)
    }

    /// As [`Process::start`], with more variables in its environment.
    pub fn start_with<S: AsRef<OsStr>>(
        variables: &[(String, String)],
        name: &str,
        program: &Path,
        args: &[S],
        dir: &Path,
    ) -> Self {
        Self::start_in(Group::Ours, name, program, args, variables, dir)
    }

    /// As [`Process::start_with`], with a choice of process group.
    pub fn start_in<S: AsRef<OsStr>>(
        group: Group,
        name: &str,
        program: &Path,
        args: &[S],
        variables: &[(String, String)],
        dir: &Path,
    ) -> Self {
        let log = dir.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("create log file");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("RUST_BACKTRACE", "1")
            .envs(variables.iter().map(|(name, text)| (name, text)))
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("clone log file"))
            .stderr(file);
        if group == Group::Ours {
            command.process_group(0);
        }
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {name} through setpriv (package util-linux): {e}"));
        Self { name: name.to_owned(), child, log }
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("send signal");
    }

    /// Sends a signal to the process and its children.
    pub fn signal_all(&self, signal: Signal) {
        kill_process_group(Pid::from_child(&self.child), signal).expect("send signal");
    }

    /// kill -9 for the process and its children; it is gone when this returns.
    pub fn kill(&mut self) {
        let pid = Pid::from_child(&self.child);
        if matches!(self.child.try_wait(), Ok(None)) {
            // One of the two fails when it leads no group, or has just ended.
            let _group = kill_process_group(pid, Signal::KILL);
            let _alone = kill_process(pid, Signal::KILL);
            let _status = self.child.wait();
        }
    }

    /// Asks it to end and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        self.ended_within(DEADLINE).await
    }

    /// As [`Process::ended`], for what takes long when all is well.
    pub async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        // Before the first look, so that no end is missed.
        let mut a_child_ended = signal(SignalKind::child()).expect("watch SIGCHLD");
        let ended = async {
            loop {
                if let Some(status) = self.status() {
                    return status;
                }
                a_child_ended.recv().await;
            }
        };
        match timeout(limit, ended).await {
            Ok(status) => status,
            Err(_) => panic!("{} did not end within {limit:?}", self.name),
        }
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("ask for child")
    }

    /// Waits until it has stopped itself, or was stopped (SIGSTOP). The kernel tells that only to its debugger.
    pub async fn stopped(&mut self) {
        let stat = format!("/proc/{}/stat", self.id());
        eventually("the process is stopped", async || {
            assert!(self.status().is_none(), "{} has ended\n{}", self.name, self.log_tail());
            // Behind the name in brackets, which may contain anything.
            let stat = fs::read_to_string(&stat).ok()?;
            stat.rsplit_once(')')?.1.trim_start().starts_with('T').then_some(())
        })
        .await;
    }

    /// Everything that it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The end of what it has printed, with a heading.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
        format!("--- end of the log of {} ---\n{}\n", self.name, tail.join("\n"))
    }

    /// Peak resident memory so far, in KiB.
    pub fn memory_peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        kib.unwrap_or(0)
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the log belongs into the report of the failed test")]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
    }
}

/// The path of an installed tool; fails with the package that has it.
pub fn tool(candidates: &[&str], package: &str) -> PathBuf {
    let found = candidates.iter().map(PathBuf::from).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{} is missing: apt-get install {package}", candidates[0]))
}

/// The path of a tool of which the caller may choose the version: the first in PATH, else where Debian has it.
pub fn tool_in_path(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|tool| tool.exists());
    found.unwrap_or_else(|| tool(&[&format!("/usr/sbin/{name}")], package))
}
