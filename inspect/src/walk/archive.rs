//! Opens a container, judges its members, and says what of it could not be read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use proto::Unchecked;
use proto::inspection::Found;
use unpack::{Budget, Format, Kind, Member, Passwords, Trouble};

use super::leaf::is_mail_file;
use super::look::{self, Look};
use super::place::{Place, shorten};
use super::queue::Opening;
use super::{Walk, feed};
use crate::attachments::signatures;
use crate::banned::{Attributes, Node};

/// Most words that are tried on a format that makes each of them expensive.
const SLOW_WORDS_MAX: usize = 20;

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
            let troubles = self.open_with_passwords(*format, content, place, budget);
            let mut attributes = place.node.attributes;
            let mut is_at_its_end = false;
            let is_hidden = formats.len() > 1
                || feed::is_hidden(*format)
                || troubles.iter().any(|met| feed::is_doubtful(&met.trouble));
            self.decide_members(is_hidden);
            for met in troubles {
                match met.trouble {
                    Trouble::Limit(limit) => is_at_its_end |= limit.is_final(),
                    Trouble::Encrypted => attributes.is_encrypted = true,
                    Trouble::Damaged(_) | Trouble::Unsupported(_) => attributes.is_undecodable = true,
                    Trouble::Ambiguous(_) => attributes.is_ambiguous = true,
                }
                self.trouble(*format, place, &met);
            }
            self.judge_again(place, attributes);
            if is_at_its_end {
                return self.queue.drop_archives();
            }
        }
    }

    /// With the list first; where something stays closed, with words of the mail as well.
    fn open_with_passwords(
        &mut self,
        format: Format,
        content: &[u8],
        place: &Rc<Place>,
        budget: &mut Budget,
    ) -> Vec<Met> {
        let mut passwords = Passwords { words: self.inspection.passwords.clone() };
        let opened = self.opened;
        let troubles = self.open(format, content, place, budget, &passwords);
        let max = match format {
            Format::SevenZ => SLOW_WORDS_MAX,
            _ => self.inspection.limits.password_words_max,
        };
        if troubles.iter().all(|met| met.trouble != Trouble::Encrypted) {
            return troubles;
        }
        let words = self.texts.words(self.inspection.limits.password_words_max.min(max));
        if words.is_empty() {
            return troubles;
        }
        passwords.words.extend(words);
        self.opened = opened;
        self.open(format, content, place, budget, &passwords)
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
        let Member { mut names, kind, is_encrypted, is_rare, content } = member;
        for name in &mut names {
            if shorten(name) {
                self.findings.over_limit("bytes of a name");
            }
        }
        self.opened += u64::from(is_encrypted && content.trouble.is_none());
        let is_directory = kind == Kind::Directory && content.bytes.is_empty();
        if kind == Kind::Directory && !is_directory {
            // It has a content, so some reader takes it for a file.
            for name in &mut names {
                let end = name.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
                name.truncate(end);
            }
        }
        // Readers that do not know links or devices make files of them.
        let is_file = kind == Kind::File || !content.bytes.is_empty();
        let look = if is_file { Look::at(&content.bytes) } else { Look::default() };
        let mut types: Vec<String> = look.labels.iter().map(|label| (*label).to_owned()).collect();
        if names.iter().any(|name| look::is_macro(name)) {
            types.push("macro".into());
        }
        if kind == Kind::Link {
            // What it points to may be what is opened.
            let mut target = content.bytes.clone();
            shorten(&mut target);
            names.push(target);
        }
        let attributes = Attributes {
            is_ambiguous: matches!(content.trouble, Some(Trouble::Ambiguous(_))),
            is_encrypted,
            is_directory,
            is_link: kind == Kind::Link,
            is_special: kind == Kind::Other,
            is_undecodable: matches!(content.trouble, Some(Trouble::Damaged(_) | Trouble::Unsupported(_))),
        };
        let place = Place::member(
            archive,
            Node { number: self.next_number(), types, names, attributes, ..Node::default() },
        );
        self.judge(&place, || signatures::readable(&content.bytes));
        if is_file {
            if is_rare || is_encrypted {
                self.feed(&content.bytes, true);
            } else {
                self.feed.put_aside(&content.bytes);
            }
            if is_mail_file(&place.node) || look::is_mail(&content.bytes) {
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
