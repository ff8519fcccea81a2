//! Whether the owner of a claim still lives, as far as a reader can tell.
//!
//! Clocks of different machines are not compared: the reader watches one claim on its own monotonic clock, and a
//! living owner writes it again with a higher beat. A failed read proves nothing, so it starts the watch anew.

use std::time::{Duration, Instant};

use super::{Owner, Record, State};

/// What a reader takes a claim for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// Its owner may be at the dot.
    Fresh,
    /// Its owner is gone; whether the next hop has the mail, nobody knows.
    Stale,
}

/// The watch over one claim at a time.
#[derive(Clone, Debug)]
pub struct Staleness {
    stale_after: Duration,
    seen: Option<Sight>,
}

#[derive(Clone, Debug)]
struct Sight {
    generation: u32,
    owner: Owner,
    beat: u32,
    since: Instant,
}

impl Staleness {
    /// A claim is stale when it stayed the same for `stale_after`.
    pub fn new(stale_after: Duration) -> Self {
        Self { stale_after, seen: None }
    }

    /// Takes one read at `now`. A record that is no claim is fresh.
    pub fn observe(&mut self, generation: u32, record: &Record, now: Instant) -> Freshness {
        let State::Claim { beat } = record.state else {
            self.seen = None;
            return Freshness::Fresh;
        };
        match &self.seen {
            Some(seen)
                if seen.generation == generation && seen.owner == record.owner && seen.beat == beat =>
            {
                let same_for = now.saturating_duration_since(seen.since);
                if same_for >= self.stale_after { Freshness::Stale } else { Freshness::Fresh }
            }
            Some(_) | None => {
                self.seen = Some(Sight { generation, owner: record.owner, beat, since: now });
                Freshness::Fresh
            }
        }
    }

    /// A read failed: what was the same before may have changed in between.
    pub fn reset(&mut self) {
        self.seen = None;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "proto has no tokio; the tests count from any instant")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::TxId;

    const AFTER: Duration = Duration::from_secs(10);

    fn claim(owner: u8, beat: u32) -> Record {
        Record {
            tx: TxId::new(Uuid::from_u128(1)),
            owner: Owner::new([owner; 16]),
            attempt: 0,
            recipients: Vec::new(),
            state: State::Claim { beat },
        }
    }

    /// Reads at the given seconds; what the last one says.
    fn last(reads: &[(u64, u32, Record)]) -> Freshness {
        let began = Instant::now();
        let mut staleness = Staleness::new(AFTER);
        let mut last = Freshness::Fresh;
        for (second, generation, record) in reads {
            last = staleness.observe(*generation, record, began + Duration::from_secs(*second));
        }
        last
    }

    #[test]
    fn a_claim_that_stays_the_same_becomes_stale() {
        assert_eq!(last(&[(0, 0, claim(1, 0)), (9, 0, claim(1, 0))]), Freshness::Fresh);
        assert_eq!(last(&[(0, 0, claim(1, 0)), (10, 0, claim(1, 0))]), Freshness::Stale);
    }

    #[test]
    fn a_beat_another_owner_and_another_generation_begin_anew() {
        for other in [(0, claim(1, 1)), (0, claim(2, 0)), (1, claim(1, 0))] {
            assert_eq!(last(&[(0, 0, claim(1, 0)), (10, other.0, other.1)]), Freshness::Fresh);
        }
    }

    #[test]
    fn a_failed_read_begins_anew() {
        let began = Instant::now();
        let mut staleness = Staleness::new(AFTER);
        staleness.observe(0, &claim(1, 0), began);
        staleness.reset();
        assert_eq!(staleness.observe(0, &claim(1, 0), began + AFTER), Freshness::Fresh);
        assert_eq!(staleness.observe(0, &claim(1, 0), began + AFTER * 2), Freshness::Stale);
    }
}
