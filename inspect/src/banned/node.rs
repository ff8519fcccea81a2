//! One thing on the way from the mail down to what is judged: the facts that rules ask for.
//!
//! Where it comes from does not matter here: a part of a multipart, a nested mail, a member of an archive.

use std::cell::OnceCell;
use std::rc::Rc;

use super::facts::Facts;

/// A part of a mail, or a member of an archive.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// How deep it is; 0 is the mail itself, of which no rule is asked.
    pub(crate) level: usize,
    /// Its place among its neighbours, counted from 1; 0 where that is not known.
    pub(crate) position: usize,
    /// Its number in the whole mail, counted from 1; 0 where that is not known.
    pub(crate) number: usize,
    /// Declared media types, in lower case; several where readers may take one or the other.
    pub(crate) mime_types: Vec<String>,
    /// Types by content: amavis' short names, all that fit.
    pub(crate) types: Vec<String>,
    /// Every reading of every name, raw.
    pub(crate) names: Vec<Vec<u8>>,
    /// What else is known of it.
    pub(crate) attributes: Attributes,
    /// Made when it is judged for the first time; nothing above may change from then on.
    pub(crate) facts: OnceCell<Rc<Facts>>,
}

/// amavis' attributes of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// B: readers may see something else.
    pub(crate) is_ambiguous: bool,
    /// C: behind a password, known or not.
    pub(crate) is_encrypted: bool,
    /// D: a directory, with nothing in it but members.
    pub(crate) is_directory: bool,
    /// L: a link.
    pub(crate) is_link: bool,
    /// S: a device, a pipe or the like.
    pub(crate) is_special: bool,
    /// U: it could not be decoded, or not as a whole.
    pub(crate) is_undecodable: bool,
}

impl Attributes {
    /// All letters that there are.
    pub(super) const LETTERS: &str = "BCDLSU";

    /// Those that hold.
    pub(super) fn letters(self) -> impl Iterator<Item = char> {
        [
            (self.is_ambiguous, 'B'),
            (self.is_encrypted, 'C'),
            (self.is_directory, 'D'),
            (self.is_link, 'L'),
            (self.is_special, 'S'),
            (self.is_undecodable, 'U'),
        ]
        .into_iter()
        .filter_map(|(holds, letter)| holds.then_some(letter))
    }
}

impl Node {
    /// The name at `index` for people.
    pub(super) fn name(&self, index: usize) -> String {
        let name = self.names.get(index).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    /// Something to show to people; empty where it has no name.
    pub(crate) fn shown(&self) -> String {
        let index = self.names.iter().position(|name| !name.is_empty());
        index.map(|index| self.name(index)).unwrap_or_default()
    }

    /// `.exe,.exe-ms`.
    pub(super) fn dotted_types(&self) -> String {
        let dotted: Vec<String> = self.types.iter().map(|label| format!(".{label}")).collect();
        dotted.join(",")
    }

    /// Appends what amavis writes of it, without P and L: `M=a/b`, `T=zip`, `N=a.zip`, each behind a tab.
    pub(super) fn write_fields<'t>(&self, names: impl Iterator<Item = &'t str>, out: &mut String) {
        for kind in &self.mime_types {
            field('M', kind, out);
        }
        for label in &self.types {
            field('T', label, out);
        }
        for name in names {
            field('N', name, out);
        }
        for letter in self.attributes.letters() {
            out.push_str("\tA=");
            out.push(letter);
        }
    }
}

/// Tabs and line ends separate fields and nodes, so there are none within.
fn field(key: char, value: &str, out: &mut String) {
    out.extend(['\t', key, '=']);
    out.extend(value.chars().map(|c| if matches!(c, '\t' | '\n') { ' ' } else { c }));
}
