//! The protocol as it is, in several small worlds.

use proto::ReplyClass;

use crate::properties::{AGAIN, DOUBLED, GIVEN_UP, JOINED, WELL, WITHDRAWN};
use crate::run::prove;
use crate::setup::{Setup, Trouble};

const TAKES_OR_DEFERS: [ReplyClass; 2] = [ReplyClass::Positive, ReplyClass::Transient];
const ALL: [ReplyClass; 3] = [ReplyClass::Positive, ReplyClass::Transient, ReplyClass::Permanent];

#[test]
fn one_recipient_without_a_fault() {
    let setup = Setup { replies: ALL.to_vec(), ..Setup::new(0) };
    prove(setup, &[WELL, JOINED, AGAIN], 500);
}

#[test]
fn a_next_hop_that_takes_everything_is_heard_by_every_retry_in_time() {
    prove(Setup { replies: vec![ReplyClass::Positive], ..Setup::new(0) }, &[WELL, JOINED, AGAIN], 150);
}

#[test]
fn one_recipient_and_two_process_faults() {
    prove(
        Setup { replies: TAKES_OR_DEFERS.to_vec(), ..Setup::new(2) },
        &[WELL, JOINED, AGAIN, DOUBLED, WITHDRAWN],
        800_000,
    );
}

#[test]
fn one_recipient_and_one_fault_of_any_kind() {
    let setup = Setup { replies: ALL.to_vec(), trouble: Trouble::Everything, ..Setup::new(1) };
    prove(setup, &[WELL, JOINED, AGAIN, DOUBLED], 70_000);
}

#[test]
fn one_recipient_and_two_faults_of_any_kind() {
    let setup = Setup { replies: vec![ReplyClass::Positive], trouble: Trouble::Everything, ..Setup::new(2) };
    prove(setup, &[WELL, JOINED, AGAIN, DOUBLED, WITHDRAWN], 850_000);
}

#[test]
fn one_recipient_without_ident() {
    let setup =
        Setup { has_ident: false, replies: ALL.to_vec(), trouble: Trouble::Everything, ..Setup::new(1) };
    prove(setup, &[WELL, GIVEN_UP, DOUBLED], 550_000);
}

#[test]
fn two_recipients_in_two_outgoing_transactions() {
    let setup = Setup { first: vec![0b11], is_split: true, trouble: Trouble::Stops, ..Setup::new(1) };
    prove(setup, &[WELL, JOINED, AGAIN, DOUBLED], 500_000);
}

#[test]
fn two_recipients_and_a_fault_of_any_kind() {
    let replies = vec![ReplyClass::Positive];
    let trouble = Trouble::Everything;
    let setup = Setup { first: vec![0b11], is_split: true, replies, trouble, ..Setup::new(1) };
    prove(setup, &[WELL, JOINED, AGAIN, DOUBLED], 130_000);
}

#[test]
fn two_recipients_that_the_client_splits() {
    prove(Setup { first: vec![0b01, 0b10], replies: ALL.to_vec(), ..Setup::new(0) }, &[WELL], 200_000);
}

#[test]
fn two_recipients_that_the_client_splits_and_an_egress_that_is_stopped() {
    let replies = vec![ReplyClass::Positive];
    let setup = Setup { first: vec![0b01, 0b10], replies, trouble: Trouble::Stops, ..Setup::new(1) };
    prove(setup, &[WELL, DOUBLED, WITHDRAWN], 1_300_000);
}
