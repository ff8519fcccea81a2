//! What the worker found and what is to be done: findings, and per recipient a disposition with header edits.
//!
//! A verdict is data. Egress carries it out by splicing bytes; nothing here changes a mail. It covers exactly the
//! recipients of the envelope that it was made for. Which disposition follows from which finding is policy and lives
//! in the worker.

use serde::{Deserialize, Serialize};

use crate::{Envelope, Position, Reply, SpamResult};

/// Why a mail, or a part of it, was not looked into. Never the same as clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unchecked {
    /// Behind a password.
    Encrypted,
    /// Above a limit of size, depth, count or time.
    OverLimit,
    /// Two readings are possible.
    Ambiguous,
    /// A scanner did not answer, or not in its grammar.
    Failed,
}

/// What kind of mail it is, in the words of amavis. Ranked: the worst finding gives the category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Nothing found.
    Clean,
    /// Larger than a recipient takes.
    Oversized,
    /// The header section breaks RFC 5322.
    BadHeader,
    /// Above tag2 level.
    Spammy,
    /// Above kill level.
    Spam,
    /// Not looked into.
    Unchecked(Unchecked),
    /// A forbidden attachment.
    Banned,
    /// Infected.
    Virus,
}

impl Category {
    /// Higher is worse.
    pub fn rank(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Oversized => 1,
            Self::BadHeader => 2,
            Self::Spammy => 3,
            Self::Spam => 4,
            Self::Unchecked(_) => 5,
            Self::Banned => 6,
            Self::Virus => 7,
        }
    }

    /// The name in configuration, log and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Oversized => "oversized",
            Self::BadHeader => "bad-header",
            Self::Spammy => "spammy",
            Self::Spam => "spam",
            Self::Unchecked(Unchecked::Encrypted) => "unchecked-encrypted",
            Self::Unchecked(Unchecked::OverLimit) => "unchecked-over-limit",
            Self::Unchecked(Unchecked::Ambiguous) => "unchecked-ambiguous",
            Self::Unchecked(Unchecked::Failed) => "unchecked-failed",
            Self::Banned => "banned",
            Self::Virus => "virus",
        }
    }
}

/// What one check saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check or scanner, as it is configured: `clamd`, `attachments`.
    pub check: String,
    /// What it means.
    pub category: Category,
    /// The virus name, the banned name or the reason; printable.
    pub name: String,
}

/// What policy does with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Disposition {
    /// Deliver.
    Pass,
    /// Deliver, marked.
    Tag,
    /// Answer 5xx, deliver nothing.
    Reject,
    /// Answer 2xx, deliver nothing, say so in the log.
    Discard,
    /// Answer 4xx, deliver nothing.
    Tempfail,
}

impl Disposition {
    /// The name in configuration, log and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Tag => "tag",
            Self::Reject => "reject",
            Self::Discard => "discard",
            Self::Tempfail => "tempfail",
        }
    }

    /// Whether the mail goes to the next hop.
    pub fn delivers(self) -> bool {
        matches!(self, Self::Pass | Self::Tag)
    }
}

/// One change of the header section.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HeaderEdit {
    /// Put `name: value` on top.
    Prepend {
        /// Field name.
        name: String,
        /// Unfolded value; printable.
        value: String,
    },
    /// Take out every field of that name (compared without case) that came in.
    Strip {
        /// Field name.
        name: String,
    },
}

/// Recipients that are treated alike: one outgoing transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What is done.
    pub disposition: Disposition,
    /// The answer where nothing is delivered; where it is `None` the disposition's own standard answer is given.
    #[serde(default)]
    pub reply: Option<Reply>,
    /// Changes of the header section, in order: the first stands on top.
    #[serde(default)]
    pub edits: Vec<HeaderEdit>,
}

impl Group {
    /// The answer for a recipient to whom nothing is delivered: the policy's own, as far as its class fits the
    /// disposition, else the standard one.
    pub fn final_reply(&self) -> Reply {
        use crate::ReplyClass::{Permanent, Positive, Transient};
        let (class, standard) = match self.disposition {
            Disposition::Discard => (Positive, Reply::enhanced(250, 7, 0, "Ok, discarded by policy")),
            Disposition::Reject => (Permanent, Reply::enhanced(554, 7, 0, "rejected by policy")),
            Disposition::Tempfail | Disposition::Pass | Disposition::Tag => {
                (Transient, Reply::enhanced(451, 7, 0, "not accepted now, try again later"))
            }
        };
        self.reply.clone().filter(|reply| reply.class() == class).unwrap_or(standard)
    }
}

/// Findings, and for every recipient of the envelope the group that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    category: Category,
    findings: Vec<Finding>,
    groups: Vec<Group>,
    /// Index into `groups`, by position.
    membership: Vec<u32>,
    /// Left out when there is none, which is what the previous release wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    spam: Vec<SpamResult>,
}

impl Verdict {
    /// The same treatment for every recipient of `envelope`; the worst finding gives the category.
    pub fn uniform(envelope: &Envelope, findings: Vec<Finding>, group: Group) -> Self {
        let category = findings
            .iter()
            .map(|finding| finding.category)
            .max_by_key(|c| c.rank())
            .unwrap_or(Category::Clean);
        let membership = vec![0; envelope.recipients().len()];
        Self { category, findings, groups: vec![group], membership, spam: Vec::new() }
    }

    /// With what spam scanners said.
    #[must_use]
    pub fn with_spam(self, spam: Vec<SpamResult>) -> Self {
        Self { spam, ..self }
    }

    /// What each spam scanner said.
    pub fn spam(&self) -> &[SpamResult] {
        &self.spam
    }

    /// The worst that was found.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Everything that was found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The groups of `envelope`'s recipients, each with its positions in RCPT order; groups without recipients are
    /// left out. A recipient that the verdict does not know (it was made for another envelope) is tempfailed.
    pub fn groups_of(&self, envelope: &Envelope) -> Vec<(Group, Vec<Position>)> {
        let stranger = Group { disposition: Disposition::Tempfail, reply: None, edits: Vec::new() };
        let mut members: Vec<Vec<Position>> = vec![Vec::new(); self.groups.len() + 1];
        for position in envelope.positions() {
            let group =
                self.membership.get(position.index()).map_or(self.groups.len(), |group| *group as usize);
            if let Some(members) = members.get_mut(group.min(self.groups.len())) {
                members.push(position);
            }
        }
        let groups = self.groups.iter().cloned().chain([stranger]);
        groups.zip(members).filter(|(_, members)| !members.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForwardPath, MailParams, Recipient, ReversePath};

    fn envelope(recipients: usize) -> Envelope {
        let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
        Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient; recipients]).unwrap()
    }

    fn group(disposition: Disposition) -> Group {
        Group { disposition, reply: None, edits: Vec::new() }
    }

    #[test]
    fn the_worst_finding_gives_the_category() {
        let finding = |category| Finding { check: "x".into(), category, name: String::new() };
        let found = vec![finding(Category::Spam), finding(Category::Virus), finding(Category::Banned)];
        assert_eq!(
            Verdict::uniform(&envelope(1), found, group(Disposition::Pass)).category(),
            Category::Virus
        );
        assert_eq!(
            Verdict::uniform(&envelope(1), vec![], group(Disposition::Pass)).category(),
            Category::Clean
        );
    }

    #[test]
    fn a_recipient_that_the_verdict_does_not_know_is_tempfailed() {
        let verdict = Verdict::uniform(&envelope(2), vec![], group(Disposition::Pass));
        let groups = verdict.groups_of(&envelope(3));
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].1, [Position::new(0), Position::new(1)]);
        assert_eq!(
            (groups[1].0.disposition, &*groups[1].1),
            (Disposition::Tempfail, &[Position::new(2)][..])
        );
    }

    #[test]
    fn a_reply_of_the_wrong_class_is_not_given() {
        let mut discard = group(Disposition::Discard);
        discard.reply = Some(Reply::new(550, None, "no"));
        assert_eq!(discard.final_reply().code(), 250);
        let mut reject = group(Disposition::Reject);
        reject.reply = Some(Reply::enhanced(550, 7, 1, "infected"));
        assert_eq!(reject.final_reply().to_string(), "550 5.7.1 infected");
        assert_eq!(group(Disposition::Tempfail).final_reply().code(), 451);
    }
}
