//! `mailweir inspect`: the caged child of a worker, and the self-test of its cage.
//!
//! A worker starts this same program for each of its children. It reads no configuration and no environment, starts no
//! thread and opens nothing before it is locked in.

use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use inspect::{Attempt, Cage, Held as _, Lock, Server};
use proto::inspection::{AttachmentRules, InForce, Setup};
use worker::inspect::{Program, Settings};

use crate::output;

/// This program, also when its file was replaced meanwhile.
pub(crate) const OURSELVES: &str = "/proc/self/exe";
/// An attempt was refused and the process lives.
const REFUSED: u8 = 3;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inspect {
    /// Serve a worker.
    Serve,
    /// The same, and do what contents ask for. Debug builds only.
    ServeWithFaults,
    /// Say what the cage refuses.
    SelfTest,
    /// Try one thing behind some locks, for the self-test.
    Attempt(Attempt, Locks),
}

/// Which locks the self-test puts in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locks {
    None,
    One(Lock),
    All,
}

impl Locks {
    const EACH: [Self; 5] =
        [Self::None, Self::One(Lock::Limits), Self::One(Lock::Landlock), Self::One(Lock::Seccomp), Self::All];

    /// On the command line.
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::One(lock) => lock.name(),
            Self::All => "all",
        }
    }

    fn cage(self) -> Cage {
        match self {
            Self::None => Cage::of(&[]),
            Self::One(lock) => Cage::of(&[lock]),
            Self::All => Cage::new(),
        }
    }
}

/// An attempt and its locks, by their names.
pub(crate) fn attempt(attempt: &str, locks: &str) -> Option<Inspect> {
    let attempt = Attempt::ALL.into_iter().find(|known| known.name() == attempt)?;
    let locks = Locks::EACH.into_iter().find(|known| known.name() == locks)?;
    Some(Inspect::Attempt(attempt, locks))
}

/// How a worker starts its children.
pub(crate) fn program(has_faults: bool) -> Program {
    let faults = has_faults.then_some("--faults");
    let arguments = ["inspect"].into_iter().chain(faults).map(str::to_owned).collect();
    Program { path: OURSELVES.into(), arguments }
}

/// Runs it.
pub(crate) fn command(what: Inspect) -> ExitCode {
    match what {
        Inspect::Serve => serve(false),
        Inspect::ServeWithFaults => serve(true),
        Inspect::SelfTest => self_test(),
        Inspect::Attempt(attempt, locks) => {
            locks.cage().lock_in(&usual());
            if attempt.succeeds() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) }
        }
    }
}

fn serve(has_faults: bool) -> ExitCode {
    // A backtrace would open files, and nobody reads the message; the report says that a parser failed.
    std::panic::set_hook(Box::new(|_| {}));
    let (input, output) = (BufReader::new(Pipe(io::stdin())), Pipe(io::stdout()));
    match Server::new(input, output, Cage::new()).with_faults(has_faults).run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One end of a pipe under its own number, without the buffers of the standard library.
struct Pipe<F>(F);

impl<F: AsFd> Read for Pipe<F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.0, bytes)?)
    }
}

impl<F: AsFd> Write for Pipe<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As a worker sets it up by default.
fn usual() -> Setup {
    let Settings { memory_bytes_max, cpu_seconds_max, .. } = Settings::default();
    Setup { rules: AttachmentRules::default(), memory_bytes_max, cpu_seconds_max }
}

/// Tries each thing behind each lock, in processes of their own; 1 when all locks together leave one possible.
fn self_test() -> ExitCode {
    let names = Locks::EACH.map(|locks| format!("{:<10}", locks.name())).concat();
    output::result(format_args!("{:<10}{}", "attempt", names.trim_end()));
    let mut is_tight = true;
    for attempt in Attempt::ALL {
        let mut line = format!("{:<10}", attempt.name());
        for locks in Locks::EACH {
            let word = match tried(attempt, locks) {
                Ok(status) if status.success() => "possible",
                Ok(status) if is_refusal(status) => "refused",
                Ok(_) | Err(_) => "unknown",
            };
            is_tight &= locks != Locks::All || word == "refused";
            line.push_str(&format!("{word:<10}"));
        }
        output::result(line.trim_end());
    }
    output::result(if is_tight { "all are refused" } else { "NOT all are refused" });
    if is_tight { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tried(attempt: Attempt, locks: Locks) -> io::Result<ExitStatus> {
    Command::new(OURSELVES)
        .args(["inspect", "--attempt", attempt.name(), "--lock", locks.name()])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
}

/// Refused with an error, or ended for having tried.
fn is_refusal(status: ExitStatus) -> bool {
    status.code() == Some(REFUSED.into()) || status.signal().is_some()
}

/// What holds a child, in a few words.
pub(crate) fn described(in_force: &InForce) -> String {
    let landlock = (in_force.landlock_abi > 0).then(|| format!("landlock abi {}", in_force.landlock_abi));
    let limits = in_force.limits.then(|| "memory, cpu, files".to_owned());
    let seccomp = in_force.seccomp.then(|| "seccomp".to_owned());
    let words: Vec<String> = [limits, landlock, seccomp].into_iter().flatten().collect();
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_is_told_in_a_few_words() {
        let all = InForce { limits: true, landlock_abi: 7, seccomp: true, missing: Vec::new() };
        assert_eq!(described(&all), "memory, cpu, files, landlock abi 7, seccomp");
        assert_eq!(described(&InForce::default()), "nothing");
    }

    #[test]
    fn attempts_are_found_by_their_names() {
        let found = attempt("read", "landlock");
        assert_eq!(found, Some(Inspect::Attempt(Attempt::Read, Locks::One(Lock::Landlock))));
        assert_eq!(attempt("read", "nothing"), None);
        assert_eq!(attempt("think", "all"), None);
    }
}
