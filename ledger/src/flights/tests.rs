//! Who may work on a mail, and what the others hear of it.

use proto::{Digest, ForwardPath, Recipient, ReversePath};
use uuid::Uuid;

use super::*;

fn tx(number: u128) -> TxId {
    TxId::new(Uuid::from_u128(number))
}

fn key(ident: &str) -> MessageKey {
    MessageKey::new(Some(ident), &ReversePath::Null, &Digest::of(b""), tx(0))
}

fn wanted(recipients: &[&str]) -> Vec<Wanted> {
    let wanted = |(index, path): (usize, &&str)| Wanted {
        position: Position::new(index),
        id: RecipientId::of(&Recipient::new(ForwardPath::parse(path, false).unwrap())),
    };
    recipients.iter().enumerate().map(wanted).collect()
}

fn reply(code: u16) -> Reply {
    Reply::new(code, None, "x")
}

fn lead(entered: Entered) -> Seat {
    match entered {
        Entered::Lead(seat) => seat,
        Entered::Follow(flight) => panic!("follows {flight:?}"),
    }
}

#[test]
fn only_who_shares_mail_and_recipient_follows() {
    let flights = Flights::default();
    let first = lead(flights.enter(key("a"), tx(1), &wanted(&["<a@b>", "<c@b>"])));
    let apart = lead(flights.enter(key("a"), tx(2), &wanted(&["<d@b>"])));
    let other_mail = lead(flights.enter(key("b"), tx(3), &wanted(&["<a@b>"])));
    let Entered::Follow(flight) = flights.enter(key("a"), tx(4), &wanted(&["<x@b>", "<c@b>"])) else {
        panic!("leads");
    };
    assert_eq!(flight.tx, tx(1));
    drop((first, apart, other_mail));
    assert!(flights.lock().is_empty());
}

#[test]
fn the_others_take_what_they_share() {
    let flights = Flights::default();
    let seat = lead(flights.enter(key("a"), tx(1), &wanted(&["<a@b>", "<c@b>"])));
    let flight = seat.flight();
    assert!(flight.results(&wanted(&["<a@b>"])).is_empty());
    seat.end(vec![reply(250), reply(451)]);
    assert!(flight.progress().borrow().is_over);
    let results = flight.results(&wanted(&["<x@b>", "<c@b>", "<a@b>"]));
    let results: Vec<_> = results.iter().map(|(at, reply)| (at.index(), reply.code())).collect();
    assert_eq!(results.len(), 2);
    assert!(results.contains(&(1, 451)) && results.contains(&(2, 250)), "{results:?}");
    drop(lead(flights.enter(key("a"), tx(2), &wanted(&["<a@b>"]))));
}

#[test]
fn a_reply_to_the_dot_is_told_once_it_is_recorded() {
    let flights = Flights::default();
    let seat = lead(flights.enter(key("a"), tx(1), &wanted(&["<a@b>", "<c@b>"])));
    let flight = seat.flight();
    let known = || flight.progress().borrow().known.iter().map(|(at, _)| at.index()).collect::<Vec<_>>();
    let (claimed, refused) = (Position::new(0), Position::new(1));
    flight.known(refused, &reply(550));
    assert_eq!(known(), [1]);
    flight.claimed(&[claimed]);
    flight.known(claimed, &reply(250));
    assert_eq!(known(), [1]);
    assert!(flight.progress().borrow().is_at_the_dot());
    flight.recorded(&[claimed]);
    assert_eq!(known(), [1, 0]);
    assert!(!flight.progress().borrow().is_at_the_dot());
}

#[test]
fn whoever_leaves_says_nothing() {
    let flights = Flights::default();
    let seat = lead(flights.enter(key("a"), tx(1), &wanted(&["<a@b>"])));
    let flight = seat.flight();
    drop(seat);
    assert!(flight.progress().borrow().is_over);
    assert!(flight.results(&wanted(&["<a@b>"])).is_empty());
}
