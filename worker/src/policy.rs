//! What is done with a mail of each category: one table for the whole site.
//!
//! A typed field per category, so that none can be forgotten. Clean mail has no entry: it always passes. Tables per
//! recipient come later; they will be chosen before [`Table::disposition`] is asked.

use proto::{Category, Disposition, Unchecked};

/// Category → disposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Infected. Default: discard. The sender is nearly always forged, and a 5xx makes the client's server bounce to
    /// the forged address.
    pub virus: Disposition,
    /// A forbidden attachment. Default: reject. The sender is mostly honest and should learn why it did not arrive.
    pub banned: Disposition,
    /// Behind a password. Default: tag. Honest mail has such attachments; the reader is warned.
    pub unchecked_encrypted: Disposition,
    /// Above a limit of the scanner or of the attachment rule. Default: tag, as above.
    pub unchecked_over_limit: Disposition,
    /// Readable in two ways. Default: tag, as above.
    pub unchecked_ambiguous: Disposition,
    /// A scanner failed. Default: tempfail. The client keeps the mail and tries again when the scanner is back.
    pub unchecked_failed: Disposition,
    /// Above kill level. Default: tag. Lost honest mail is worse than delivered spam.
    pub spam: Disposition,
    /// Above tag2 level. Default: tag.
    pub spammy: Disposition,
    /// A header section that breaks RFC 5322. Default: pass. Much honest mail does.
    pub bad_header: Disposition,
    /// Larger than a recipient takes. Default: pass. The next hop knows its limits better.
    pub oversized: Disposition,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            virus: Disposition::Discard,
            banned: Disposition::Reject,
            unchecked_encrypted: Disposition::Tag,
            unchecked_over_limit: Disposition::Tag,
            unchecked_ambiguous: Disposition::Tag,
            unchecked_failed: Disposition::Tempfail,
            spam: Disposition::Tag,
            spammy: Disposition::Tag,
            bad_header: Disposition::Pass,
            oversized: Disposition::Pass,
        }
    }
}

impl Table {
    /// What is done with `category`. An unchecked mail that is let through is always marked, so `pass` means `tag`
    /// there.
    pub fn disposition(&self, category: Category) -> Disposition {
        let set = match category {
            Category::Clean => Disposition::Pass,
            Category::Oversized => self.oversized,
            Category::BadHeader => self.bad_header,
            Category::Spammy => self.spammy,
            Category::Spam => self.spam,
            Category::Unchecked(Unchecked::Encrypted) => self.unchecked_encrypted,
            Category::Unchecked(Unchecked::OverLimit) => self.unchecked_over_limit,
            Category::Unchecked(Unchecked::Ambiguous) => self.unchecked_ambiguous,
            Category::Unchecked(Unchecked::Failed) => self.unchecked_failed,
            Category::Banned => self.banned,
            Category::Virus => self.virus,
        };
        match (category, set) {
            (Category::Unchecked(_), Disposition::Pass) => Disposition::Tag,
            (_, set) => set,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_as_documented() {
        let table = Table::default();
        let cases = [
            (Category::Virus, Disposition::Discard),
            (Category::Banned, Disposition::Reject),
            (Category::Unchecked(Unchecked::Encrypted), Disposition::Tag),
            (Category::Unchecked(Unchecked::OverLimit), Disposition::Tag),
            (Category::Unchecked(Unchecked::Ambiguous), Disposition::Tag),
            (Category::Unchecked(Unchecked::Failed), Disposition::Tempfail),
            (Category::Spam, Disposition::Tag),
            (Category::Spammy, Disposition::Tag),
            (Category::BadHeader, Disposition::Pass),
            (Category::Oversized, Disposition::Pass),
            (Category::Clean, Disposition::Pass),
        ];
        for (category, disposition) in cases {
            assert_eq!(table.disposition(category), disposition, "{}", category.name());
        }
    }

    #[test]
    fn what_was_not_looked_into_is_never_passed_unmarked() {
        let table =
            Table { unchecked_failed: Disposition::Pass, banned: Disposition::Pass, ..Table::default() };
        assert_eq!(table.disposition(Category::Unchecked(Unchecked::Failed)), Disposition::Tag);
        assert_eq!(table.disposition(Category::Banned), Disposition::Pass);
    }
}
