//! Rules and what they say of nodes.

mod amavis;
mod mistakes;
mod order;
mod properties;
mod tricks;

use std::collections::BTreeMap;

use proto::inspection::BannedRules;

use super::*;

/// The site's set being `mine`, with these rules.
fn settings(rules: &[&str]) -> AttachmentRules {
    let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
    let banned = BannedRules { set: "mine".into(), sets: BTreeMap::from([("mine".to_owned(), rules)]) };
    AttachmentRules { banned, ..AttachmentRules::default() }
}

fn rules(rules: &[&str]) -> Rules {
    Rules::new(&settings(rules)).unwrap()
}

/// A node as amavis writes one: `M=a/b,T=zip,N=a.zip,A=C`. Its place is 1.
fn node(level: usize, fields: &str) -> Node {
    let mut node = Node { level, position: 1, number: level, ..Node::default() };
    for field in fields.split(',').filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once('=').unwrap();
        match key {
            "P" => node.number = value.trim_start_matches('p').parse().unwrap(),
            "L" => node.position = value.rsplit('/').next().unwrap().parse().unwrap(),
            "M" => node.mime_types.push(value.to_owned()),
            "T" => node.types.push(value.to_owned()),
            "N" => node.names.push(value.as_bytes().to_vec()),
            "A" if value == "C" => node.attributes.is_encrypted = true,
            "A" if value == "D" => node.attributes.is_directory = true,
            "A" if value == "U" => node.attributes.is_undecodable = true,
            other => panic!("no field {other}"),
        }
    }
    node
}

/// A path as amavis writes it in its log: nodes between ` | `, from below the mail down.
fn path(text: &str) -> Vec<Node> {
    let below = text.split(" | ").zip(1..).map(|(fields, level)| node(level, fields));
    [Node::default()].into_iter().chain(below).collect()
}

fn judge(rules: &Rules, text: &str) -> Option<Hit> {
    let path = path(text);
    rules.judge(None, &path.iter().collect::<Vec<_>>())
}

fn shown(rules: &Rules, text: &str) -> Option<String> {
    judge(rules, text).map(|hit| hit.shown)
}
