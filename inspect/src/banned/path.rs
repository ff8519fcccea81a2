//! Rules about what stands in what: steps from node to node, and the whole path as amavis writes it.

use std::rc::Rc;

use regex::Regex;

use super::facts::Facts;
use super::node::Node;

/// A node on a path, and its facts.
pub(super) type Known<'p> = (&'p Node, Rc<Facts>);

/// One step of a path.
#[derive(Debug)]
pub(super) struct Step {
    /// Right below the one before, and not anywhere below.
    pub(super) is_direct: bool,
    /// Indices of tests of which all must hold.
    pub(super) tests: Vec<usize>,
    /// On `p003`; any.
    pub(super) parts: Vec<Regex>,
    /// On `1/2/1`; any.
    pub(super) levels: Vec<Regex>,
}

/// The last node of the lowest place where `steps` fit, each in turn on its own node.
pub(super) fn find(steps: &[Step], path: &[Known<'_>], is_allow: bool) -> Option<usize> {
    let mut ends: Vec<bool> = Vec::new();
    for step in steps {
        let before = std::mem::take(&mut ends);
        let mut is_any_above = false;
        for (index, known) in path.iter().enumerate() {
            let above = index.checked_sub(1).and_then(|index| before.get(index)).copied();
            is_any_above |= above.unwrap_or(false);
            let is_reached = match (before.is_empty(), step.is_direct) {
                (true, _) => true,
                (false, true) => above.unwrap_or(false),
                (false, false) => is_any_above,
            };
            ends.push(is_reached && holds(step, path, index, known, is_allow));
        }
    }
    ends.iter().rposition(|is_end| *is_end)
}

fn holds(step: &Step, path: &[Known<'_>], index: usize, known: &Known<'_>, is_allow: bool) -> bool {
    let (node, facts) = known;
    let is_any = |patterns: &[Regex], text: &dyn Fn() -> String| {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_match(&text()))
    };
    step.tests.iter().all(|test| facts.cause(*test, is_allow).is_some())
        && is_any(&step.parts, &|| part(node))
        && is_any(&step.levels, &|| placement(path.get(..=index).unwrap_or(path)))
}

/// `p003`.
fn part(node: &Node) -> String {
    format!("p{:03}", node.number)
}

/// `1/2/1`: the places of a node and of those around it.
fn placement(path: &[Known<'_>]) -> String {
    let positions: Vec<String> = path.iter().map(|(node, _)| node.position.to_string()).collect();
    positions.join("/")
}

/// amavis' text of a path: fields between tabs, nodes between line ends, from the mail down.
pub(super) fn text(path: &[Known<'_>]) -> String {
    let mut out = String::new();
    for (index, (node, facts)) in path.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if node.number > 0 {
            out.push_str(&format!("P={}\t", part(node)));
        }
        out.push_str("L=");
        out.push_str(&placement(path.get(..=index).unwrap_or(path)));
        node.write_fields(facts.views.iter().map(|view| view.text.as_str()), &mut out);
    }
    out
}
