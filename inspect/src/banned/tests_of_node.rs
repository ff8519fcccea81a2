//! What can be asked of one node, compiled.

use std::collections::HashSet;

use regex::RegexSet;

use super::names;

/// The tests of all sets, and the patterns that they share.
#[derive(Debug)]
pub(super) struct Tests {
    pub(super) list: Vec<Test>,
    pub(super) patterns: RegexSet,
}

/// One question.
#[derive(Debug)]
pub(super) enum Test {
    Extensions(Extensions),
    /// Any of these declared types.
    MimeTypes(HashSet<String>),
    /// Any of these types by content.
    Types(HashSet<String>),
    /// Any of these letters.
    Attributes(Vec<char>),
    /// Any of these patterns, on texts of that kind or on all.
    Patterns {
        of: Option<Kind>,
        patterns: Vec<usize>,
    },
}

/// Texts of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Mime,
    Type,
}

/// Lists of extensions, in lower case.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) single: HashSet<String>,
    /// Behind another extension.
    pub(super) double: HashSet<String>,
    /// Any class id.
    pub(super) has_class_ids: bool,
    /// Whole names that are not asked, in lower case.
    pub(super) except: HashSet<String>,
}

/// The word for any class id among extensions.
const CLASS_ID: &str = "{clsid}";

impl Extensions {
    pub(super) fn new(single: HashSet<String>, double: HashSet<String>, except: HashSet<String>) -> Self {
        let has_class_ids = single.contains(CLASS_ID);
        Self { single, double, has_class_ids, except }
    }

    /// The extension of a name without path, if it is one of these.
    pub(super) fn banned(&self, base: &str) -> Option<String> {
        let extension = names::extension(base)?;
        if self.single.contains(&extension) || (self.has_class_ids && names::is_class_id(&extension)) {
            return Some(extension);
        }
        names::double_extension(base).filter(|extension| self.double.contains(extension))
    }

    /// Whether a name as written is not asked.
    pub(super) fn is_exempt(&self, name: &str) -> bool {
        !self.except.is_empty() && self.except.contains(&name.to_lowercase())
    }
}
