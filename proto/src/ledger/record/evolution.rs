//! Records live for hours, across an upgrade: a release reads what the one before wrote, and passes over what a later
//! one adds. What it cannot understand is an error, never another record.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::*;
use crate::wire::{VERSION, decode, encode};

/// As the first release with a ledger writes them, behind the version byte.
const HEAD: &str = "85a27478c41001900000000070008000000000000001a56f776e6572dc00100707070707070707070707\
                    0707070707a7617474656d707402aa726563697069656e747391dc00100909090909090909090909090909\
                    0909a57374617465";
const CLAIM: &str = "81a5436c61696d81a46265617405";
const ABORT: &str = "a541626f7274";
const DONE: &str =
    "81a4446f6e659183a4636f6465ccfaa8656e68616e63656482a77375626a65637400a664657461696c00a474657874a24f6b";

fn record(state: State) -> Record {
    Record {
        tx: TxId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        owner: Owner::new([7; 16]),
        attempt: 2,
        recipients: vec![RecipientId([9; 16])],
        state,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn the_bytes_of_a_record_are_what_they_were() {
    let done = State::Done(vec![Reply::enhanced(250, 0, 0, "Ok")]);
    for (state, tail) in [(State::Claim { beat: 5 }, CLAIM), (State::Abort, ABORT), (done, DONE)] {
        let golden = format!("{VERSION:02x}{HEAD}{tail}");
        assert_eq!(hex(&encode(&record(state.clone()), b"").unwrap()), golden);
        assert_eq!(decode::<Record>(&bytes(&golden)).unwrap().0, record(state));
    }
}

/// A record of another release: its fields, and one more.
#[derive(Serialize)]
struct Later<S> {
    colour: &'static str,
    tx: TxId,
    owner: Owner,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    recipients: Vec<RecipientId>,
    state: S,
}

fn later<S: Serialize>(state: S, attempt: Option<u32>) -> Bytes {
    let Record { tx, owner, recipients, .. } = record(State::Abort);
    encode(&Later { colour: "blue", tx, owner, attempt, recipients, state }, b"").unwrap()
}

#[test]
fn fields_of_a_later_release_are_passed_over() {
    assert_eq!(decode::<Record>(&later(State::Abort, Some(2))).unwrap().0, record(State::Abort));
    let claim = BTreeMap::from([("Claim", BTreeMap::from([("beat", 5), ("colour", 1)]))]);
    assert_eq!(decode::<Record>(&later(claim, Some(2))).unwrap().0, record(State::Claim { beat: 5 }));
}

#[test]
fn a_record_without_the_attempt_is_of_the_first() {
    assert_eq!(decode::<Record>(&later(State::Abort, None)).unwrap().0.attempt, 0);
}

#[test]
fn a_state_of_a_later_release_is_not_taken_for_another() {
    assert!(decode::<Record>(&later("Parked", Some(2))).is_err());
    assert!(decode::<Record>(&later(BTreeMap::from([("Parked", 1)]), Some(2))).is_err());
}
