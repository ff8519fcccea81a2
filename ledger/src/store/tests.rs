//! The walk over the store is the pure walk, and what is too old or too many goes, oldest first.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use proto::ledger::{Owner, RecipientId, State, Wanted};
use proto::{Digest, ForwardPath, Position, Recipient, Reply, ReversePath, TxId};
use redb::backends::InMemoryBackend;
use uuid::Uuid;

use super::*;
use crate::tables::begin;

fn store() -> Store {
    let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
    assert_eq!(begin(&database).unwrap(), 0);
    let store = Store::default();
    store.set_database(Some(database));
    store
}

fn key(number: u8) -> MessageKey {
    let tx = TxId::new(Uuid::from_u128(0));
    MessageKey::new(Some(&number.to_string()), &ReversePath::Null, &Digest::of(b""), tx)
}

fn tx(number: u8) -> TxId {
    TxId::new(Uuid::from_u128(u128::from(number)))
}

fn id(number: u8) -> RecipientId {
    RecipientId::of(&Recipient::new(ForwardPath::parse(&format!("<r{number}@b>"), false).unwrap()))
}

fn wanted(recipients: &[u8]) -> Vec<Wanted> {
    let wanted = |(index, number): (usize, &u8)| Wanted { position: Position::new(index), id: id(*number) };
    recipients.iter().enumerate().map(wanted).collect()
}

fn claim(number: u8, owner: u8, recipients: &[u8]) -> Record {
    Record {
        tx: tx(number),
        owner: Owner::new([owner; 16]),
        attempt: 0,
        recipients: recipients.iter().map(|number| id(*number)).collect(),
        state: State::Claim { beat: 0 },
    }
}

/// What somebody does with one of two mails.
#[derive(Clone, Debug)]
enum Act {
    /// Asks for a claim.
    Claim { mail: u8, tx: u8, recipients: Vec<u8> },
    /// Writes the outcome of the latest claim that has none.
    Record { codes: Vec<u16> },
    /// Asks what is known.
    Look { mail: u8, tx: u8, recipients: Vec<u8> },
    /// The database is brought up to date.
    Update,
    /// Every owner dies.
    Kill,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let whom = || (0_u8..2, 1_u8..4, prop::collection::vec(0_u8..4, 1..4));
    let code = prop::sample::select(vec![250_u16, 451, 550]);
    let act = prop_oneof![
        4 => whom().prop_map(|(mail, tx, recipients)| Act::Claim { mail, tx, recipients }),
        3 => prop::collection::vec(code, 0..4).prop_map(|codes| Act::Record { codes }),
        2 => whom().prop_map(|(mail, tx, recipients)| Act::Look { mail, tx, recipients }),
        1 => Just(Act::Update),
        1 => Just(Act::Kill),
    ];
    prop::collection::vec(act, 1..24)
}

/// The line of each mail as a map, walked by the pure function alone.
#[derive(Default)]
struct Model {
    records: BTreeMap<(u8, u32), Record>,
    living: HashSet<Owner>,
    /// Claims without an outcome.
    open: Vec<(u8, u32)>,
    owners: u8,
}

impl Model {
    fn walk(&mut self, mail: u8, mut walk: Walk, draft: Option<&Record>) -> Walked {
        let end = loop {
            match *walk.step() {
                Step::End(ref end) => break Some(end.clone()),
                Step::Watch(_) => break None,
                Step::Create(generation) => match self.records.get(&(mail, generation)) {
                    Some(_) => walk.saw(Seen::Exists),
                    None => {
                        self.records.insert((mail, generation), draft.unwrap().clone());
                        walk.saw(Seen::Created);
                    }
                },
                Step::Read(generation) => match self.records.get(&(mail, generation)) {
                    Some(record) => {
                        let is_alive = self.living.contains(&record.owner)
                            || !matches!(record.state, State::Claim { .. });
                        let freshness = if is_alive { Freshness::Fresh } else { Freshness::Stale };
                        walk.saw(Seen::Record(record, freshness));
                    }
                    None => walk.saw(Seen::Missing),
                },
            }
        };
        Walked { end, ambiguous: walk.ambiguous() }
    }

    fn act(&mut self, store: &Store, act: &Act) -> Result<(), TestCaseError> {
        match act {
            Act::Claim { mail, tx: number, recipients } => {
                self.owners += 1;
                let draft = claim(*number, self.owners, recipients);
                self.living.insert(draft.owner);
                let walk = Walk::claim(tx(*number), draft.owner, wanted(recipients));
                let (real, created) = store.claim(key(*mail), walk.clone(), &draft, &self.living, 0).unwrap();
                let modelled = self.walk(*mail, walk, Some(&draft));
                prop_assert_eq!(&real, &modelled);
                prop_assert_eq!(created.is_some(), matches!(real.end, Some(End::Mine { .. })));
                if let Some(End::Mine { generation }) = modelled.end {
                    self.open.push((*mail, generation));
                }
            }
            Act::Record { codes } => {
                let Some((mail, generation)) = self.open.pop() else {
                    return Ok(());
                };
                let record = self.records.get_mut(&(mail, generation)).unwrap();
                let replies = codes.iter().map(|code| Reply::new(*code, None, "x")).collect();
                record.state = State::Done(replies);
                store.put(key(mail), generation, record, 9).unwrap();
            }
            Act::Look { mail, tx: number, recipients } => {
                let walk = Walk::look(tx(*number), wanted(recipients));
                let real = store.look(key(*mail), walk.clone(), &self.living).unwrap();
                prop_assert_eq!(real, self.walk(*mail, walk, None));
            }
            Act::Update => {
                let updated = store.update(Limits { max_age: DAY, records_max: 1_000 }, 9, 9).unwrap();
                prop_assert_eq!(updated, Updated { count: self.records.len() as u64, pruned: 0 });
            }
            Act::Kill => {
                self.living.clear();
                self.open.clear();
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_walk_over_the_store_is_the_pure_walk(acts in acts()) {
        let store = store();
        let mut model = Model::default();
        for act in &acts {
            model.act(&store, act)?;
        }
        model.act(&store, &Act::Update)?;
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// Writes one record for each of `mails`, at as many milliseconds.
fn filled(mails: u8) -> Store {
    let store = store();
    for mail in 0..mails {
        store.put(key(mail), 0, &claim(1, mail, &[0]), u64::from(mail)).unwrap();
    }
    store
}

/// Which of `mails` are left.
fn left(store: &Store, mails: u8) -> Vec<u8> {
    let is_left = |mail: &u8| {
        let walk = Walk::look(tx(1), wanted(&[0]));
        store.look(key(*mail), walk, &HashSet::new()).unwrap().ambiguous == 1
    };
    (0..mails).filter(is_left).collect()
}

fn prune(store: &Store, limits: Limits, now_ms: u64, steps: usize) -> usize {
    store.update(limits, now_ms, steps).unwrap().pruned
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let limits = Limits { max_age: DAY, records_max: 5 };
    let store = filled(5);
    assert_eq!(prune(&store, limits, 10, 9), 0);
    assert!(!store.has_excess(limits, 10));
    let store = filled(8);
    assert_eq!(prune(&store, limits, 10, 2), 2, "no more than was asked for at a time");
    assert!(store.has_excess(limits, 10));
    assert_eq!(left(&store, 8), [2, 3, 4, 5, 6, 7]);
    assert_eq!(prune(&store, limits, 10, 9), 1);
    assert_eq!(left(&store, 8), [3, 4, 5, 6, 7]);
}

#[test]
fn what_is_too_old_goes_and_what_is_not_stays() {
    let limits = Limits { max_age: Duration::from_millis(100), records_max: 100 };
    let store = filled(4);
    assert_eq!(prune(&store, limits, 100, 9), 0);
    assert!(!store.has_excess(limits, 100) && store.has_excess(limits, 101));
    assert_eq!(prune(&store, limits, 102, 9), 2);
    assert_eq!(left(&store, 4), [2, 3]);
    assert_eq!(prune(&store, limits, 1_000, 9), 2);
    assert!(left(&store, 4).is_empty());
}

#[test]
fn an_outcome_does_not_make_a_record_younger_and_comes_back_after_it_was_removed() {
    let limits = Limits { max_age: Duration::from_millis(100), records_max: 100 };
    let outcome = |store: &Store, now_ms| store.put(key(0), 0, &claim(1, 0, &[0]), now_ms).unwrap();
    for is_updated in [false, true] {
        let store = filled(1);
        if is_updated {
            prune(&store, limits, 0, 9);
        }
        outcome(&store, 90);
        assert_eq!(prune(&store, limits, 101, 9), 1);
        outcome(&store, 150);
        assert_eq!(left(&store, 1), [0]);
        assert_eq!(prune(&store, limits, 250, 9), 0);
        assert_eq!(prune(&store, limits, 251, 9), 1);
        assert!(left(&store, 1).is_empty());
    }
}

#[test]
fn a_record_that_cannot_be_read_decides_nothing() {
    let store = store();
    let entry = Entry { key: record_key(key(0), 0), ms: 0, value: Bytes::from_static(b"\xffnewer") };
    store.fresh().insert(entry.key, entry);
    let limits = Limits { max_age: DAY, records_max: 100 };
    for _ in ["fresh", "in the database"] {
        let walk = Walk::look(tx(1), wanted(&[0]));
        let looked = store.look(key(0), walk, &HashSet::new());
        assert!(matches!(looked, Err(StoreError::Unreadable(_))), "{looked:?}");
        let draft = claim(1, 1, &[0]);
        let walk = Walk::claim(tx(1), draft.owner, wanted(&[0]));
        let claimed = store.claim(key(0), walk, &draft, &HashSet::new(), 0);
        assert!(matches!(claimed, Err(StoreError::Unreadable(_))), "{claimed:?}");
        store.update(limits, 0, 9).unwrap();
    }
}

#[test]
fn an_old_journal_makes_no_claim_of_an_outcome() {
    let store = store();
    let claimed = store.put(key(0), 0, &claim(1, 1, &[0]), 0).unwrap();
    let done = Record { state: State::Done(vec![Reply::new(250, None, "x")]), ..claim(1, 1, &[0]) };
    let outcome = store.put(key(0), 0, &done, 0).unwrap();
    let limits = Limits { max_age: DAY, records_max: 100 };
    let results = |store: &Store| {
        let walk = Walk::look(tx(1), wanted(&[0]));
        match store.look(key(0), walk, &HashSet::new()).unwrap().end {
            Some(End::Looked { results, .. }) => results.len(),
            other => panic!("{other:?}"),
        }
    };
    store.update(limits, 0, 9).unwrap();
    store.restore(vec![claimed.clone()]).unwrap();
    assert_eq!(results(&store), 1);

    let other = self::store();
    other.restore(vec![claimed]).unwrap();
    assert_eq!(results(&other), 0);
    other.restore(vec![outcome]).unwrap();
    assert_eq!(results(&other), 1);
}

#[test]
fn a_closed_store_knows_what_the_journal_has_and_nothing_else() {
    let store = store();
    let done = Record { state: State::Done(vec![Reply::new(250, None, "x")]), ..claim(1, 1, &[0]) };
    store.put(key(0), 0, &done, 0).unwrap();
    store.set_database(None);
    let looked = store.look(key(0), Walk::look(tx(1), wanted(&[0])), &HashSet::new()).unwrap();
    assert!(matches!(looked.end, Some(End::Looked { results, .. }) if results.len() == 1));
    let walk = Walk::look(tx(1), wanted(&[0]));
    assert!(matches!(store.look(key(1), walk, &HashSet::new()), Err(StoreError::Closed)));
    let limits = Limits { max_age: DAY, records_max: 100 };
    assert!(matches!(store.update(limits, 0, 9), Err(StoreError::Closed)));
    assert_eq!(store.fresh_count(), 1);
}
