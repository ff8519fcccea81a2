//! `[banned]` and `[banned.sets]`: rules on names and types beyond the lists of `[attachments]`.
//!
//! Names of sets are the operator's, so this is the one table whose keys are not known here. Rules hold commas; they
//! are written in a file, or one at a time by a flag.

use ::inspect::{RuleError, check};
use proto::inspection::{AttachmentRules, BannedRules};

use crate::config::reader::Reader;

/// The table of the sets.
const SETS: &str = "banned.sets";

/// Asks for its keys.
pub(super) fn read(reader: &mut Reader) -> BannedRules {
    let default = BannedRules::default();
    let set = reader.section("banned").get("set", default.set);
    let names = reader.names_in(SETS);
    let sets = names.into_iter().map(|name| {
        let mut keys = reader.section(SETS);
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        keys.check(is_plain, &name, "is no name of a set: letters, digits, - and _");
        let rules = keys.list(&name, Vec::new());
        (name, rules)
    });
    BannedRules { set, sets: sets.collect() }
}

/// Has all rules compiled, as the processes that judge by them do, and says what is wrong.
pub(super) fn check_rules(reader: &mut Reader, rules: &AttachmentRules) {
    for error in check(rules) {
        let RuleError { set, .. } = &error;
        if set.is_empty() {
            reader.section("banned").check(false, "set", &error.to_string());
        } else {
            reader.section(SETS).check(false, set, &error.to_string());
        }
    }
}
