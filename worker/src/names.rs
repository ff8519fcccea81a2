//! What the name that a virus scanner gave means: not every one is of a virus.
//!
//! clamd names what it did not look into as if it were a virus, when it is set to (`AlertExceedsMax`,
//! `AlertEncrypted`), and whatever asks a clamd for us passes that name on.

use crate::pool::client::Outcome;

/// The outcome for a content in which `name` was found.
pub(crate) fn outcome(name: &str) -> Outcome {
    let name = name.trim();
    if name.starts_with("Heuristics.Limits.Exceeded") {
        Outcome::OverLimit(name.into())
    } else if name.starts_with("Heuristics.Encrypted.") {
        Outcome::Encrypted(name.into())
    } else if name.is_empty() {
        Outcome::Infected("without a name".into())
    } else {
        Outcome::Infected(name.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_what_was_not_looked_into_are_no_viruses() {
        let cases = [
            ("Eicar-Test-Signature", Outcome::Infected("Eicar-Test-Signature".into())),
            (
                "Heuristics.Limits.Exceeded.MaxScanSize",
                Outcome::OverLimit("Heuristics.Limits.Exceeded.MaxScanSize".into()),
            ),
            ("Heuristics.Encrypted.Zip", Outcome::Encrypted("Heuristics.Encrypted.Zip".into())),
            ("Heuristics.Phishing.Email", Outcome::Infected("Heuristics.Phishing.Email".into())),
            ("  ", Outcome::Infected("without a name".into())),
        ];
        for (name, expected) in cases {
            assert_eq!(outcome(name), expected, "{name}");
        }
    }
}
