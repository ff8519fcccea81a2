//! What every reader of directories does with a member: charge it, hand it on, and stop when nothing more may be
//! unpacked.

use std::collections::BTreeSet;

use crate::{Budget, Content, Kind, Limit, Member, Trouble};

/// The members of one container on their way to the caller.
pub(crate) struct Listing<'a> {
    budget: &'a mut Budget,
    visit: &'a mut dyn FnMut(Member),
    troubles: Vec<Trouble>,
    is_rare: bool,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(budget: &'a mut Budget, visit: &'a mut dyn FnMut(Member)) -> Self {
        Self { budget, visit, troubles: Vec::new(), is_rare: false }
    }

    pub(crate) fn budget(&mut self) -> &mut Budget {
        self.budget
    }

    /// Whether what is given from now on is where few other readers see it.
    pub(crate) fn rare(&mut self, is_rare: bool) {
        self.is_rare = is_rare;
    }

    /// One more member. Its content is asked for only when there may be one more.
    ///
    /// # Errors
    /// When the whole mail is at a limit; the member was given as far as it was read.
    pub(crate) fn give(
        &mut self,
        names: Vec<Vec<u8>>,
        kind: Kind,
        is_encrypted: bool,
        content: impl FnOnce(&mut Budget) -> Content,
    ) -> Result<(), Limit> {
        self.budget.member()?;
        let content = content(self.budget);
        let trouble = content.trouble;
        (self.visit)(Member { names: distinct(names), kind, is_encrypted, is_rare: self.is_rare, content });
        match trouble {
            Some(Trouble::Limit(limit)) if limit.is_final() => Err(limit),
            _ => Ok(()),
        }
    }

    /// Something is wrong with the container. The same is told once.
    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }

    /// What the reader returns.
    pub(crate) fn finish(mut self, end: Result<(), Limit>) -> Vec<Trouble> {
        if let Err(limit) = end {
            self.trouble(limit.into());
        }
        self.troubles
    }
}

/// A member without content.
pub(crate) fn nothing(trouble: Option<Trouble>) -> Content {
    Content { bytes: Vec::new(), trouble }
}

/// Each name once, in the order of the first, without empty ones.
fn distinct(mut names: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut seen = BTreeSet::new();
    names.retain(|name| !name.is_empty() && seen.insert(name.clone()));
    names
}
