//! What every test needs: everything in a content by all its formats, and budgets.

use std::time::Duration;

use unpack::{Budget, Format, Limits, Member, Passwords, Trouble, formats, open};

/// What one format gave.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) format: Format,
    pub(crate) members: Vec<Member>,
    pub(crate) troubles: Vec<Trouble>,
}

impl Opened {
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.members.iter().flat_map(|member| &member.names);
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    pub(crate) fn member(&self, name: &str) -> &Member {
        let found = self.members.iter().find(|m| m.names.iter().any(|known| known == name.as_bytes()));
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.names()))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.members.iter().map(|member| member.content.bytes.len()).sum()
    }

    /// Of the container and of its members.
    pub(crate) fn all_troubles(&self) -> Vec<Trouble> {
        self.troubles.iter().copied().chain(self.members.iter().filter_map(|m| m.content.trouble)).collect()
    }
}

pub(crate) fn no_time() -> Duration {
    Duration::ZERO
}

pub(crate) fn budget() -> Budget {
    Budget::new(Limits::default(), no_time)
}

pub(crate) fn open_as(format: Format, content: &[u8], budget: &mut Budget, words: &[&str]) -> Opened {
    let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let mut members = Vec::new();
    let troubles = open(format, content, budget, &Passwords { words }, &mut |member| members.push(member));
    Opened { format, members, troubles }
}

/// As `format`, which has to be among those that it may be read as.
pub(crate) fn read(format: Format, content: &[u8]) -> Opened {
    assert!(formats(content).contains(&format), "{format:?} not in {:?}", formats(content));
    open_as(format, content, &mut budget(), &[])
}
