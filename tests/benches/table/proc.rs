//! What a process has used, read from `/proc`: CPU time with its children, and peak memory.

use std::fs;

use anyhow::{Context as _, Result};

/// A role's processes; amavisd has one per child.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
}

/// CPU time, user and system: seconds, or milliseconds per mail.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    /// Of the process and every descendant, dead ones that were waited for included.
    pub(crate) all: f64,
    /// Of it, that of the descendants.
    pub(crate) children: f64,
}

impl Cpu {
    /// What was used since then.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { all: self.all - before.all, children: self.children - before.children }
    }

    /// Milliseconds for each of `mails`.
    pub(crate) fn per(self, mails: u32) -> Self {
        let each = |seconds: f64| seconds * 1_000.0 / f64::from(mails);
        Self { all: each(self.all), children: each(self.children) }
    }
}

/// What a role has used so far, in seconds.
pub(crate) fn cpu(role: &Role) -> Result<Cpu> {
    let all: u64 = family(role.pid)?.into_iter().map(|pid| cpu_ticks(pid, &ALL).unwrap_or(0)).sum();
    let own = cpu_ticks(role.pid, &OWN).unwrap_or(0);
    let seconds = |ticks: u64| ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Ok(Cpu { all: seconds(all), children: seconds(all.saturating_sub(own)) })
}

/// Peak resident memory of the process and its descendants since [`forget_peak`], in MiB.
pub(crate) fn peak_mib(role: &Role) -> Result<f64> {
    Ok(family(role.pid)?.into_iter().map(|pid| status_kib(pid, "VmHWM:").unwrap_or(0)).sum::<u64>() as f64
        / 1024.0)
}

/// Resident memory now, in MiB.
pub(crate) fn resident_mib(role: &Role) -> Result<f64> {
    Ok(family(role.pid)?.into_iter().map(|pid| status_kib(pid, "VmRSS:").unwrap_or(0)).sum::<u64>() as f64
        / 1024.0)
}

/// Starts the measurement of peak memory anew.
pub(crate) fn forget_peak(role: &Role) -> Result<()> {
    for pid in family(role.pid)? {
        // A child that has just ended has no peak to forget.
        drop(fs::write(format!("/proc/{pid}/clear_refs"), "5"));
    }
    Ok(())
}

fn family(root: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(parent) = stat_field(pid, 1) {
            parents.push((pid, parent));
        }
    }
    let mut members = vec![root];
    let mut at = 0;
    while let Some(&parent) = members.get(at) {
        members.extend(parents.iter().filter(|(_, of)| *of == u64::from(parent)).map(|(pid, _)| *pid));
        at += 1;
    }
    Ok(members)
}

/// Fields: utime and stime, and the same of the children that were waited for.
const OWN: [usize; 2] = [11, 12];
const ALL: [usize; 4] = [11, 12, 13, 14];

fn cpu_ticks(pid: u32, fields: &[usize]) -> Option<u64> {
    fields.iter().map(|field| stat_field(pid, *field)).sum()
}

/// A field of `/proc/PID/stat`, counted from the state, which follows the name in parentheses.
fn stat_field(pid: u32, field: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(field)?.parse().ok()
}

fn status_kib(pid: u32, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(key))?.trim().trim_end_matches(" kB").parse().ok()
}
