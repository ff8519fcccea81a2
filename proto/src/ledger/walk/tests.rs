//! The walk along lines as they stand, step by step.

use uuid::Uuid;

use super::*;
use crate::ledger::RecipientId;
use crate::{ForwardPath, Recipient};

const ME: u8 = 1;
const OTHER: u8 = 2;

fn tx(number: u8) -> TxId {
    TxId::new(Uuid::from_u128(u128::from(number)))
}

fn owner(number: u8) -> Owner {
    Owner::new([number; 16])
}

fn id(name: &str) -> RecipientId {
    RecipientId::of(&Recipient::new(ForwardPath::parse(&format!("<{name}@example.org>"), false).unwrap()))
}

fn wanted(names: &[&str]) -> Vec<Wanted> {
    let names = names.iter().enumerate();
    names.map(|(index, name)| Wanted { position: Position::new(index), id: id(name) }).collect()
}

fn claim(names: &[&str]) -> Walk {
    Walk::claim(tx(ME), owner(ME), wanted(names))
}

fn abort(names: &[&str]) -> Walk {
    Walk::abort(tx(ME), owner(ME), wanted(names))
}

fn look(names: &[&str]) -> Walk {
    Walk::look(tx(ME), wanted(names))
}

fn record(of: u8, names: &[&str], state: State) -> Record {
    let recipients = names.iter().map(|name| id(name)).collect();
    Record { tx: tx(of), owner: owner(of + 100), attempt: u32::from(of), recipients, state }
}

fn claimed(of: u8, names: &[&str]) -> Record {
    record(of, names, State::Claim { beat: 0 })
}

fn aborted(of: u8, names: &[&str]) -> Record {
    record(of, names, State::Abort)
}

fn done(of: u8, results: &[(&str, u16)]) -> Record {
    let names: Vec<_> = results.iter().map(|(name, _)| *name).collect();
    record(of, &names, State::Done(results.iter().map(|(_, code)| reply(*code)).collect()))
}

fn reply(code: u16) -> Reply {
    Reply::new(code, None, "text")
}

fn results(of: &[(usize, u16)]) -> Vec<(Position, Reply)> {
    of.iter().map(|(at, code)| (Position::new(*at), reply(*code))).collect()
}

/// Walks along `line` as it stands, every claim being `freshness`, until it ends or watches.
fn walk(mut walk: Walk, line: &[Record], freshness: Freshness) -> (Step, Walk) {
    loop {
        match *walk.step() {
            Step::Create(at) if (at as usize) < line.len() => walk.saw(Seen::Exists),
            Step::Create(_) => walk.saw(Seen::Created),
            Step::Read(at) => match line.get(at as usize) {
                Some(record) => walk.saw(Seen::Record(record, freshness)),
                None => walk.saw(Seen::Missing),
            },
            Step::Watch(_) | Step::End(_) => return (walk.step().clone(), walk),
        }
    }
}

fn step(of: Walk, line: &[Record]) -> Step {
    walk(of, line, Freshness::Fresh).0
}

fn mine(generation: u32) -> Step {
    Step::End(End::Mine { generation })
}

fn taken(of: &[(usize, u16)]) -> Step {
    Step::End(End::Taken(results(of)))
}

#[test]
fn the_first_claim_is_granted_by_one_creation() {
    assert_eq!(*claim(&["a"]).step(), Step::Create(0));
    assert_eq!(step(claim(&["a"]), &[]), mine(0));
}

#[test]
fn a_creation_whose_answer_was_lost_is_ours() {
    let own = Record { owner: owner(ME), ..claimed(ME, &["a"]) };
    assert_eq!(step(claim(&["a"]), std::slice::from_ref(&own)), mine(0));
    assert_eq!(step(claim(&["a"]), &[done(OTHER, &[("a", 451)]), own]), mine(1));
}

#[test]
fn a_claim_that_vanished_after_the_conflict_is_created_again_where_it_was() {
    let mut walk = claim(&["a"]);
    walk.saw(Seen::Exists);
    assert_eq!(*walk.step(), Step::Read(0));
    walk.saw(Seen::Missing);
    assert_eq!(*walk.step(), Step::Create(0));
}

#[test]
fn results_of_the_same_transaction_are_its_answer_whatever_they_are() {
    for code in [250, 451, 550] {
        assert_eq!(step(claim(&["a"]), &[done(ME, &[("a", code)])]), taken(&[(0, code)]), "{code}");
    }
}

#[test]
fn of_another_transaction_only_what_is_final_counts() {
    assert_eq!(step(claim(&["a"]), &[done(OTHER, &[("a", 250)])]), taken(&[(0, 250)]));
    assert_eq!(step(claim(&["a"]), &[done(OTHER, &[("a", 550)])]), taken(&[(0, 550)]));
    assert_eq!(step(claim(&["a"]), &[done(OTHER, &[("a", 451)])]), mine(1));
}

#[test]
fn an_aborted_transaction_is_not_delivered_and_does_not_stop_another() {
    assert_eq!(step(claim(&["a"]), &[aborted(ME, &["a"])]), Step::End(End::Aborted));
    assert_eq!(step(claim(&["a"]), &[aborted(OTHER, &["a"])]), mine(1));
    assert_eq!(step(abort(&["a"]), &[aborted(ME, &["a"])]), Step::End(End::Aborted));
}

#[test]
fn a_living_claim_is_watched_and_a_dead_one_passed_and_counted() {
    for of in [ME, OTHER] {
        let line = [claimed(of, &["a", "b"])];
        assert_eq!(step(claim(&["b"]), &line), Step::Watch(0));
        let (step, walk) = walk(claim(&["b"]), &line, Freshness::Stale);
        assert_eq!((step, walk.ambiguous()), (mine(1), 1));
    }
}

#[test]
fn after_a_watch_the_outcome_is_taken() {
    let (_, mut walk) = walk(claim(&["a"]), &[claimed(OTHER, &["a"])], Freshness::Fresh);
    walk.saw(Seen::Record(&done(OTHER, &[("a", 250)]), Freshness::Fresh));
    assert_eq!(*walk.step(), taken(&[(0, 250)]));
}

#[test]
fn a_watched_claim_that_vanished_is_created_anew() {
    let (_, mut walk) = walk(claim(&["a"]), &[claimed(OTHER, &["a"])], Freshness::Fresh);
    walk.saw(Seen::Missing);
    assert_eq!(*walk.step(), Step::Create(0));
}

#[test]
fn records_about_others_are_passed() {
    for of in [ME, OTHER] {
        assert_eq!(step(claim(&["a"]), &[claimed(of, &["b"]), done(of, &[("c", 250)])]), mine(2));
    }
}

#[test]
fn once_something_was_taken_nothing_is_created() {
    let first = done(OTHER, &[("a", 250)]);
    let partly = taken(&[(0, 250)]);
    assert_eq!(step(claim(&["a", "b"]), std::slice::from_ref(&first)), partly);
    assert_eq!(step(claim(&["a", "b"]), &[first.clone(), claimed(OTHER, &["b"])]), partly);
    assert_eq!(step(claim(&["a", "b"]), &[first.clone(), done(OTHER, &[("b", 451)])]), partly);
    let both = taken(&[(0, 250), (1, 550)]);
    assert_eq!(step(claim(&["a", "b"]), &[first, done(OTHER, &[("b", 550)])]), both);
}

#[test]
fn an_abort_wins_the_first_free_place_and_waits_for_a_living_claim() {
    assert_eq!(step(abort(&["a"]), &[]), mine(0));
    assert_eq!(step(abort(&["a"]), &[claimed(ME, &["a"])]), Step::Watch(0));
    assert_eq!(step(abort(&["a"]), &[done(ME, &[("a", 250)])]), taken(&[(0, 250)]));
    let (step, walk) = walk(abort(&["a"]), &[claimed(ME, &["a"])], Freshness::Stale);
    assert_eq!((step, walk.ambiguous()), (mine(1), 1));
}

#[test]
fn an_abort_keeps_what_is_known_and_stops_the_rest() {
    let (step, walk) = walk(abort(&["a", "b"]), &[done(ME, &[("a", 250)])], Freshness::Fresh);
    assert_eq!(step, mine(1));
    assert_eq!(walk.taken(), results(&[(0, 250)]));
}

#[test]
fn a_look_tells_results_claims_and_the_attempt() {
    let looked = |of, pending, attempt| {
        let results = results(of);
        Step::End(End::Looked { results, pending, attempt })
    };
    assert_eq!(*look(&["a"]).step(), Step::Read(0));
    assert_eq!(step(look(&["a"]), &[]), looked(&[], false, None));
    assert_eq!(step(look(&["a"]), &[done(9, &[("a", 451)])]), looked(&[], false, Some(9)));
    assert_eq!(step(look(&["a"]), &[done(9, &[("b", 451)])]), looked(&[], false, None));
    assert_eq!(step(look(&["a"]), &[claimed(3, &["a"])]), looked(&[], true, Some(3)));
    assert_eq!(
        step(look(&["a"]), &[aborted(3, &["a"]), done(4, &[("a", 250)])]),
        looked(&[(0, 250)], false, Some(4))
    );
    let stale = walk(look(&["a"]), &[claimed(3, &["a"])], Freshness::Stale).0;
    assert_eq!(stale, looked(&[], false, Some(3)));
}

/// The client named a recipient twice and comes again for as many as it has no final answer to.
#[test]
fn a_recipient_that_was_named_twice_is_answered_as_often() {
    let line = |first, second| [done(OTHER, &[("a", first), ("a", second)])];
    assert_eq!(step(claim(&["a", "a"]), &line(250, 550)), taken(&[(0, 250), (1, 550)]));
    assert_eq!(step(claim(&["a", "a"]), &line(451, 550)), taken(&[(0, 550)]));
    assert_eq!(step(claim(&["a"]), &line(250, 451)), mine(1), "the other one was answered");
    assert_eq!(step(claim(&["a"]), &line(250, 550)), taken(&[(0, 550)]));
    assert_eq!(step(claim(&["a", "a"]), &[done(OTHER, &[("a", 250)])]), taken(&[(0, 250)]));
}

#[test]
fn a_line_that_has_no_end_is_given_up() {
    let mut walk = claim(&["a"]);
    let other = aborted(OTHER, &["a"]);
    for _ in 0..30_000 {
        match walk.step() {
            Step::Create(_) => walk.saw(Seen::Exists),
            Step::Read(_) | Step::Watch(_) | Step::End(_) => walk.saw(Seen::Record(&other, Freshness::Fresh)),
        }
    }
    assert_eq!(*walk.step(), Step::End(End::TooLong));
}

#[test]
fn an_outcome_that_is_shorter_than_its_recipients_answers_only_those() {
    let mut short = done(OTHER, &[("a", 250), ("b", 250)]);
    short.state = State::Done(vec![reply(250)]);
    assert_eq!(step(claim(&["b"]), std::slice::from_ref(&short)), mine(1));
}
