//! What is known of server versions, as advice to the operator.

/// A release of nats-server.
type Version = (u64, u64, u64);

/// The release since which no reproduced defect of ours is left.
const GOOD: Version = (2, 10, 23);
/// The first release that could forget a whole stream after a crash.
const FORGETFUL: Version = (2, 10, 20);

/// How loud to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Nothing to say.
    None,
    /// Works, with known defects.
    Upgrade(&'static str),
    /// May lose its memory.
    UpgradeNow(&'static str),
}

/// Advice on the server that calls itself `version`.
pub(crate) fn advice(version: &str) -> Advice {
    let Some(version) = parse(version) else {
        return Advice::Upgrade("its version cannot be read; 2.10.23 or newer is recommended");
    };
    if version >= GOOD {
        Advice::None
    } else if version >= FORGETFUL {
        Advice::UpgradeNow(
            "2.10.20 to 2.10.22 can forget a whole stream when the process is killed; use 2.10.23 or newer",
        )
    } else {
        Advice::Upgrade(
            "before 2.10.23 acks of the last seconds can be forgotten by a killed server, so that mails are scanned \
             again and orphans count against the queue until they age out; 2.10.23 or newer is recommended",
        )
    }
}

fn parse(version: &str) -> Option<Version> {
    let core = version.trim_start_matches('v').split(['-', '+']).next()?;
    let mut numbers = core.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_changes_at_the_releases_that_matter() {
        let cases = [
            ("2.9.10", "upgrade"),
            ("2.10.19", "upgrade"),
            ("2.10.20", "now"),
            ("2.10.22", "now"),
            ("2.10.23", "none"),
            ("2.10.27-RC.1", "none"),
            ("v2.15.1", "none"),
            ("3.0.0", "none"),
            ("", "upgrade"),
            ("two", "upgrade"),
        ];
        for (version, expected) in cases {
            let got = match advice(version) {
                Advice::None => "none",
                Advice::Upgrade(_) => "upgrade",
                Advice::UpgradeNow(_) => "now",
            };
            assert_eq!(got, expected, "{version}");
        }
    }
}
