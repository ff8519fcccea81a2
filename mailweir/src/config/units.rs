//! Sizes and durations as people write them: `50 MiB`, `60k`, `240 s`, `30m`.
//!
//! Strict on purpose: a whole number, one unit, nothing else. A duration without a unit is refused rather than guessed,
//! because half of the world means seconds and the other half milliseconds. `k`, `M`, `G` are powers of 1000 as in SI,
//! `KiB`, `MiB`, `GiB` powers of 1024.

use std::time::Duration;

/// What to write for a size.
pub(crate) const SIZE_EXPECTED: &str = "a size such as 52428800, 60k, 50 MB or 50 MiB";
/// What to write for a duration.
pub(crate) const DURATION_EXPECTED: &str = "a duration such as 500 ms, 240 s, 30 m or 6 h";

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Reads a size in bytes.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "k" | "K" | "kB" | "KB" => 1_000,
        "KiB" => KIB,
        "M" | "MB" => 1_000_000,
        "MiB" => MIB,
        "G" | "GB" => 1_000_000_000,
        "GiB" => GIB,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Writes a size with the largest unit that loses nothing.
pub(crate) fn show_size(bytes: u64) -> String {
    let units = [
        (GIB, " GiB"),
        (MIB, " MiB"),
        (KIB, " KiB"),
        (1_000_000_000, " GB"),
        (1_000_000, " MB"),
        (1_000, " kB"),
    ];
    let fits = units.into_iter().find(|(factor, _)| bytes >= *factor && bytes.is_multiple_of(*factor));
    match fits {
        Some((factor, unit)) => format!("{}{unit}", bytes / factor),
        None => bytes.to_string(),
    }
}

/// Reads a duration.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = |factor: u64| number.checked_mul(factor).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" | "min" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => None,
    }
}

/// Writes a duration: seconds where the field speaks in seconds, minutes and hours from ten minutes on.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() != 0 || seconds == 0 {
        return format!("{} ms", duration.as_millis());
    }
    if seconds.is_multiple_of(3_600) {
        return format!("{} h", seconds / 3_600);
    }
    if seconds >= 600 && seconds.is_multiple_of(60) {
        return format!("{} m", seconds / 60);
    }
    format!("{seconds} s")
}

/// Digits, at most one space, and what stands behind.
fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number = number.parse().ok()?;
    let unit = match unit.strip_prefix(' ') {
        Some("") => return None,
        Some(unit) => unit,
        None => unit,
    };
    Some((number, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("52428800", 52_428_800),
            ("60k", 60_000),
            ("60 kB", 60_000),
            ("50 MiB", 50 << 20),
            ("1GiB", 1 << 30),
            ("2M", 2_000_000),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "k",
            "-1",
            "1.5M",
            "60  k",
            "60 ",
            " 60",
            "60 kb",
            "60x",
            "1_000",
            "18446744073709551616",
            "18446744073709551615k",
        ] {
            assert_eq!(parse_size(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_read() {
        for (text, duration) in [
            ("500ms", Duration::from_millis(500)),
            ("240 s", Duration::from_secs(240)),
            ("30m", Duration::from_secs(1_800)),
            ("30 min", Duration::from_secs(1_800)),
            ("6 h", Duration::from_secs(21_600)),
            ("5d", Duration::from_secs(432_000)),
        ] {
            assert_eq!(parse_duration(text), Some(duration), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "240", "240 sec", "s", "1.5 s", "-1 s", "1 s ", "1h30m", "5 M", "18446744073709551615d"]
        {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for bytes in [0, 1, 999, 1_000, 1_024, 60_000, 52_428_800, 1 << 30, 921_600] {
            assert_eq!(parse_size(&show_size(bytes)), Some(bytes));
        }
        for ms in [0, 1, 500, 1_000, 45_000, 300_000, 1_800_000, 21_600_000, 61_000] {
            let duration = Duration::from_millis(ms);
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
        assert_eq!(show_duration(Duration::from_secs(240)), "240 s");
        assert_eq!(show_size(50 << 20), "50 MiB");
    }
}
