//! Puts a place before the banned rules, and says what they say.

use std::rc::Rc;

use proto::Category;
use proto::inspection::Found;

use super::Walk;
use super::place::Place;
use crate::banned::{Attributes, Node};

impl Walk<'_> {
    /// Whether `place` is banned, with all that it is in; `readable` names its type where it has no name.
    pub(super) fn judge(&mut self, place: &Place, readable: impl FnOnce() -> String) {
        #[cfg(fuzzing)]
        crate::fuzzing::judged(&place.node);
        let Some(hit) = self.inspection.rules.judge(None, &place.path()) else { return };
        // A rule that fits something further up was told when that was judged.
        if hit.level == place.node.level {
            let words = if hit.wants_words { format!(" ({})", readable()) } else { String::new() };
            self.findings.add(Found::new(Category::Banned, format!("{}{words}", hit.shown)));
        }
    }

    /// Judges an archive again, when more was learned of it by opening it.
    pub(super) fn judge_again(&mut self, place: &Rc<Place>, attributes: Attributes) {
        if attributes == place.node.attributes {
            return;
        }
        let Node { level, position, number, mime_types, types, names, attributes: _, facts: _ } = &place.node;
        let node = Node {
            level: *level,
            position: *position,
            number: *number,
            mime_types: mime_types.clone(),
            types: types.clone(),
            names: names.clone(),
            attributes,
            ..Node::default()
        };
        if let Some(again) = place.with(node) {
            self.judge(&again, String::new);
        }
    }

    /// The number of the next part or member.
    pub(super) fn next_number(&mut self) -> usize {
        self.places += 1;
        self.places
    }
}
