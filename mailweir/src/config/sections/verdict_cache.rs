//! `[verdict_cache]`: how many verdicts of virus scanners are kept, and for how long.

use std::time::Duration;

use worker::cache::Settings;

use crate::config::reader::Reader;

/// Beyond this many their memory would matter.
const ENTRIES_MAX: usize = 1_000_000;
/// What a verdict may miss of signatures that nobody has told us of.
const AGE_MAX: Duration = Duration::from_secs(60 * 60);

/// Asks for its keys.
pub(super) fn read(reader: &mut Reader) -> Settings {
    let default = Settings::default();
    let mut keys = reader.section("verdict_cache");
    let settings = Settings {
        entries_max: keys.get("entries_max", default.entries_max),
        age_max: keys.get("age_max", default.age_max),
    };
    keys.check(settings.entries_max <= ENTRIES_MAX, "entries_max", "must not be above 1000000");
    let is_usual = (Duration::from_secs(1)..=AGE_MAX).contains(&settings.age_max);
    keys.check(is_usual, "age_max", "must be 1 s to 1 h");
    settings
}
