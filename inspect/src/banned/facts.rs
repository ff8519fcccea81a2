//! What the tests of all sets say of one node, asked once for each node.
//!
//! An archive of thousands of members is judged thousands of times with the same nodes around it, so the answers are
//! kept with the node. All patterns together go over each text of a node once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::names::{View, views};
use super::node::Node;
use super::tests_of_node::{Kind, Test, Tests};

/// All that rules ask about a node.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Of which rules the answers are.
    pub(super) of: Rc<()>,
    /// In the order of the tests.
    answers: Vec<Answer>,
    pub(super) views: Vec<View>,
}

/// What a test says of a node.
#[derive(Debug, Default)]
struct Answer {
    /// What makes it hold; any reading will do. This is what bans.
    cause: Option<Cause>,
    /// Whether it holds in every reading of the name, of the declared type, or of the type. This is what allows.
    is_certain: bool,
}

/// Why a test holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Of that name.
    Extension { extension: String, name: usize },
    /// An index into the views.
    Name(usize),
    /// An index into the declared types.
    Mime(usize),
    /// The type by content.
    Type,
    /// A letter.
    Attribute(char),
    /// It and what is around it.
    Path,
}

/// Which texts of a node a pattern fits.
#[derive(Debug, Default)]
struct Tally {
    /// Indices of views.
    names: BTreeSet<usize>,
    mime_types: BTreeSet<usize>,
    types: BTreeSet<usize>,
    is_undecipherable: bool,
}

impl Facts {
    /// Asks every test.
    pub(super) fn new(of: &Rc<()>, tests: &Tests, node: &Node) -> Self {
        let views = views(&node.names);
        let tallies = tally(tests, node, &views);
        let answers = tests.list.iter().map(|test| answer(test, node, &views, &tallies)).collect();
        Self { of: Rc::clone(of), answers, views }
    }

    /// What makes a test hold; where it is to allow something, only if it holds in every reading.
    pub(super) fn cause(&self, test: usize, is_allow: bool) -> Option<&Cause> {
        let answer = self.answers.get(test)?;
        answer.cause.as_ref().filter(|_| !is_allow || answer.is_certain)
    }
}

/// Every pattern on every text.
fn tally(tests: &Tests, node: &Node, views: &[View]) -> BTreeMap<usize, Tally> {
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    if tests.patterns.is_empty() {
        return tallies;
    }
    for (index, view) in views.iter().enumerate() {
        let mut fitting: Vec<usize> = tests.patterns.matches(&view.text).iter().collect();
        if view.base() != view.text {
            fitting.extend(tests.patterns.matches(view.base()).iter());
        }
        for pattern in fitting {
            tallies.entry(pattern).or_default().names.insert(index);
        }
    }
    for (index, kind) in node.mime_types.iter().enumerate() {
        for pattern in &tests.patterns.matches(kind) {
            tallies.entry(pattern).or_default().mime_types.insert(index);
        }
    }
    for (index, label) in node.types.iter().enumerate() {
        for pattern in &tests.patterns.matches(&format!(".{label}")) {
            tallies.entry(pattern).or_default().types.insert(index);
        }
    }
    if node.attributes.is_undecodable {
        for pattern in &tests.patterns.matches("UNDECIPHERABLE") {
            tallies.entry(pattern).or_default().is_undecipherable = true;
        }
    }
    tallies
}

fn answer(test: &Test, node: &Node, views: &[View], tallies: &BTreeMap<usize, Tally>) -> Answer {
    match test {
        // A directory opens nothing, and many are named after a host.
        Test::Extensions(_) if node.attributes.is_directory => Answer::default(),
        Test::Extensions(lists) => {
            let found = |view: &View| lists.banned(view.base());
            let is_exempt = |view: &View| lists.is_exempt(&node.name(view.name));
            let cause = views.iter().filter(|view| !is_exempt(view)).find_map(|view| {
                let extension = found(view)?;
                Some(Cause::Extension { extension, name: view.name })
            });
            let mut decoded = views.iter().filter(|view| !view.is_encoded).peekable();
            let is_certain = decoded.peek().is_some() && decoded.all(|view| found(view).is_some());
            Answer { cause, is_certain }
        }
        Test::MimeTypes(kinds) => {
            let index = node.mime_types.iter().position(|kind| kinds.contains(kind));
            let is_certain = index.is_some() && node.mime_types.iter().all(|kind| kinds.contains(kind));
            Answer { cause: index.map(Cause::Mime), is_certain }
        }
        Test::Types(labels) => {
            let fitting = |(index, label): (usize, &String)| labels.contains(label).then_some(index);
            let fitting: BTreeSet<usize> = node.types.iter().enumerate().filter_map(fitting).collect();
            let is_certain = are_all_types(node, &fitting);
            Answer { cause: (!fitting.is_empty()).then_some(Cause::Type), is_certain }
        }
        Test::Attributes(letters) => {
            let letter = node.attributes.letters().find(|letter| letters.contains(letter));
            Answer { cause: letter.map(Cause::Attribute), is_certain: letter.is_some() }
        }
        Test::Patterns { of, patterns } => by_patterns(*of, patterns, node, views, tallies),
    }
}

fn by_patterns(
    of: Option<Kind>,
    patterns: &[usize],
    node: &Node,
    views: &[View],
    tallies: &BTreeMap<usize, Tally>,
) -> Answer {
    let mut all = Tally::default();
    for tally in patterns.iter().filter_map(|pattern| tallies.get(pattern)) {
        if of.is_none_or(|of| of == Kind::Name) {
            all.names.extend(&tally.names);
        }
        if of.is_none_or(|of| of == Kind::Mime) {
            all.mime_types.extend(&tally.mime_types);
        }
        if of.is_none_or(|of| of == Kind::Type) {
            all.types.extend(&tally.types);
        }
        all.is_undecipherable |= of.is_none() && tally.is_undecipherable;
    }
    let cause = match (all.names.first(), all.mime_types.first(), all.types.first()) {
        (Some(view), _, _) => Some(Cause::Name(*view)),
        (None, Some(kind), _) => Some(Cause::Mime(*kind)),
        (None, None, Some(_)) => Some(Cause::Type),
        (None, None, None) => all.is_undecipherable.then_some(Cause::Attribute('U')),
    };
    let are_all_names = !all.names.is_empty()
        && views.iter().enumerate().all(|(index, view)| view.is_encoded || all.names.contains(&index));
    let are_all_mime_types =
        !all.mime_types.is_empty() && (0..node.mime_types.len()).all(|index| all.mime_types.contains(&index));
    let is_certain =
        are_all_names || are_all_mime_types || are_all_types(node, &all.types) || all.is_undecipherable;
    Answer { cause, is_certain }
}

/// Whether these are all types that a node has. A type that only says more, or less, of another one is none of its own.
fn are_all_types(node: &Node, fitting: &BTreeSet<usize>) -> bool {
    let families: Vec<&str> =
        fitting.iter().filter_map(|index| node.types.get(*index)).map(|label| family(label)).collect();
    !families.is_empty() && node.types.iter().all(|label| families.contains(&family(label)))
}

fn family(label: &str) -> &str {
    match label {
        "exe-ms" | "exe-unix" | "exe-mac" | "exe-vms" | "dll" => "exe",
        "doc" => "ole",
        "udf" => "iso",
        other => other,
    }
}
