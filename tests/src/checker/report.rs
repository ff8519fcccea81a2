//! What a run came to.

use std::fmt;

/// Each list names what it counts.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Mails that a client began.
    pub mails: usize,
    /// Recipients of those.
    pub recipients: usize,
    /// Attempts beyond the first of each mail.
    pub retries: usize,
    /// Answered 2xx, and the next hop has no copy.
    pub lost: Vec<String>,
    /// Copies beyond the first.
    pub duplicate: Vec<String>,
    /// How many of those are of recipients for whom the next hop once took the mail and did not say so.
    pub unsaid: usize,
    /// Answered 5xx, and the next hop has a copy.
    pub wrong: Vec<String>,
    /// Copies whose content is that of another mail, or whose recipient the mail never had.
    pub cross: Vec<String>,
    /// Copies whose content differs.
    pub corrupt: Vec<String>,
    /// Never answered 2xx or 5xx.
    pub stuck: Vec<String>,
    /// Copies of what nobody sent.
    pub unexpected: Vec<String>,
    /// CR or LF at the next hop that was no part of a CRLF.
    pub bare_line_ends: usize,
    /// What was left behind after everything was answered.
    pub leaked: Vec<String>,
}

/// Names that are printed of each list.
const NAMES_MAX: usize = 5;

impl Report {
    /// The faults, each with its name and number; empty when no promise was broken. Copies beyond the first are
    /// allowed as far as `duplicates_max`.
    pub fn faults(&self, duplicates_max: usize) -> Vec<String> {
        let duplicate = if self.duplicate.len() > duplicates_max { &self.duplicate[..] } else { &[] };
        let lists = [
            ("lost", &self.lost[..]),
            ("duplicate", duplicate),
            ("wrong", &self.wrong),
            ("cross-delivered", &self.cross),
            ("corrupt", &self.corrupt),
            ("stuck", &self.stuck),
            ("unexpected", &self.unexpected),
            ("leaked", &self.leaked),
        ];
        let mut faults: Vec<String> = lists
            .iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| {
                let some = &list[..list.len().min(NAMES_MAX)];
                format!("{name} {}: {}", list.len(), some.join(", "))
            })
            .collect();
        if self.bare_line_ends > 0 {
            faults.push(format!("bare line ends {}", self.bare_line_ends));
        }
        faults
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} mails, {} recipients, {} retries; lost {}, duplicate {} ({} unsaid), wrong {}, cross-delivered {}, corrupt {}, \
             stuck {}, unexpected {}, bare line ends {}, leaked {}",
            self.mails,
            self.recipients,
            self.retries,
            self.lost.len(),
            self.duplicate.len(),
            self.unsaid,
            self.wrong.len(),
            self.cross.len(),
            self.corrupt.len(),
            self.stuck.len(),
            self.unexpected.len(),
            self.bare_line_ends,
            self.leaked.len()
        )
    }
}
