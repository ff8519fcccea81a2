//! What spam scanners said of a mail, kept in its verdict as data.

use serde::{Deserialize, Serialize};

use crate::Points;

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it adds to the score, where the scanner tells.
    #[serde(default)]
    pub score: Option<Points>,
}

/// The result of one spam scanner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpamScore {
    /// How much like spam it is.
    pub score: Points,
    /// From which score on the scanner itself takes it for spam.
    #[serde(default)]
    pub threshold: Option<Points>,
    /// The rules that matched.
    #[serde(default)]
    pub symbols: Vec<Symbol>,
    /// What it advises, in its words.
    #[serde(default)]
    pub action: Option<String>,
    /// Header fields that it would add, name and value. They are not added.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// What it says to people, in lines.
    #[serde(default)]
    pub report: Option<String>,
}

/// A spam scanner and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpamResult {
    /// The scanner, as it is configured.
    pub check: String,
    /// What it said, before its score was weighted.
    pub result: SpamScore,
}
