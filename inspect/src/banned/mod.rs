//! Banned rules: which names, declared types, types by content, attributes and paths no mail may have.
//!
//! Rules are lists in which the first that fits decides, for each part of a mail and each member of an archive, with
//! everything that it is in. They are compiled once. A rule that bans fits when any reading of a node does; a rule that
//! allows fits only when every reading does, so that a second name is no way around. Everything takes time in
//! proportion to the texts. Deliberately absent: where nodes come from, and whose mails a set is for.

mod compile;
mod error;
mod facts;
mod fold;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod glob;
mod lexer;
mod names;
mod node;
mod path;
mod perl;
mod syntax;
#[cfg(test)]
mod tests;
mod tests_of_node;

use std::collections::BTreeMap;
use std::rc::Rc;

use proto::inspection::AttachmentRules;
use regex::RegexSet;

pub use self::error::{RULE_BYTES_MAX, RULES_MAX, RuleError, Why};
use self::facts::{Cause, Facts};
pub(crate) use self::node::{Attributes, Node};
use self::path::{Known, Step};
use self::tests_of_node::Tests;

/// Every set of rules, compiled.
#[derive(Debug)]
pub(crate) struct Rules {
    sets: BTreeMap<String, Vec<Rc<Entry>>>,
    /// The set that holds where none is asked for.
    site: String,
    tests: Tests,
    /// Patterns on the text of a path.
    paths: RegexSet,
    /// Tells whose answers a node keeps.
    identity: Rc<()>,
}

/// One rule of a set.
#[derive(Debug)]
struct Entry {
    /// For people: its comment, or its set and number.
    name: String,
    /// Its comment.
    label: Option<String>,
    is_allow: bool,
    condition: Condition,
}

/// When it fits.
#[derive(Debug)]
enum Condition {
    /// A test that any node on the path may fit.
    Node(usize),
    /// Nodes in a row.
    Steps(Vec<Step>),
    /// A pattern on the text of the path.
    Text(usize),
}

/// Something is banned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The rule, by its comment, or by its set and number.
    pub(crate) rule: String,
    /// What of the node: `.exe: a.exe`.
    pub(crate) shown: String,
    /// The level of the node that the rule fits. Above the last one it was said of that one before.
    pub(crate) level: usize,
    /// It is banned by its type and has no name: what type that is may be said in words.
    pub(crate) wants_words: bool,
}

/// Everything that is wrong with the rules of `settings`.
pub fn check(settings: &AttachmentRules) -> Vec<RuleError> {
    compile::compile(settings).1
}

impl Rules {
    /// Compiles all sets.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn new(settings: &AttachmentRules) -> Result<Self, RuleError> {
        let (rules, errors) = compile::compile(settings);
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(rules),
        }
    }

    /// Judges the last node of `path` with all that it is in, from the mail down, by `set` or else by the site's set.
    /// The first rule that fits decides.
    pub(crate) fn judge(&self, set: Option<&str>, path: &[&Node]) -> Option<Hit> {
        let set = set.and_then(|name| self.sets.get(name)).or_else(|| self.sets.get(&self.site))?;
        // amavis has no rule about the mail itself either.
        let path: Vec<Known<'_>> =
            path.iter().filter(|node| node.level > 0).map(|node| (*node, self.facts(node))).collect();
        let mut texts = None;
        for entry in set {
            let fits = match &entry.condition {
                Condition::Node(test) => path.iter().enumerate().rev().find_map(|(index, (_, facts))| {
                    facts.cause(*test, entry.is_allow).map(|cause| (index, cause))
                }),
                Condition::Steps(steps) => {
                    path::find(steps, &path, entry.is_allow).map(|index| (index, &Cause::Path))
                }
                Condition::Text(pattern) => {
                    let texts = texts.get_or_insert_with(|| self.paths.matches(&path::text(&path)));
                    let last = path.len().checked_sub(1);
                    last.filter(|_| texts.matched(*pattern)).map(|index| (index, &Cause::Path))
                }
            };
            if let Some((index, cause)) = fits {
                let (node, facts) = path.get(index)?;
                return (!entry.is_allow).then(|| entry.hit(node, facts, cause));
            }
        }
        None
    }

    fn facts(&self, node: &Node) -> Rc<Facts> {
        let new = || Rc::new(Facts::new(&self.identity, &self.tests, node));
        let facts = node.facts.get_or_init(new);
        if Rc::ptr_eq(&facts.of, &self.identity) { Rc::clone(facts) } else { new() }
    }
}

impl Entry {
    fn hit(&self, node: &Node, facts: &Facts, cause: &Cause) -> Hit {
        let name = node.shown();
        let suffix = if name.is_empty() { String::new() } else { format!(": {name}") };
        let what = match cause {
            Cause::Extension { extension, name } => format!(".{extension}: {}", node.name(*name)),
            Cause::Name(view) => node.name(facts.views.get(*view).map_or(0, |view| view.name)),
            Cause::Mime(index) => {
                format!("{}{suffix}", node.mime_types.get(*index).map_or("", String::as_str))
            }
            Cause::Type => format!("{}{suffix}", node.dotted_types()),
            Cause::Attribute('U') => format!("UNDECIPHERABLE{suffix}"),
            Cause::Attribute(letter) => format!("A={letter}{suffix}"),
            Cause::Path => {
                let fields = [node.mime_types.join(","), node.dotted_types(), name.clone()];
                let fields: Vec<String> = fields.into_iter().filter(|field| !field.is_empty()).collect();
                fields.join(",")
            }
        };
        let label = self.label.as_ref().map(|label| format!("{label}:")).unwrap_or_default();
        Hit {
            rule: self.name.clone(),
            shown: format!("{label}{what}"),
            level: node.level,
            wants_words: *cause == Cause::Type && name.is_empty(),
        }
    }
}
