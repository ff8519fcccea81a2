//! Names that a virus scanner gives to what is spam rather than a virus, and how many points each is worth.
//!
//! Databases of phishing and spam signatures make a virus scanner find spam. As amavis does with
//! `virus_name_to_spam_score_maps`, such a find can be made part of the spam score.

use std::str::FromStr;

use proto::{Points, PointsError};
use thiserror::Error;

/// One name, in which `*` stands for any text, and its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirusScore {
    pattern: String,
    points: Points,
}

/// Why it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VirusScoreError {
    /// Not `NAME=POINTS`.
    #[error("expected NAME=POINTS, such as Phishing.*=8.5")]
    Syntax,
    /// The points are no number.
    #[error("the points are {0}")]
    Points(#[from] PointsError),
}

impl FromStr for VirusScore {
    type Err = VirusScoreError;

    fn from_str(text: &str) -> Result<Self, VirusScoreError> {
        let (pattern, points) = text.rsplit_once('=').ok_or(VirusScoreError::Syntax)?;
        if pattern.is_empty() {
            return Err(VirusScoreError::Syntax);
        }
        Ok(Self { pattern: pattern.to_owned(), points: points.parse()? })
    }
}

impl std::fmt::Display for VirusScore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.pattern, self.points)
    }
}

/// All of a scanner; the first that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirusScores(pub Vec<VirusScore>);

impl VirusScores {
    /// What `name` is worth; `None` for a virus.
    pub fn of(&self, name: &str) -> Option<Points> {
        self.0.iter().find(|score| matches(&score.pattern, name)).map(|score| score.points)
    }
}

/// Whether `name` is `pattern`. Pieces between stars are found one behind the other; that costs at most the product
/// of two short lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match left.find(piece) {
            Some(at) => left = left.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, is_match) in [
            ("Eicar", "Eicar", true),
            ("Eicar", "Eicar-Test", false),
            ("Phishing.*", "Phishing.Email", true),
            ("Phishing.*", "Phishing.", true),
            ("Phishing.*", "Heuristics.Phishing.Email", false),
            ("*.UNOFFICIAL", "Sane.Spam.UNOFFICIAL", true),
            ("*.UNOFFICIAL", "Sane.Spam.UNOFFICIAL.x", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("**", "x", true),
            ("*é*", "xéy", true),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn the_first_that_matches_counts() {
        let scores = VirusScores(
            ["Phishing.Bank=-1", "Phishing.*=8.5", "a=b=2"]
                .iter()
                .map(|text| text.parse().unwrap())
                .collect(),
        );
        assert_eq!(scores.of("Phishing.Bank"), "-1".parse().ok());
        assert_eq!(scores.of("Phishing.Email"), "8.5".parse().ok());
        assert_eq!(scores.of("a=b"), "2".parse().ok());
        assert_eq!(scores.of("Eicar"), None);
        for text in ["x", "=1", "x=", "x=many", "x=nan"] {
            assert!(text.parse::<VirusScore>().is_err(), "{text}");
        }
    }
}
