//! Doors for the fuzz targets (`fuzz/`), which claim more of what is private here than that it does not panic.
//!
//! Built with `cfg(fuzzing)` only, which cargo-fuzz sets. Deliberately absent: anything that decides; each door only
//! calls what the child calls and tells what came of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::inspection::{AttachmentRules, BannedRules, Limits, Wanted};
use proto::{Category, Unchecked};

use crate::attachments::signatures;
use crate::banned::{Node, Rules, fuzzing as names};
use crate::walk::Inspection;

thread_local! {
    static UNION: RefCell<Union> = RefCell::default();
}

/// What all readings of a mail hold together.
#[derive(Debug, Default)]
pub struct Union {
    /// What is behind the last dot of any view of any name, in lower case.
    pub extensions: BTreeSet<String>,
    /// Declared media types.
    pub kinds: BTreeSet<String>,
    /// Types by content.
    pub labels: BTreeSet<String>,
}

/// Something is judged.
pub(crate) fn judged(node: &Node) {
    UNION.with_borrow_mut(|union| {
        union.extensions.extend(names::extensions(&node.names));
        union.kinds.extend(node.mime_types.iter().cloned());
        union.labels.extend(node.types.iter().cloned());
    });
}

/// Types by content of something that begins so.
pub fn labels(content: &[u8]) -> Vec<&'static str> {
    signatures::labels(content)
}

/// Looks into mails by the default rules.
#[derive(Debug)]
pub struct Walker(Inspection);

impl Walker {
    /// Within these limits.
    pub fn new(limits: Limits) -> Self {
        let rules = AttachmentRules { limits, ..AttachmentRules::default() };
        Self(Inspection::new(rules, Duration::from_secs(20)).expect("the default rules can be compiled"))
    }

    /// What is found in `content`; nothing where that is beyond a limit, so that not all was seen.
    ///
    /// # Panics
    /// Where a panic of a parser was contained.
    pub fn union(&self, content: &[u8]) -> Option<Union> {
        drop(UNION.take());
        let seen = self.0.inspect(content, Wanted::All);
        let has =
            |unchecked| seen.findings.iter().any(|found| found.category == Category::Unchecked(unchecked));
        assert!(!has(Unchecked::Failed), "a parser panicked");
        let union = UNION.take();
        (!has(Unchecked::OverLimit)).then_some(union)
    }
}

/// Banned rules that were compiled, and what they ask of a node.
#[derive(Debug)]
pub struct Judge(Rules);

impl Judge {
    /// One set of rules; nothing where one of them is wrong.
    pub fn new(rules: Vec<String>) -> Option<Self> {
        let sets = BTreeMap::from([("fuzz".to_owned(), rules)]);
        let banned = BannedRules { set: "fuzz".into(), sets };
        Rules::new(&AttachmentRules { banned, ..AttachmentRules::default() }).ok().map(Self)
    }

    /// Whether a part is banned that has these names, in a container that has `outer`.
    pub fn bans(&self, outer: &[Vec<u8>], names: &[Vec<u8>], kinds: &[String], labels: &[String]) -> bool {
        let outer = Node { level: 1, names: outer.to_vec(), types: vec!["zip".into()], ..Node::default() };
        let node = Node {
            level: 2,
            names: names.to_vec(),
            mime_types: kinds.to_vec(),
            types: labels.to_vec(),
            ..Node::default()
        };
        self.0.judge(None, &[&outer, &node]).is_some()
    }
}

/// Whether a reader who decodes encoded words sees anything of that name.
pub fn is_visible(name: &[u8]) -> bool {
    names::is_visible(name)
}
