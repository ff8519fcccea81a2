//! Opens a container, judges its members, and says what of it could not be read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use proto::Unchecked;
use proto::inspection::Found;
use unpack::{Budget, Format, Kind, Member, Passwords, Trouble};

use super::Walk;
use super::judge::judge;
use super::look::{self, Look};
use super::place::{Node, Place, shorten};
use super::queue::Opening;
use crate::attachments::signatures;

/// Most words that are tried on a format that makes each of them expensive.
const SLOW_WORDS_MAX: usize = 20;
/// Extensions of files that are mails.
const MAIL_EXTENSIONS: [&str; 4] = ["eml", "mht", "mhtml", "nws"];

/// A trouble and the member that it is with.
struct Met {
    trouble: Trouble,
    name: Option<String>,
}

impl Walk<'_> {
    /// Opens `content` as each of `formats`.
    pub(super) fn archive(
        &mut self,
        content: &[u8],
        formats: &[Format],
        place: &Rc<Place>,
        budget: &mut Budget,
    ) {
        for format in formats {
            let configured = Passwords { words: self.inspection.passwords.clone() };
            let mut troubles = self.open(*format, content, place, budget, &configured);
            if troubles.iter().any(|met| met.trouble == Trouble::Encrypted) {
                let max = match format {
                    Format::SevenZ => SLOW_WORDS_MAX,
                    _ => usize::MAX,
                };
                let words = self.texts.words(self.inspection.limits.password_words_max.min(max));
                if !words.is_empty() {
                    troubles = self.open(*format, content, place, budget, &Passwords { words });
                }
            }
            let is_at_its_end =
                troubles.iter().any(|met| matches!(met.trouble, Trouble::Limit(limit) if limit.is_final()));
            for met in troubles {
                self.trouble(*format, place, &met);
            }
            if is_at_its_end {
                return self.queue.drop_archives();
            }
        }
    }

    fn open(
        &mut self,
        format: Format,
        content: &[u8],
        place: &Rc<Place>,
        budget: &mut Budget,
        passwords: &Passwords,
    ) -> Vec<Met> {
        let mut troubles = Vec::new();
        // On a panic what was found before counts.
        let (met, walk) = (&mut troubles, &mut *self);
        let read = || {
            unpack::open(format, content, budget, passwords, &mut |member| {
                met.extend(walk.member(member, place));
            })
        };
        let result = catch_unwind(AssertUnwindSafe(read));
        let of_all = self.told(format, result);
        troubles.extend(of_all.into_iter().map(|trouble| Met { trouble, name: None }));
        troubles
    }

    /// What a reader returned; a panic is a finding.
    pub(super) fn told(&mut self, format: Format, result: std::thread::Result<Vec<Trouble>>) -> Vec<Trouble> {
        result.unwrap_or_else(|_| {
            let what = format!("the reader of {} failed on it", look::short_type(format));
            self.findings.unchecked(Unchecked::Failed, what);
            Vec::new()
        })
    }

    /// Judges a member, and keeps it where it has to be opened.
    fn member(&mut self, member: Member, archive: &Rc<Place>) -> Option<Met> {
        let Member { mut names, kind, is_encrypted, content } = member;
        for name in &mut names {
            if shorten(name) {
                self.findings.over_limit("bytes of a name");
            }
        }
        self.opened += u64::from(is_encrypted && content.trouble.is_none());
        if kind == Kind::Directory && content.bytes.is_empty() {
            return content.trouble.map(|trouble| Met { trouble, name: None });
        }
        let is_file = kind == Kind::File || kind == Kind::Directory;
        let look = if is_file { Look::at(&content.bytes) } else { Look::default() };
        let mut types: Vec<String> = look.labels.iter().map(|label| (*label).to_owned()).collect();
        if names.iter().any(|name| look::is_macro(name)) {
            types.push("macro".into());
        }
        if kind == Kind::Link {
            // What it points to may be what is opened.
            names.push(content.bytes.clone());
        }
        let is_undecodable = matches!(content.trouble, Some(Trouble::Damaged(_) | Trouble::Unsupported(_)));
        let node = Node { types, names, is_encrypted, is_undecodable, ..Node::default() };
        let place = Place::member(archive, node);
        for found in judge(&self.inspection.rules, &place, || signatures::readable(&content.bytes)) {
            self.findings.add(found);
        }
        if is_file {
            let is_mail = MAIL_EXTENSIONS.iter().any(|extension| place.node.has_extension(extension));
            if is_mail || look::is_mail(&content.bytes) {
                self.open_later(content.bytes.as_slice(), Opening::Mail, &place);
            }
            if !look.formats.is_empty() {
                self.open_later(content.bytes, Opening::Archive(look.formats), &place);
            }
        }
        content.trouble.map(|trouble| Met { trouble, name: Some(place.node.shown()) })
    }

    /// Says what could not be read.
    fn trouble(&mut self, format: Format, place: &Place, met: &Met) {
        let format = look::short_type(format);
        let name = met.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| place.node.shown());
        let suffix = if name.is_empty() { String::new() } else { format!(": {name}") };
        // A reader that gets further than ours sees what we did not: damaged and unknown is ambiguous to us.
        let (why, what) = match met.trouble {
            Trouble::Limit(limit) => return self.findings.over_limit(limit),
            Trouble::Encrypted => (Unchecked::Encrypted, format!("encrypted {format}{suffix}")),
            Trouble::Damaged(what) => (Unchecked::Ambiguous, format!("damaged {format} ({what}){suffix}")),
            Trouble::Unsupported(what) => {
                (Unchecked::Ambiguous, format!("{format} that is not read ({what}){suffix}"))
            }
            Trouble::Ambiguous(what) => (
                Unchecked::Ambiguous,
                format!("{format} that can be read in more than one way ({what}){suffix}"),
            ),
        };
        self.findings.add(Found::new(proto::Category::Unchecked(why), what));
    }
}
