//! Everything that a moment of the world consists of.
//!
//! No clock: a deadline may pass at any time, a process that is slow is one that does not move. What depends on time is
//! only what others conclude from silence, and that needs a process that died or was stopped.

use proto::ReplyClass;
use proto::ledger::{Owner, Record, Walk};

use crate::setup::{RECIPIENTS, Set, Setup, TRANSACTIONS};

/// An answer for each recipient, as far as there is one.
pub(crate) type Answers = [Option<ReplyClass>; RECIPIENTS];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// What the client was told.
    pub(crate) answers: Answers,
    /// By transaction.
    pub(crate) sessions: Vec<Session>,
    /// In the order in which they were stored.
    pub(crate) jobs: Vec<Job>,
    pub(crate) egresses: [Egress; 2],
    /// By line, then by generation.
    pub(crate) lines: Vec<Vec<Record>>,
    pub(crate) faults_left: u8,
    pub(crate) history: History,
}

/// What only the properties ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// At the next hop, by transaction and recipient.
    pub(crate) copies: [[u8; RECIPIENTS]; TRANSACTIONS],
    /// Faults that hit an egress between its last look at its right and the recorded outcome.
    pub(crate) hits: [[u8; RECIPIENTS]; TRANSACTIONS],
    /// For whom an abort has won, by transaction.
    pub(crate) aborted: [Set; TRANSACTIONS],
    /// Whether a copy was made after that, by an egress that no fault had hit.
    pub(crate) is_late: bool,
    /// Whether a deadline passed, or a fault came, since the client began or tried again.
    pub(crate) was_slow: bool,
}

/// A transaction at its ingress.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) recipients: Set,
    /// Whether the client still listens.
    pub(crate) is_heard: bool,
    pub(crate) at: At,
}

/// How far an ingress is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// The client has not begun it.
    Ahead,
    /// About to store the job of this attempt.
    Publishing(u32),
    /// Its own job is in the queue.
    Waiting(u32),
    /// There is such a job already: what does the ledger know?
    Looking(u32, Walk),
    /// It knows nothing final; asked again and again.
    Attached(u32),
    /// The time is up, and a retry could not be known.
    Aborting(Draft, Walk),
    /// Answered, or its process died.
    Over,
}

/// Who creates, and for which attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Draft {
    pub(crate) owner: Owner,
    pub(crate) attempt: u32,
}

/// A mail in the queue, and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Job {
    pub(crate) transaction: usize,
    pub(crate) attempt: u32,
    pub(crate) recipients: Set,
    /// Whether the stream has it.
    pub(crate) is_stored: bool,
    /// Whether the server refuses a second one of this message id.
    pub(crate) is_known: bool,
    /// Whether a worker will get it.
    pub(crate) is_due: bool,
    /// The second only where a worker died behind storing the first and the server forgot its id.
    pub(crate) verdicts: [Verdict; 2],
}

/// A message of the verdict stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// Not stored yet.
    Ahead,
    /// To be given to an egress, for the first time or again.
    Due { again: bool },
    /// An egress has it.
    Held { again: bool },
    /// Acked, or lost.
    Gone,
}

/// A process. One that died is there again at once and knows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Egress {
    /// Stopped for longer than others wait.
    pub(crate) is_paused: bool,
    pub(crate) work: Option<Work>,
}

/// One delivery of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    pub(crate) job: usize,
    pub(crate) verdict: usize,
    /// Whether the delivery is still this process's, as it knows.
    pub(crate) is_held: bool,
    /// Who is to be given to the next hop after the group.
    pub(crate) open: Set,
    /// Who is in the transaction at the next hop.
    pub(crate) group: Set,
    pub(crate) results: Answers,
    /// Whose result is in the ledger.
    pub(crate) decided: Set,
    /// Whose claim may stand.
    pub(crate) owner: Option<Owner>,
    pub(crate) step: Doing,
}

/// How far an egress is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doing {
    /// The next hop has recipients and content.
    BeforeClaim,
    Claiming(Walk),
    /// The claim stands; the right to the delivery is to be looked at again.
    Granted(u32),
    /// It was still there: nothing keeps the dot back any more.
    AtDot {
        generation: u32,
        is_hit: bool,
    },
    /// The next hop has answered, and the outcome is to be recorded, and told.
    Answered {
        generation: u32,
        is_told: bool,
    },
    /// The content is gone: what does the ledger know?
    Looking(Walk),
    Telling,
    Removing,
    Acking,
}

impl State {
    pub(crate) fn new(setup: &Setup) -> Self {
        let begun =
            |recipients: &Set| Session { recipients: *recipients, is_heard: true, at: At::Publishing(0) };
        let ahead = Session { recipients: 0, is_heard: true, at: At::Ahead };
        let sessions: Vec<_> = setup.first.iter().map(begun).chain([ahead]).collect();
        let lines = (0..sessions.len()).map(|transaction| setup.line(transaction) + 1).max();
        Self {
            answers: Answers::default(),
            lines: vec![Vec::new(); lines.unwrap_or_default()],
            sessions,
            jobs: Vec::new(),
            egresses: Default::default(),
            faults_left: setup.faults,
            history: History::default(),
        }
    }

    /// Whether the owner of a claim can keep it fresh.
    pub(crate) fn is_living(&self, owner: Owner) -> bool {
        let owners = self.egresses.iter().filter(|egress| !egress.is_paused);
        owners.filter_map(|egress| egress.work.as_ref()?.owner).any(|living| living == owner)
    }

    /// A name that nobody has. The smallest, so that histories meet in one state.
    pub(crate) fn mint(&self) -> Owner {
        let standing = self.lines.iter().flatten().map(|record| record.owner);
        let claiming = self.egresses.iter().filter_map(|egress| egress.work.as_ref()?.owner);
        let aborting = self.sessions.iter().filter_map(|session| match &session.at {
            At::Aborting(draft, _) => Some(draft.owner),
            _ => None,
        });
        let used: Vec<Owner> = standing.chain(claiming).chain(aborting).collect();
        let names = (0..=u8::MAX).map(|byte| Owner::new([byte; 16]));
        names.into_iter().find(|name| !used.contains(name)).unwrap()
    }

    /// Which of the two egresses has which work means nothing: one order for both.
    pub(crate) fn sort(&mut self) {
        self.egresses.sort_by_key(|egress| {
            let at = egress.work.as_ref().map(|work| (work.job, work.verdict, work.is_held));
            (at.is_none(), at, egress.is_paused)
        });
    }
}
