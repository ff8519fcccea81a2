//! Puts a place before the banned rules, and says what they say.

use proto::inspection::Found;

use super::place::Place;
use crate::attachments::Rules;

/// Why `place` is banned; `readable` names its type where it has no name.
pub(super) fn judge(rules: &Rules, place: &Place, readable: impl FnOnce() -> String) -> Vec<Found> {
    let node = &place.node;
    let mut found = Vec::new();
    let mut banned = |name: String| found.push(Found::new(proto::Category::Banned, name));
    for name in &node.names {
        let name = String::from_utf8_lossy(name);
        if let Some(extension) = rules.name(&name) {
            banned(format!("{extension}: {name}"));
        }
    }
    let shown = node.shown();
    let suffix = if shown.is_empty() { String::new() } else { format!(": {shown}") };
    for kind in node.mime_types.iter().filter(|kind| rules.bans_mime_type(kind)) {
        banned(format!("{kind}{suffix}"));
    }
    let types: Vec<&str> = node.types.iter().map(String::as_str).collect();
    if let Some(types) = rules.types(&types) {
        let readable = if shown.is_empty() { format!(" ({})", readable()) } else { String::new() };
        banned(format!("{types}{readable}{suffix}"));
    }
    found
}
