//! Findings → verdict: which one decides, what the client hears, and how a delivered mail is marked.
//!
//! The worst finding gives the category. What is done follows the worst finding whose disposition keeps the mail
//! back; only when none does is the mail delivered. So a banned name that policy lets pass never carries an unscanned
//! mail through. Reply texts and header names are those of amavis, which operators grep for and script against.

use proto::{Category, Disposition, Envelope, Finding, Group, HeaderEdit, Reply, TxId, Verdict};

use crate::text::printable;

/// A finding and what policy says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) finding: Finding,
    pub(crate) disposition: Disposition,
}

/// What the verdict is made of beside the findings.
pub(crate) struct Frame<'a> {
    pub(crate) envelope: &'a Envelope,
    /// Told in replies, so that the sender's postmaster can name the transaction.
    pub(crate) tx: Option<TxId>,
    /// `Mailweir at <host>`, when a virus scanner looked at all of this mail.
    pub(crate) scanned_by: Option<String>,
    /// The checks that look for viruses.
    pub(crate) virus_scanners: &'a [String],
    /// What else is told in the header of a delivered mail.
    pub(crate) marks: Vec<HeaderEdit>,
}

/// Folds `judged` into one verdict for all recipients, and says what is done.
pub(crate) fn fold(mut judged: Vec<Judged>, frame: &Frame<'_>) -> (Verdict, Disposition) {
    for judged in &mut judged {
        judged.finding.name = printable(&judged.finding.name);
    }
    // The last of the worst gives the category, hence the severe one behind the mild one.
    judged.sort_by_key(|j| (j.finding.category.rank(), severity(j.disposition)));
    let blocking = judged.iter().rev().find(|j| !j.disposition.delivers());
    let (disposition, reply, edits) = match blocking {
        Some(judged) => (judged.disposition, reply(judged, frame), Vec::new()),
        None => {
            let marked = judged.iter().any(|j| j.disposition == Disposition::Tag);
            let disposition = if marked { Disposition::Tag } else { Disposition::Pass };
            (disposition, None, edits(&judged, frame))
        }
    };
    let group = Group { disposition, reply, edits };
    let findings = judged.into_iter().map(|judged| judged.finding).collect();
    (Verdict::uniform(frame.envelope, findings, group), disposition)
}

/// Higher keeps the mail back more.
fn severity(disposition: Disposition) -> u8 {
    match disposition {
        Disposition::Pass => 0,
        Disposition::Tag => 1,
        Disposition::Discard => 2,
        Disposition::Reject => 3,
        // What we do not know is worse than what we decided.
        Disposition::Tempfail => 4,
    }
}

/// The word that operators know a category by.
fn word(category: Category) -> &'static str {
    match category {
        Category::Clean => "CLEAN",
        Category::Oversized => "OVERSIZED",
        Category::BadHeader => "BAD HEADER",
        Category::Spammy => "SPAMMY",
        Category::Spam => "SPAM",
        Category::Unchecked(_) => "UNCHECKED",
        Category::Banned => "BANNED",
        Category::Virus => "INFECTED",
    }
}

fn reply(judged: &Judged, frame: &Frame<'_>) -> Option<Reply> {
    let Finding { check, category, name } = &judged.finding;
    let word = word(*category);
    let id = frame.tx.map(|tx| format!(", id={tx}")).unwrap_or_default();
    match judged.disposition {
        Disposition::Discard => {
            Some(Reply::enhanced(250, 7, 0, format!("Ok, discarded{id} - {word}: {name}")))
        }
        Disposition::Reject => Some(Reply::enhanced(554, 7, 0, format!("rejected, {word}: {name}"))),
        Disposition::Tempfail if matches!(category, Category::Unchecked(proto::Unchecked::Failed)) => {
            let what = match check.as_ref() {
                crate::scanner::SCANNER => crate::scanner::POISON,
                _ if frame.virus_scanners.contains(check) => "virus scanning unavailable",
                _ => "content inspection unavailable",
            };
            Some(Reply::enhanced(451, 5, 0, format!("{what}{id}")))
        }
        Disposition::Tempfail => {
            Some(Reply::enhanced(451, 7, 0, format!("not accepted now{id} - {word}: {name}")))
        }
        Disposition::Pass | Disposition::Tag => None,
    }
}

/// The fields that speak for us. Whoever else wrote them could make an unscanned mail look scanned.
const OURS: [&str; 2] = ["X-Amavis-Alert", "X-Virus-Scanned"];

/// One line per marked category, the worst on top, then who scanned; such lines of somebody else are taken out.
fn edits(judged: &[Judged], frame: &Frame<'_>) -> Vec<HeaderEdit> {
    let prepend = |name: &str, value: String| HeaderEdit::Prepend { name: name.into(), value };
    let mut edits = Vec::new();
    let mut told = Vec::new();
    for Judged { finding, disposition } in judged.iter().rev() {
        let is_told = told.contains(&finding.category);
        // Spam has marks of its own.
        let is_spam = matches!(finding.category, Category::Spam | Category::Spammy);
        if *disposition == Disposition::Tag && !is_told && !is_spam {
            told.push(finding.category);
            edits.push(prepend("X-Amavis-Alert", alert(finding)));
        }
    }
    if let Some(who) = &frame.scanned_by {
        edits.push(prepend("X-Virus-Scanned", who.clone()));
    }
    edits.extend(frame.marks.iter().cloned());
    edits.extend(OURS.map(|name| HeaderEdit::Strip { name: name.into() }));
    edits
}

fn alert(finding: &Finding) -> String {
    let (word, name) = (word(finding.category), &finding.name);
    match finding.category {
        Category::Virus => format!("{word}, message contains virus: {name}"),
        Category::Banned => format!("{word}, message contains {name}"),
        Category::Unchecked(_)
        | Category::Spam
        | Category::Spammy
        | Category::BadHeader
        | Category::Oversized
        | Category::Clean => format!("{word}, {}: {name}", finding.category.name()),
    }
}

#[cfg(test)]
mod tests;
