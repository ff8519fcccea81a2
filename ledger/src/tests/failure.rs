//! Group writes, and a file that cannot be written.

use std::sync::PoisonError;

use proto::ledger::{Record, State, Walk, Wanted};
use tokio::sync::oneshot;

use super::*;
use crate::Claims;
use crate::flights::{Entered, Seat};
use crate::queue::{Answer, Request};
use crate::writer::write;

fn lead(ledger: &Ledger, mail: &Mail) -> (Seat, Claims) {
    match ledger.shared.flights.enter(mail.key, mail.tx, &Wanted::all(&mail.envelope)) {
        Entered::Lead(seat) => {
            let claims = Claims::new(ledger.shared.clone(), seat.flight(), mail);
            (seat, claims)
        }
        Entered::Follow(flight) => panic!("follows {flight:?}"),
    }
}

#[tokio::test]
async fn what_waits_together_is_written_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut registry = Registry::default();
    let ledger = Ledger::open(settings(directory.path()), Metrics::register(&mut registry)).unwrap();
    let answers: Vec<_> = {
        // Nobody writes while this is held.
        let _held = ledger.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let ask = |number: u32| {
            let mail = mail(&number.to_string(), &["<a@x>"]);
            let wanted = Wanted::all(&mail.envelope);
            let life = ledger.shared.living.mint();
            let draft = Record {
                tx: mail.tx,
                owner: life.owner,
                attempt: 0,
                recipients: wanted.iter().map(|wanted| wanted.id).collect(),
                state: State::Claim { beat: 0 },
            };
            let (answer, answered) = oneshot::channel();
            let walk = Walk::claim(mail.tx, life.owner, wanted);
            write(&ledger.shared, Request::Claim { key: mail.key, walk, draft, answer });
            answered
        };
        (0..40).map(ask).collect()
    };
    for answer in answers {
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert!(matches!(answer, Answer::End(_)), "{answer:?}");
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let writes = text.lines().find_map(|line| line.strip_prefix("mailweir_ledger_write_seconds_count "));
    assert_eq!(writes, Some("1"));
}

#[tokio::test]
async fn nothing_is_granted_while_it_cannot_be_written_and_no_outcome_is_forgotten() {
    let (_directory, ledger) = begun();
    let mut is_writable = ledger.is_writable();
    let (first, second) = (mail("4F", &["<a@x>"]), mail("50", &["<a@x>"]));
    let at = Position::new(0);
    let (seat, claims) = lead(&ledger, &first);
    assert_eq!(claims.claim(&[at]).await, Claimed::Granted);

    // As after a failed update.
    ledger.shared.store.set_database(None);
    ledger.shared.set_writable(false);
    let delivered = Reply::enhanced(250, 0, 0, "taken");
    claims.record(&[(at, delivered.clone())]).await;
    drop(seat);
    assert!(!*is_writable.borrow_and_update());
    let hop = Hop::open();
    let refused = submit(&ledger, &second, &hop).await;
    let refused = refused.get(at).to_string();
    assert_eq!(refused, "451 4.3.0 the ledger cannot be written, try again later");
    let (_seat, others) = lead(&ledger, &second);
    assert!(matches!(others.claim(&[at]).await, Claimed::Refused(_)));
    drop((others, _seat));

    timeout(PATIENCE, is_writable.wait_for(|is| *is)).await.unwrap().unwrap();
    let retry = submit(&ledger, &mail("4F", &["<a@x>"]), &hop).await;
    assert_eq!(retry.get(at), delivered);
    assert_eq!(codes(&submit(&ledger, &mail("50", &["<a@x>"]), &hop).await), [250]);
    assert_eq!((hop.begun(), ledger.shared.metrics.unrecorded.get()), (1, 1));
}
