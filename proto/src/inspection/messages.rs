//! The messages on the pipe.

use serde::{Deserialize, Serialize};

use super::{AttachmentRules, Message};
use crate::Category;

/// Longest name in a report, in bytes; far more than is ever shown of one.
pub const REPORT_NAME_BYTES_MAX: usize = 4 * 1024;

/// Worker to child, once: by which rules, and how tightly to lock itself in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// What is banned, and how much is looked into.
    pub rules: AttachmentRules,
    /// Most address space of the process, in bytes.
    pub memory_bytes_max: u64,
    /// Most CPU time of one mail, in seconds.
    pub cpu_seconds_max: u64,
}

/// Child to worker, once: it is locked in and ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// What holds it.
    pub in_force: InForce,
}

/// What holds a child.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Limits of memory, CPU time, files and core dumps.
    pub limits: bool,
    /// The version of Landlock that keeps it from files and ports; 0 where the kernel has none.
    pub landlock_abi: u32,
    /// Only the system calls that it needs.
    pub seccomp: bool,
    /// What could not be put in force, and why.
    pub missing: Vec<String>,
}

/// Which contents of a mail a child hands back, decoded, so that virus scanners can look at them one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wanted {
    /// None.
    #[default]
    Nothing,
    /// Those that a virus scanner may not come upon by itself.
    Hidden,
    /// Every part and every member of an archive.
    All,
}

/// Worker to child: the content of a mail follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspect {
    /// Counts the mails of this child; the report repeats it.
    pub serial: u64,
    /// What comes before the report.
    pub wanted: Wanted,
}

/// Child to worker, any number before the report: the content of a part or member follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Of the request.
    pub serial: u64,
    /// Whether it is one that a virus scanner may not come upon by itself.
    pub is_hidden: bool,
}

/// Child to worker: what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Of the request.
    pub serial: u64,
    /// How long it took to find them, in microseconds. For statistics only: the child may lie.
    pub micros: u64,
    /// Empty when there is nothing to say.
    pub findings: Vec<Found>,
    /// Encrypted members of archives that a password from the mail's text or the list opened. For statistics only.
    pub opened: u64,
    /// Whether contents were left out that were wanted, for want of room.
    pub is_cut: bool,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What it means.
    pub category: Category,
    /// Not yet printable.
    pub name: String,
}

impl Found {
    /// A finding of that category.
    pub fn new(category: Category, name: impl Into<String>) -> Self {
        Self { category, name: name.into() }
    }
}

impl Message for Setup {
    const KIND: u8 = 1;
    const HEADER_BYTES_MAX: usize = 1024 * 1024;
}

impl Message for Hello {
    const KIND: u8 = 2;
    const HEADER_BYTES_MAX: usize = 16 * 1024;
}

impl Message for Inspect {
    const KIND: u8 = 3;
    const HEADER_BYTES_MAX: usize = 1024;
}

impl Message for Report {
    const KIND: u8 = 4;
    const HEADER_BYTES_MAX: usize = 128 * 1024;
}

impl Message for Part {
    const KIND: u8 = 5;
    const HEADER_BYTES_MAX: usize = 1024;
}
