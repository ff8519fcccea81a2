//! What a process and its children take, as the kernel counts it.

use std::fs;
use std::time::Duration;

use harness::node::Node;

/// Processes whose parent is `node`'s.
pub(super) fn children(node: &Node) -> Vec<u32> {
    let parent = node.process.id();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let is_child = field(pid, "PPid:") == Some(u64::from(parent));
        (is_child && field(pid, "VmRSS:").is_some()).then_some(pid)
    });
    processes.collect()
}

/// Resident memory now, in KiB.
pub(super) fn resident_kib(pid: u32) -> u64 {
    field(pid, "VmRSS:").unwrap_or_default()
}

/// Most resident memory of a child so far, in KiB.
pub(super) fn peak_of_children_kib(node: &Node) -> u64 {
    children(node).into_iter().filter_map(|pid| field(pid, "VmHWM:")).max().unwrap_or_default()
}

/// Peaks count from here on. Who is not root may not ask for that, and gets the highest so far.
pub(super) fn forget_peaks(node: &Node) {
    for pid in children(node) {
        let _is_allowed = fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok();
    }
}

/// A number of its status; nothing once it is gone.
fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

/// The one in the middle.
pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
