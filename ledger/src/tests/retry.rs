//! What a retry finds, in the same process and after it.

use super::*;

#[tokio::test]
async fn a_retry_of_a_delivered_mail_gets_the_first_reply_and_no_work() {
    let (_directory, ledger) = begun();
    let hop = Hop::refusing(&[("<b@x>", 550)]);
    let first = submit(&ledger, &mail("4F", &["<a@x>", "<b@x>"]), &hop).await;
    assert_eq!(codes(&first), [250, 550]);
    let retry = submit(&ledger, &mail("4F", &["<b@x>", "<a@x>"]), &hop).await;
    assert_eq!(retry.get(Position::new(0)), first.get(Position::new(1)));
    assert_eq!(retry.get(Position::new(1)), first.get(Position::new(0)));
    assert_eq!((hop.begun(), ledger.shared.metrics.answered.get()), (1, 1));
    assert_eq!(codes(&submit(&ledger, &mail("50", &["<a@x>"]), &hop).await), [250]);
    assert_eq!(hop.delivered(), ["<a@x>", "<a@x>"], "another IDENT is another mail");
}

#[tokio::test]
async fn who_was_put_off_is_tried_again_and_nobody_else() {
    let (_directory, ledger) = begun();
    let first = Hop::refusing(&[("<b@x>", 451)]);
    let recipients = ["<a@x>", "<b@x>", "<c@x>"];
    let outcomes = submit(&ledger, &mail("4F", &recipients), &first).await;
    assert_eq!(codes(&outcomes), [250, 451, 250]);
    let second = Hop::open();
    let retry = submit(&ledger, &mail("4F", &recipients), &second).await;
    assert_eq!(codes(&retry), [250, 250, 250]);
    assert_eq!(retry.get(Position::new(2)), outcomes.get(Position::new(2)));
    assert!(retry.get(Position::new(1)).text().starts_with("<b@x> in "), "{retry:?}");
    assert_eq!(second.delivered(), ["<b@x>"]);
    assert_eq!(second.0.offered.load(Ordering::Acquire), 1, "nobody else was worked for");
    assert_eq!(ledger.shared.metrics.ambiguous.get(), 0);
}

#[tokio::test]
async fn it_is_known_after_a_restart() {
    let (directory, ledger) = begun();
    let hop = Hop::open();
    let first = submit(&ledger, &mail("4F", &["<a@x>"]), &hop).await;
    ledger.close().await;
    let ledger = open_with(settings(directory.path()));
    assert_eq!(submit(&ledger, &mail("4F", &["<a@x>"]), &hop).await, first);
    assert_eq!(hop.begun(), 1);
}

#[tokio::test]
async fn a_claim_that_a_dead_process_left_is_passed_and_counted() {
    let (directory, ledger) = begun();
    let silent = Hop::silent();
    let lost = mail("4F", &["<a@x>"]);
    let answered = submit_by(&ledger, &lost, &silent, within(Duration::from_millis(1)));
    tokio::select! {
        _ = answered => panic!("nobody answered the dot"),
        () = until(|| at_the_dot(&ledger) == 1) => {}
    }
    // The work is dropped at the dot, as a kill would.
    ledger.close().await;
    let ledger = open_with(settings(directory.path()));
    let hop = Hop::open();
    assert_eq!(codes(&submit(&ledger, &mail("4F", &["<a@x>"]), &hop).await), [250]);
    assert_eq!((hop.delivered().len(), ledger.shared.metrics.ambiguous.get()), (1, 1));
    assert_eq!(codes(&submit(&ledger, &mail("4F", &["<a@x>"]), &hop).await), [250]);
    assert_eq!(hop.begun(), 1, "the outcome stands behind the lost claim");
}

#[tokio::test]
async fn what_is_recorded_goes_when_it_is_too_old_or_too_many() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open_with(Settings { records_max: 2, ..settings(directory.path()) });
    let hop = Hop::open();
    for ident in ["1", "2", "3"] {
        submit(&ledger, &mail(ident, &["<a@x>"]), &hop).await;
    }
    until(|| ledger.shared.metrics.pruned.get() == 1).await;
    submit(&ledger, &mail("3", &["<a@x>"]), &hop).await;
    submit(&ledger, &mail("2", &["<a@x>"]), &hop).await;
    assert_eq!(hop.begun(), 3);
    submit(&ledger, &mail("1", &["<a@x>"]), &hop).await;
    assert_eq!(hop.begun(), 4);
    assert_eq!(ledger.shared.metrics.records.get(), 3);
    until(|| ledger.shared.metrics.records.get() == 2).await;
}
