//! One container, opened as everything that it may be read as.

use std::time::Duration;

use unpack::{Budget, Format, Limits, Member, Passwords, Trouble, formats, open};

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) members: Vec<Member>,
    pub(crate) troubles: Vec<Trouble>,
}

pub(crate) fn run(format: Format, content: &[u8]) -> Run {
    run_within(format, content, Limits::default())
}

pub(crate) fn run_within(format: Format, content: &[u8], limits: Limits) -> Run {
    assert!(formats(content).contains(&format), "{format:?} is not among {:?}", formats(content));
    run_unasked(format, content, limits)
}

/// Also where the content does not look like it.
pub(crate) fn run_unasked(format: Format, content: &[u8], limits: Limits) -> Run {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Vec::new();
    let troubles =
        open(format, content, &mut budget, &Passwords::default(), &mut |member| members.push(member));
    Run { members, troubles }
}

impl Run {
    /// The member of that name, whichever of its names it is.
    pub(crate) fn named(&self, name: &str) -> &Member {
        let has_name = |member: &&Member| member.names.iter().any(|n| n == name.as_bytes());
        self.members.iter().find(has_name).unwrap_or_else(|| panic!("no {name:?} in {:?}", self.names()))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.members.iter().flat_map(|member| &member.names);
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Its content, which was read to its end.
    pub(crate) fn whole(&self, name: &str) -> &[u8] {
        let content = &self.named(name).content;
        assert_eq!(content.trouble, None, "{name}");
        &content.bytes
    }

    /// What is wrong with the container or a member, each once, as text.
    pub(crate) fn told(&self) -> Vec<String> {
        let of_members = self.members.iter().filter_map(|member| member.content.trouble);
        let mut told: Vec<String> =
            self.troubles.iter().copied().chain(of_members).map(|trouble| trouble.to_string()).collect();
        told.sort();
        told.dedup();
        told
    }
}
