//! The cage: what the process gives up, for good, before it reads the first mail.
//!
//! Each lock holds alone, so that a kernel without one of them still has the others; what a kernel lacks is told and
//! not an error. Limits come first and the list of system calls last, since it would forbid the others. All of them
//! hold for the calling thread and what it starts: the process must have no other.

mod landlock;
pub(crate) mod limits;
mod seccomp;

use std::io;

use proto::inspection::{InForce, Setup};

use crate::Held;

/// One of the locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Memory, CPU time, files, core dumps.
    Limits,
    /// No files, no ports.
    Landlock,
    /// Few system calls.
    Seccomp,
}

impl Lock {
    /// In the order in which they are put in force.
    pub const ALL: [Self; 3] = [Self::Limits, Self::Landlock, Self::Seccomp];

    /// Its name for those who run a self-test.
    pub fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        }
    }
}

/// Locks the process in when it is told how.
#[derive(Debug)]
pub struct Cage {
    locks: Vec<Lock>,
    cpu_seconds_max: u64,
}

impl Cage {
    /// With all locks.
    pub fn new() -> Self {
        Self::of(&Lock::ALL)
    }

    /// With these locks, to see what each is worth.
    pub fn of(locks: &[Lock]) -> Self {
        Self { locks: locks.to_vec(), cpu_seconds_max: 0 }
    }

    fn has(&self, lock: Lock) -> bool {
        self.locks.contains(&lock)
    }
}

impl Default for Cage {
    fn default() -> Self {
        Self::new()
    }
}

impl Held for Cage {
    fn lock_in(&mut self, setup: &Setup) -> InForce {
        self.cpu_seconds_max = setup.cpu_seconds_max;
        let mut in_force = InForce::default();
        if self.has(Lock::Limits) {
            in_force.limits = held(Lock::Limits, limits::set(setup), &mut in_force.missing).is_some();
        }
        if self.has(Lock::Landlock) {
            let abi = held(Lock::Landlock, landlock::restrict(), &mut in_force.missing);
            in_force.landlock_abi = abi.unwrap_or_default();
        }
        if in_force.limits {
            // Behind Landlock, which needs a descriptor.
            in_force.limits = held(Lock::Limits, limits::no_descriptors(), &mut in_force.missing).is_some();
        }
        if self.has(Lock::Seccomp) {
            in_force.seccomp = held(Lock::Seccomp, seccomp::restrict(), &mut in_force.missing).is_some();
        }
        in_force
    }

    fn before_mail(&mut self) -> io::Result<()> {
        if self.has(Lock::Limits) { limits::renew_cpu(self.cpu_seconds_max) } else { Ok(()) }
    }
}

/// What a lock gave, or a note that it is missing.
fn held<T, E: std::fmt::Display>(lock: Lock, result: Result<T, E>, missing: &mut Vec<String>) -> Option<T> {
    result.inspect_err(|why| missing.push(format!("{}: {why}", lock.name()))).ok()
}
