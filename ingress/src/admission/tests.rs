//! What is admitted is always given back, and never more than the limit is out.

use super::*;

fn admission(in_flight_bytes_max: u64, transactions_max: usize, sessions_max: usize) -> Admission {
    let settings = Settings {
        size_bytes_max: 10,
        in_flight_bytes_max,
        transactions_max,
        sessions_max,
        ..Settings::default()
    };
    Admission::new(&settings, &Metrics::default())
}

fn reason(slot: &mut SessionSlot, bytes: u64) -> Option<RefusalReason> {
    slot.admit(bytes).err().map(|refusal| refusal.reason)
}

#[test]
fn bytes_are_admitted_up_to_the_limit() {
    let admission = admission(100, 10, 10);
    let mut slot = admission.session();
    let held = slot.admit(60).unwrap();
    assert_eq!(reason(&mut slot, 41), Some(RefusalReason::InFlightBytes));
    assert_eq!(reason(&mut slot, u64::MAX), Some(RefusalReason::InFlightBytes));
    assert_eq!(reason(&mut slot, 40), None);
    assert_eq!((admission.in_flight_bytes(), admission.transactions()), (60, 1));
    drop(held);
    assert_eq!((admission.in_flight_bytes(), admission.transactions()), (0, 0));
}

#[test]
fn one_largest_mail_always_fits() {
    let admission = admission(3, 10, 10);
    assert_eq!(reason(&mut admission.session(), 10), None);
    assert_eq!(reason(&mut admission.session(), 11), Some(RefusalReason::InFlightBytes));
}

#[test]
fn transactions_are_admitted_up_to_the_limit() {
    let admission = admission(100, 2, 10);
    let mut slot = admission.session();
    let held = [slot.admit(1).unwrap(), slot.admit(1).unwrap()];
    assert_eq!(reason(&mut slot, 1), Some(RefusalReason::Transactions));
    drop(held);
    assert_eq!(reason(&mut slot, 1), None);
}

#[test]
fn a_session_beyond_the_limit_waits_for_others_to_end() {
    let admission = admission(100, 10, 1);
    let mut first = admission.session();
    let mut second = admission.session();
    assert_eq!(reason(&mut second, 1), Some(RefusalReason::Sessions));
    assert_eq!(reason(&mut first, 1), None);
    drop(first);
    assert_eq!(reason(&mut second, 1), None);
    let _third = admission.session();
    assert_eq!(reason(&mut second, 1), None, "a place once given stays");
}

#[test]
fn a_permit_grows_only_into_free_room_and_shrinks_at_once() {
    let admission = admission(100, 10, 10);
    let mut slot = admission.session();
    let mut first = slot.admit(30).unwrap();
    let second = slot.admit(50).unwrap();
    assert!(!first.grow_to(51));
    assert_eq!((first.bytes(), admission.in_flight_bytes()), (30, 80));
    assert!(first.grow_to(50));
    assert!(first.grow_to(10), "less is no growth");
    assert_eq!((first.bytes(), admission.in_flight_bytes()), (50, 100));
    first.shrink_to(5);
    first.shrink_to(60);
    assert_eq!((first.bytes(), admission.in_flight_bytes()), (5, 55));
    drop((first, second));
    assert_eq!(admission.in_flight_bytes(), 0);
}

#[tokio::test]
async fn a_drain_ends_with_the_last_transaction() {
    let admission = admission(100, 10, 10);
    let mut slot = admission.session();
    let permits = [slot.admit(1).unwrap(), slot.admit(1).unwrap()];
    admission.drain();
    assert_eq!(reason(&mut slot, 1), Some(RefusalReason::Drain));
    let mut drained = std::pin::pin!(admission.drained());
    for permit in permits {
        tokio::select! {
            biased;
            () = &mut drained => panic!("a transaction is left"),
            () = std::future::ready(()) => {}
        }
        drop(permit);
    }
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), drained).await;
    ended.expect("nothing is left");
}
