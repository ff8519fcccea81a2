//! What was found so far: each thing once, the worst kept when there are too many.

use proto::inspection::Found;
use proto::{Category, Unchecked};

/// Most findings that are kept of one mail.
const FINDINGS_MAX: usize = 16;

/// In the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Found>);

impl Findings {
    /// Keeps it, in place of a milder one when there are too many.
    pub(super) fn add(&mut self, found: Found) {
        if self.0.contains(&found) {
            return;
        }
        if self.0.len() < FINDINGS_MAX {
            return self.0.push(found);
        }
        // One of each category stays, so that none is hidden behind a crowd of another.
        let rank = found.category.rank();
        let count = |category: Category| self.0.iter().filter(|f| f.category == category).count();
        let is_new = count(found.category) == 0;
        let crowded = |f: &Found| count(f.category) > 1 && (is_new || f.category.rank() < rank);
        let slot = self.0.iter().rposition(crowded);
        let slot = slot.or_else(|| self.0.iter().rposition(|f| f.category.rank() < rank));
        if let Some(slot) = slot.and_then(|at| self.0.get_mut(at)) {
            *slot = found;
        }
    }

    pub(super) fn over_limit(&mut self, limit: impl std::fmt::Display) {
        self.unchecked(Unchecked::OverLimit, format!("beyond the limit of {limit}"));
    }

    pub(super) fn ambiguous(&mut self, what: impl Into<String>) {
        self.unchecked(Unchecked::Ambiguous, what);
    }

    pub(super) fn unchecked(&mut self, why: Unchecked, what: impl Into<String>) {
        self.add(Found::new(Category::Unchecked(why), what));
    }

    pub(super) fn into_list(self) -> Vec<Found> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_hides_nothing_worse_and_no_other_category() {
        let mut findings = Findings::default();
        for index in 0..100 {
            findings.unchecked(Unchecked::Encrypted, format!("{index}"));
        }
        findings.over_limit("x");
        findings.ambiguous("x");
        findings.add(Found::new(Category::Banned, "a.exe"));
        findings.add(Found::new(Category::Banned, "a.exe"));
        for index in 100..200 {
            findings.unchecked(Unchecked::Encrypted, format!("{index}"));
        }
        let list = findings.into_list();
        assert_eq!(list.len(), FINDINGS_MAX);
        let count = |category| list.iter().filter(|found| found.category == category).count();
        assert_eq!(count(Category::Banned), 1);
        assert_eq!(count(Category::Unchecked(Unchecked::OverLimit)), 1);
        assert_eq!(count(Category::Unchecked(Unchecked::Ambiguous)), 1);
        assert_eq!(count(Category::Unchecked(Unchecked::Encrypted)), 13);
    }
}
