//! What an operator can say about banned names and types beyond the lists of the attachment rule.
//!
//! Rules travel as they were written: whoever judges by them compiles them, and whoever reads a configuration has them
//! compiled once to see what is wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The set that the lists of the attachment rule make.
pub const DEFAULT_SET: &str = "default";

/// Named sets of rules, and the one that is in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BannedRules {
    /// The set by which mails are judged. Default: [`DEFAULT_SET`].
    pub set: String,
    /// The rules of each other set, in their order, as written: `ban extension exe`. Default: none.
    pub sets: BTreeMap<String, Vec<String>>,
}

impl Default for BannedRules {
    fn default() -> Self {
        Self { set: DEFAULT_SET.into(), sets: BTreeMap::new() }
    }
}
