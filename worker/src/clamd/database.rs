//! How old a clamd's signatures are, as its answer to VERSION tells: `ClamAV 1.4.3/27500/Mon Nov  3 09:35:42 2025`.
//!
//! The time is that of clamd's machine and has no zone, so an age is right to within a day. A database of one's own has no
//! number and no time: nothing is said of it.

use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// When the database was made, taken as UTC.
pub(super) fn made(version: &str) -> Option<SystemTime> {
    let mut parts = version.splitn(3, '/');
    let (_engine, number, time) = (parts.next()?, parts.next()?, parts.next()?);
    let number: u32 = number.parse().ok()?;
    let time = DateTime::strptime("%a %b %e %H:%M:%S %Y", time.trim()).ok()?;
    let seconds = u64::try_from(TimeZone::UTC.to_timestamp(time).ok()?.as_second()).ok()?;
    (number > 0 && seconds > 0).then_some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Its age at `now`; one from the future has none.
pub(super) fn age(made: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(made).unwrap_or_default()
}

/// Seconds since 1970, for a metric.
pub(super) fn unix_seconds(made: SystemTime) -> i64 {
    made.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_database_is_read() {
        for (version, seconds) in [
            ("ClamAV 1.4.3/27500/Mon Nov  3 09:35:42 2025", 1_762_162_542),
            ("ClamAV 1.4.3/27500/Thu Nov 13 09:35:42 2025", 1_763_026_542),
            ("ClamAV 0.103.12/27000/Mon Nov  2 10:00:00 2026", 1_793_613_600),
        ] {
            assert_eq!(made(version).map(unix_seconds), Some(seconds), "{version}");
        }
    }

    #[test]
    fn what_tells_no_time() {
        for version in [
            "",
            "ClamAV 1.4.6",
            "ClamAV 1.4.6/27000",
            "ClamAV 1.4.6/0/Thu Jan  1 00:00:00 1970",
            "ClamAV 1.4.6/0/Mon Nov  3 09:35:42 2025",
            "ClamAV 1.4.6/x/Mon Nov  3 09:35:42 2025",
            "ClamAV 1.4.6/1/now",
            "ClamAV 1.4.6/1/Mon Nov 33 09:35:42 2025",
        ] {
            assert_eq!(made(version), None, "{version}");
        }
    }

    #[test]
    fn an_age_is_never_negative() {
        let made = made("ClamAV 1.4.3/27500/Mon Nov  3 09:35:42 2025").unwrap();
        let day = Duration::from_secs(86_400);
        assert_eq!(age(made, made + day), day);
        assert_eq!(age(made, made - day), Duration::ZERO);
    }
}
