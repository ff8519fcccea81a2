//! What a virus scanner gets of a mail: the whole, its decoded parts, or both; and what the answers mean together.
//!
//! A scanner that opens mails by its own means reads them otherwise than we do, and says OK to what it does not see. So it
//! gets what we see as well. Whoever is to get the whole mail only still gets those parts of which it is known that it may
//! not come upon them, and whoever is to get parts only gets the whole mail where they may not be all that is in it.

use std::cmp::Ordering;

use proto::inspection::Wanted;

use super::virus_scores::VirusScores;
use crate::inspect::{Inspected, Part};
use crate::pool::Failed;
use crate::pool::client::Outcome;

/// What a virus scanner gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// The whole mail, and what it is known not to come upon in it.
    Whole,
    /// Every part and every member of an archive, one by one. The whole mail, too, where these may not be all.
    Parts,
    /// The whole mail, and every part and member.
    #[default]
    Both,
}

impl Feed {
    /// What has to be handed back of a mail for it.
    pub(super) fn wanted(self) -> Wanted {
        match self {
            Self::Whole => Wanted::Hidden,
            Self::Parts | Self::Both => Wanted::All,
        }
    }

    /// Whether the whole mail is sent.
    pub(super) fn needs_whole(self, inspected: &Inspected) -> bool {
        match self {
            Self::Whole | Self::Both => true,
            Self::Parts => !inspected.is_complete(),
        }
    }

    /// Those that are sent, of all that were handed back.
    pub(super) fn parts(self, inspected: &Inspected) -> impl Iterator<Item = &Part> {
        inspected.parts.iter().filter(move |part| match self {
            Self::Whole => part.is_hidden,
            Self::Parts | Self::Both => true,
        })
    }
}

/// The answer that counts of two about the same mail: a virus before all; then what could not be found out. A name that
/// is a score rather than a virus counts where there is nothing else.
pub(super) fn worse(
    one: Result<Outcome, Failed>,
    other: Result<Outcome, Failed>,
    scores: &VirusScores,
) -> Result<Outcome, Failed> {
    match rank(&one, scores).cmp(&rank(&other, scores)) {
        Ordering::Less => other,
        Ordering::Equal | Ordering::Greater => one,
    }
}

/// Whether nothing could make the answer worse.
pub(super) fn is_worst(answer: &Result<Outcome, Failed>, scores: &VirusScores) -> bool {
    rank(answer, scores) == VIRUS
}

const VIRUS: u8 = 5;

fn rank(answer: &Result<Outcome, Failed>, scores: &VirusScores) -> u8 {
    match answer {
        Ok(Outcome::Clean | Outcome::Score(_)) => 0,
        Ok(Outcome::Infected(name)) if scores.of(name).is_some() => 1,
        Ok(Outcome::Encrypted(_)) => 2,
        Ok(Outcome::OverLimit(_)) => 3,
        Err(Failed(_)) => 4,
        Ok(Outcome::Infected(_)) => VIRUS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virus_counts_before_a_failure_and_that_before_the_rest() {
        let scores = VirusScores(vec!["Phishing.*=1.5".parse().unwrap()]);
        let name = || "x".to_owned();
        let sorted = [
            Ok(Outcome::Clean),
            Ok(Outcome::Infected("Phishing.Email".into())),
            Ok(Outcome::Encrypted(name())),
            Ok(Outcome::OverLimit(name())),
            Err(Failed(name())),
            Ok(Outcome::Infected(name())),
        ];
        for (at, one) in sorted.iter().enumerate() {
            assert_eq!(is_worst(one, &scores), at == 5);
            for (other_at, other) in sorted.iter().enumerate() {
                assert_eq!(worse(one.clone(), other.clone(), &scores), sorted[at.max(other_at)]);
            }
        }
    }
}
