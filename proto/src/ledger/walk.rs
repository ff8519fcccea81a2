//! The walk along the line of a mail: records seen and who asks, to the next step.
//!
//! Three ask: an egress before the dot (claim), an ingress that gives up (abort), an ingress that got a retry (look).
//! The one who carries the walk out does what [`Walk::step`] says and tells what it found; a step that failed or
//! timed out is simply done again. A creation whose answer was lost is harmless: the repeated one finds the record,
//! and the owner in it is ours.
//!
//! Results of the same transaction are taken whatever they are: they are its answer. Of other transactions only what
//! is final (2xx, 5xx) counts; after a 4xx the client tries again, and that is what we are doing. Once a result was
//! taken a claim creates nothing more: the transaction at the next hop still names that recipient, so it must be
//! begun anew without it.

use super::{Freshness, Owner, Record, State, Wanted};
use crate::{Position, Reply, ReplyClass, TxId};

/// More generations than honest retries can make within the life of a record.
const GENERATIONS_MAX: u32 = 10_000;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Create our record at this generation, if there is none: then [`Seen::Created`] or [`Seen::Exists`].
    Create(u32),
    /// Read this generation from the leader: then [`Seen::Missing`] or [`Seen::Record`].
    Read(u32),
    /// Somebody is at the dot: wait a while, then read this generation.
    Watch(u32),
    /// It is decided.
    End(End),
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Our record stands.
    Created,
    /// There is a record already.
    Exists,
    /// There is none.
    Missing,
    /// This one; the freshness matters where it is a claim.
    Record(&'a Record, Freshness),
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Our record stands: the claim is granted, or the abort has won for everybody who is not in [`Walk::taken`].
    Mine {
        /// Where it stands.
        generation: u32,
    },
    /// Nothing was created, because these recipients have an answer already.
    Taken(Vec<(Position, Reply)>),
    /// The transaction was aborted.
    Aborted,
    /// What a look found.
    Looked {
        /// Who has an answer.
        results: Vec<(Position, Reply)>,
        /// Whether somebody is at the dot for one of the others.
        pending: bool,
        /// The highest attempt that is recorded for any of them.
        attempt: Option<u32>,
    },
    /// The line is longer than honest retries make it.
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Role {
    Claim(Owner),
    Abort(Owner),
    Look,
}

/// One walk. It holds no reference to the store, so that it can be kept, compared and checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Walk {
    tx: TxId,
    role: Role,
    wanted: Vec<Wanted>,
    taken: Vec<(Position, Reply)>,
    generation: u32,
    step: Step,
    ambiguous: u32,
    pending: bool,
    attempt: Option<u32>,
}

impl Walk {
    /// May `owner` give the mail to these recipients?
    pub fn claim(tx: TxId, owner: Owner, wanted: Vec<Wanted>) -> Self {
        Self::new(tx, Role::Claim(owner), wanted, Step::Create(0))
    }

    /// Nobody may deliver `tx` from now on, unless it was claimed before.
    pub fn abort(tx: TxId, owner: Owner, wanted: Vec<Wanted>) -> Self {
        Self::new(tx, Role::Abort(owner), wanted, Step::Create(0))
    }

    /// What is known of these recipients? Creates nothing.
    pub fn look(tx: TxId, wanted: Vec<Wanted>) -> Self {
        Self::new(tx, Role::Look, wanted, Step::Read(0))
    }

    fn new(tx: TxId, role: Role, wanted: Vec<Wanted>, step: Step) -> Self {
        let taken = Vec::new();
        Self { tx, role, wanted, taken, generation: 0, step, ambiguous: 0, pending: false, attempt: None }
    }

    /// What is to be done next.
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// The results found so far.
    pub fn taken(&self) -> &[(Position, Reply)] {
        &self.taken
    }

    /// How many claims without an owner and without an outcome were passed: whether the next hop has those mails,
    /// nobody knows.
    pub fn ambiguous(&self) -> u32 {
        self.ambiguous
    }

    /// Takes what the step found. After the end nothing changes any more.
    pub fn saw(&mut self, seen: Seen<'_>) {
        if let Step::End(_) = self.step {
            return;
        }
        self.step = match seen {
            Seen::Created => Step::End(End::Mine { generation: self.generation }),
            Seen::Exists => Step::Read(self.generation),
            Seen::Missing => self.at_the_end_of_the_line(),
            Seen::Record(record, freshness) => self.judge(record, freshness),
        };
    }

    fn at_the_end_of_the_line(&mut self) -> Step {
        match self.role {
            Role::Claim(_) if self.taken.is_empty() => Step::Create(self.generation),
            // Recipients without an answer are left: they are aborted even where others were delivered.
            Role::Abort(_) => Step::Create(self.generation),
            Role::Claim(_) | Role::Look => self.end(),
        }
    }

    fn judge(&mut self, record: &Record, freshness: Freshness) -> Step {
        if self.owner() == Some(record.owner) {
            return Step::End(End::Mine { generation: self.generation });
        }
        let is_same = record.tx == self.tx;
        let is_about = record.is_about(&self.wanted);
        if is_about {
            self.attempt = self.attempt.max(Some(record.attempt));
        }
        match &record.state {
            State::Abort if is_same && self.role != Role::Look => Step::End(End::Aborted),
            State::Abort => self.go_on(),
            State::Claim { .. } if !is_about => self.go_on(),
            State::Claim { .. } => match freshness {
                Freshness::Fresh => self.meet_a_claim(),
                Freshness::Stale => {
                    self.ambiguous += 1;
                    self.go_on()
                }
            },
            State::Done(replies) => {
                self.take(record, replies, is_same);
                if self.wanted.is_empty() { self.end() } else { self.go_on() }
            }
        }
    }

    /// Somebody is at the dot for one of ours.
    fn meet_a_claim(&mut self) -> Step {
        match self.role {
            Role::Look => {
                self.pending = true;
                self.go_on()
            }
            // What is known already makes the caller come again, for the others.
            Role::Claim(_) if !self.taken.is_empty() => self.end(),
            Role::Claim(_) | Role::Abort(_) => Step::Watch(self.generation),
        }
    }

    /// The next generation. A walk that wants to create tries so at once, since most lines end here.
    fn go_on(&mut self) -> Step {
        self.generation += 1;
        if self.generation >= GENERATIONS_MAX {
            return Step::End(End::TooLong);
        }
        match self.role {
            Role::Claim(_) if self.taken.is_empty() => Step::Create(self.generation),
            Role::Abort(_) => Step::Create(self.generation),
            Role::Claim(_) | Role::Look => Step::Read(self.generation),
        }
    }

    fn end(&mut self) -> Step {
        let results = self.taken.clone();
        Step::End(match self.role {
            Role::Claim(_) | Role::Abort(_) => End::Taken(results),
            Role::Look => End::Looked { results, pending: self.pending, attempt: self.attempt },
        })
    }

    fn owner(&self) -> Option<Owner> {
        match self.role {
            Role::Claim(owner) | Role::Abort(owner) => Some(owner),
            Role::Look => None,
        }
    }

    /// Moves those from `wanted` to `taken` whom the record answers.
    fn take(&mut self, record: &Record, replies: &[Reply], is_same: bool) {
        let mut ids: Vec<_> = self.wanted.iter().map(|wanted| wanted.id).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let named = || record.recipients.iter().enumerate().filter(|(_, named)| **named == id);
            let usable: Vec<&Reply> = named()
                .filter_map(|(index, _)| replies.get(index))
                .filter(|reply| is_same || reply.class() != ReplyClass::Transient)
                .collect();
            let asked = self.wanted.iter().filter(|wanted| wanted.id == id).count();
            // Of a recipient that was named twice the client may ask again for the one copy that it has no answer to.
            let known_to_the_client = named().count().saturating_sub(asked);
            for reply in usable.into_iter().skip(known_to_the_client) {
                let Some(index) = self.wanted.iter().position(|wanted| wanted.id == id) else {
                    break;
                };
                let wanted = self.wanted.remove(index);
                self.taken.push((wanted.position, reply.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
