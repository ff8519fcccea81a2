//! The walk over everything in a mail: every part at every depth, every member of every archive, and mails in these.
//!
//! A list of what waits, no recursion. [`mail`] reads a mail, [`archive`] a container; both hand whatever they come upon
//! to [`Walk::leaf`] or its like, which judges it at once by name and type and keeps only what has to be opened. What
//! cannot be looked into is a finding of its own, never nothing. Deliberately absent: the formats of archives (crate
//! `unpack`), and what is banned ([`judge`] is the seam).

mod archive;
mod feed;
mod findings;
mod guess;
mod headers;
mod judge;
mod leaf;
mod look;
mod mail;
mod place;
mod queue;
#[cfg(test)]
pub(crate) mod tests;
mod views;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use mail_parser::{HeaderName, MessageParser};
use proto::inspection::{AttachmentRules, Found, Limits, Wanted};
use proto::{Category, Unchecked};
use rustix::time::{ClockId, clock_gettime};

pub(crate) use self::feed::Fed;
use self::feed::Feed;
use self::findings::Findings;
use self::place::Place;
use self::queue::{Opening, Queue, Refused};
use self::words::Texts;
use crate::attachments::guard::Budget;
use crate::banned::{RuleError, Rules};

/// What is looked for in mails, and how far.
#[derive(Debug)]
pub(crate) struct Inspection {
    rules: Rules,
    limits: Limits,
    passwords: Vec<Vec<u8>>,
}

/// What was seen in a mail.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) findings: Vec<Found>,
    /// Encrypted members whose password was known.
    pub(crate) opened: u64,
    /// For virus scanners.
    pub(crate) parts: Vec<Fed>,
    /// Whether some were left out that a scanner comes upon in the whole mail.
    pub(crate) is_cut: bool,
}

impl Inspection {
    /// By these rules, where a mail may use `cpu` before its process is killed.
    ///
    /// # Errors
    /// When a rule cannot be compiled.
    pub(crate) fn new(mut settings: AttachmentRules, cpu: Duration) -> Result<Self, RuleError> {
        // Told as a limit rather than by being killed.
        settings.limits.archive_cpu_max = settings.limits.archive_cpu_max.min(cpu * 3 / 4);
        let passwords = std::mem::take(&mut settings.passwords);
        let passwords = passwords.into_iter().map(String::into_bytes).collect();
        Ok(Self { limits: settings.limits, rules: Rules::new(&settings)?, passwords })
    }

    /// What is found in `content`; a panic of a parser is a finding.
    pub(crate) fn inspect(&self, content: &[u8], wanted: Wanted) -> Seen {
        caught(|| self.walk(content, wanted))
    }

    fn walk(&self, content: &[u8], wanted: Wanted) -> Seen {
        let mut walk = Walk::new(self, content.len(), wanted);
        if content.len() > self.limits.content_bytes_max {
            walk.findings.over_limit("content bytes");
            return walk.seen();
        }
        let mut unpacking = unpack::Budget::new(self.unpack_limits(), cpu_time);
        walk.mail(content, &Place::mail());
        while let Some(job) = walk.queue.pop() {
            match job.opening {
                Opening::Mail => {
                    // It was not in plain sight, or it would have been read with the mail around it.
                    walk.is_hidden = true;
                    walk.budget.grow(job.content.len());
                    walk.mail(&job.content, &job.place);
                    // Of a file, many readers pass over blank lines before the fields.
                    let trimmed = job.content.trim_ascii_start();
                    if trimmed.len() < job.content.len() {
                        walk.budget.grow(trimmed.len());
                        walk.mail(trimmed, &job.place);
                    }
                }
                Opening::Archive(formats) => {
                    walk.archive(&job.content, &formats, &job.place, &mut unpacking);
                }
            }
        }
        walk.seen()
    }

    fn unpack_limits(&self) -> unpack::Limits {
        let limits = &self.limits;
        unpack::Limits {
            out_bytes_max: limits.out_bytes_max as u64,
            member_bytes_max: limits.member_bytes_max as u64,
            ratio_max: limits.ratio_max,
            members_max: limits.members_max,
            dictionary_bytes_max: limits.dictionary_bytes_max as u64,
            cpu: limits.archive_cpu_max,
            ..unpack::Limits::default()
        }
    }
}

/// One mail on its way.
struct Walk<'i> {
    inspection: &'i Inspection,
    parser: MessageParser,
    budget: Budget,
    findings: Findings,
    feed: Feed,
    queue: Queue,
    texts: Texts,
    /// Whether a virus scanner may not come upon what is read now.
    is_hidden: bool,
    opened: u64,
    /// Parts and members so far.
    places: usize,
}

impl<'i> Walk<'i> {
    fn new(inspection: &'i Inspection, content_bytes: usize, wanted: Wanted) -> Self {
        Self {
            inspection,
            parser: parser(),
            budget: Budget::new(&inspection.limits, content_bytes),
            findings: Findings::default(),
            feed: Feed::new(wanted, &inspection.limits),
            queue: Queue::new(inspection.limits.held_bytes_max),
            texts: Texts::default(),
            is_hidden: false,
            opened: 0,
            places: 0,
        }
    }

    fn seen(self) -> Seen {
        Seen {
            findings: self.findings.into_list(),
            opened: self.opened,
            is_cut: self.feed.is_cut(),
            parts: self.feed.into_list(),
        }
    }

    /// Opens it in its turn, if it is within the limits.
    fn open_later(&mut self, content: impl Into<Vec<u8>> + AsRef<[u8]>, opening: Opening, place: &Rc<Place>) {
        let limits = &self.inspection.limits;
        let is_too_deep = match opening {
            Opening::Mail => (place.depth >= limits.depth_max).then_some("depth"),
            Opening::Archive(_) => {
                (place.archive_depth >= limits.archive_depth_max).then_some("archive depth")
            }
        };
        if let Some(limit) = is_too_deep {
            return self.findings.over_limit(limit);
        }
        match self.queue.push(content, opening, place) {
            Ok(()) | Err(Refused::Known) => {}
            Err(Refused::Endless) => self.findings.over_limit("archive depth"),
            Err(Refused::TooMuch) => self.findings.over_limit("bytes held"),
        }
    }
}

/// Reads the headers that decide where parts are, and decodes nothing.
pub(crate) fn parser() -> MessageParser {
    MessageParser::new().default_header_ignore().header_content_type(HeaderName::ContentType)
}

/// Of this process.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or_default());
    seconds + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or_default())
}

fn caught(inspect: impl FnOnce() -> Seen) -> Seen {
    catch_unwind(AssertUnwindSafe(inspect)).unwrap_or_else(|_| {
        let failed = Found::new(Category::Unchecked(Unchecked::Failed), "the parser failed on it");
        Seen { findings: vec![failed], ..Seen::default() }
    })
}
