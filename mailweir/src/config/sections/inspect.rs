//! `[inspect]`: the processes that parse mails, and how tightly they are held.

use std::time::Duration;

use bus::Slots;
use worker::inspect::Settings;

use crate::config::reader::Reader;

/// A mail less than this would not leave room for the program itself.
const MEMORY_BYTES_MIN: u64 = 128 * 1024 * 1024;

/// Asks for its keys. Unless it is said, there are as many processes as scans at once, and two at least.
pub(super) fn read(reader: &mut Reader, slots: Slots) -> Settings {
    let default = Settings::default();
    let mut keys = reader.section("inspect");
    let processes: usize = keys.get("processes", 0);
    let scans = slots.small.saturating_add(slots.medium).saturating_add(slots.large);
    let memory_bytes_max = keys.size("memory_bytes_max", memory(&default)) as u64;
    let settings = Settings {
        processes: if processes == 0 { scans.max(2) } else { processes },
        timeout: keys.get("timeout", default.timeout),
        memory_bytes_max,
        cpu_seconds_max: keys.get("cpu_seconds_max", default.cpu_seconds_max),
        mails_max: keys.get("mails_max", default.mails_max),
    };
    keys.check(processes <= 4_096, "processes", "must not be above 4096");
    keys.check(settings.timeout >= Duration::from_millis(100), "timeout", "must be at least 100 ms");
    let is_enough = settings.memory_bytes_max >= MEMORY_BYTES_MIN;
    keys.check(is_enough, "memory_bytes_max", "must be at least 128 MiB");
    keys.check((1..=3_600).contains(&settings.cpu_seconds_max), "cpu_seconds_max", "must be 1 to 3600");
    keys.check(settings.mails_max > 0, "mails_max", "must not be 0");
    settings
}

fn memory(default: &Settings) -> usize {
    usize::try_from(default.memory_bytes_max).unwrap_or(usize::MAX)
}
