//! Where something stands in a mail: what is known of it, and of everything that it is in.
//!
//! A place points to the place around it, so that what is done with is freed while its neighbours wait. How deep the
//! chain is is bounded by the limits of depth before a place is made.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::banned::Node;

/// Longest name that is compared whole, in bytes; of a longer one only the end, where the extension is.
const NAME_BYTES_MAX: usize = 4 * 1024;

/// A node and what it is in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) node: Node,
    parent: Option<Rc<Place>>,
    /// Multiparts and messages around it.
    pub(super) depth: usize,
    /// Archives around it.
    pub(super) archive_depth: usize,
    /// Of the content that was opened here.
    digest: OnceCell<[u8; 32]>,
}

impl Place {
    /// The mail itself.
    pub(super) fn mail() -> Rc<Self> {
        Rc::new(Self {
            node: Node::default(),
            parent: None,
            depth: 0,
            archive_depth: 0,
            digest: OnceCell::new(),
        })
    }

    /// A part of `parent`, below `depth` multiparts and messages.
    pub(super) fn part(parent: &Rc<Self>, depth: usize, node: Node) -> Rc<Self> {
        Self::below(parent, depth, parent.archive_depth, node)
    }

    /// A member of the archive `parent`.
    pub(super) fn member(parent: &Rc<Self>, node: Node) -> Rc<Self> {
        Self::below(parent, parent.depth, parent.archive_depth + 1, node)
    }

    fn below(parent: &Rc<Self>, depth: usize, archive_depth: usize, node: Node) -> Rc<Self> {
        let node = Node { level: parent.node.level + 1, ..node };
        Rc::new(Self { node, parent: Some(Rc::clone(parent)), depth, archive_depth, digest: OnceCell::new() })
    }

    /// The same place with more known of it; nothing for the mail itself.
    pub(super) fn with(&self, node: Node) -> Option<Rc<Self>> {
        let parent = self.parent.as_ref()?;
        Some(Self::below(parent, self.depth, self.archive_depth, node))
    }

    /// Remembers the content that is opened here; of several readings the first.
    pub(super) fn note_digest(&self, digest: [u8; 32]) {
        self.digest.get_or_init(|| digest);
    }

    /// Whether this stands in something of that content.
    pub(super) fn is_within(&self, digest: &[u8; 32]) -> bool {
        let mut place = self;
        while let Some(parent) = &place.parent {
            place = parent;
            if place.digest.get() == Some(digest) {
                return true;
            }
        }
        false
    }

    /// Whether it is in a digest, where a part that does not say what it is is a message (RFC 2046 section 5.1.5).
    pub(super) fn is_in_digest(&self) -> bool {
        let parent = self.parent.as_ref();
        parent.is_some_and(|parent| parent.node.mime_types.iter().any(|kind| kind == "multipart/digest"))
    }

    /// From the mail down to this.
    pub(crate) fn path(&self) -> Vec<&Node> {
        let mut path = vec![&self.node];
        let mut place = self;
        while let Some(parent) = &place.parent {
            path.push(&parent.node);
            place = parent;
        }
        path.reverse();
        path
    }
}

/// Whether a name ends so, compared without case.
pub(super) fn has_extension(node: &Node, extension: &str) -> bool {
    node.names.iter().any(|name| {
        let end = name.trim_ascii_end().rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        end.len() < name.len() && end.eq_ignore_ascii_case(extension.as_bytes())
    })
}

/// The end of a name that is too long; tells whether it was.
pub(super) fn shorten(name: &mut Vec<u8>) -> bool {
    let start = name.len().saturating_sub(NAME_BYTES_MAX);
    name.drain(..start);
    start > 0
}
