//! What goes wrong, and for how long.

use std::time::Duration;

use harness::system::{Mode, Role};

use crate::random::Random;

/// One thing that goes wrong until it is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// kill -9; healing starts it again.
    Kill(Who),
    /// SIGSTOP; healing is SIGCONT.
    Pause(Who),
    /// The connections to NATS are cut; new ones work.
    CutLink,
    /// Nothing gets through to NATS, and nobody is told.
    SilentLink,
    /// The next hop answers each dot late.
    HopLate,
    /// The next hop answers no dot.
    HopStalls,
    /// The next hop answers 451 to each RCPT.
    HopDefers,
    /// The next hop drops the connection at the dot and has nothing.
    HopDrops,
    /// The next hop takes the mail and drops the connection.
    HopTakesAndDrops,
    /// Each scan takes half a second.
    SlowScans,
}

impl Fault {
    /// Whether the egress is in doubt about every mail of that time: second copies are told by the next hop then.
    pub(crate) fn is_silence(self) -> bool {
        matches!(self, Self::HopDrops | Self::HopTakesAndDrops)
    }
}

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Ingress(usize),
    Worker(usize),
    Egress(usize),
    Nats,
}

impl Who {
    /// `None` for the server that is not ours.
    pub(crate) fn place(self) -> Option<(Role, usize)> {
        match self {
            Self::Ingress(index) => Some((Role::Ingress, index)),
            Self::Worker(index) => Some((Role::Worker, index)),
            Self::Egress(index) => Some((Role::Egress, index)),
            Self::Nats => None,
        }
    }
}

const DISTRIBUTED: [Who; 7] = [
    Who::Ingress(0),
    Who::Ingress(1),
    Who::Worker(0),
    Who::Worker(1),
    Who::Egress(0),
    Who::Egress(1),
    Who::Nats,
];
const STANDALONE: [Who; 1] = [Who::Ingress(0)];
const LINK: [Fault; 2] = [Fault::CutLink, Fault::SilentLink];
const OUTSIDE: [Fault; 6] = [
    Fault::HopLate,
    Fault::HopStalls,
    Fault::HopDefers,
    Fault::HopDrops,
    Fault::HopTakesAndDrops,
    Fault::SlowScans,
];

/// Some time with faults, then some without.
#[derive(Debug)]
pub(crate) struct Period {
    pub(crate) faults: Vec<Fault>,
    pub(crate) lasts: Duration,
    pub(crate) calm: Duration,
}

impl Period {
    /// A quarter of them are free of faults, a third of the others have two.
    pub(crate) fn random(mode: Mode, random: &mut Random) -> Self {
        let count = match random.below(12) {
            0..3 => 0,
            3..9 => 1,
            _ => 2,
        };
        let mut faults: Vec<Fault> = (0..count).map(|_| fault(mode, random)).collect();
        // One process cannot be killed and paused.
        faults.dedup_by(|one, other| one == other || matches!((&one, &other), (Fault::Kill(a) | Fault::Pause(a), Fault::Kill(b) | Fault::Pause(b)) if a == b));
        // Longer than ack_wait and a stale claim; now and then longer than the reply deadline.
        let lasts =
            if random.below(6) == 0 { 6_000 + random.below(3_000) } else { 200 + random.below(3_500) };
        let calm = 500 + random.below(1_500);
        Self { faults, lasts: Duration::from_millis(lasts), calm: Duration::from_millis(calm) }
    }
}

fn fault(mode: Mode, random: &mut Random) -> Fault {
    let who = match mode {
        Mode::Distributed => random.one(&DISTRIBUTED),
        Mode::Standalone => random.one(&STANDALONE),
    };
    match (mode, random.below(10)) {
        (_, 0..4) => Fault::Kill(who),
        (_, 4..7) => Fault::Pause(who),
        (Mode::Distributed, 7) => random.one(&LINK),
        _ => random.one(&OUTSIDE),
    }
}
