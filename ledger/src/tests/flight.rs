//! One delivery of a mail at a time, which outlives its client.

use super::*;

#[tokio::test]
async fn a_retry_joins_what_is_under_way() {
    let (_directory, ledger) = begun();
    let hop = Hop::shut();
    let (first, second) = (mail("4F", &["<a@x>", "<b@x>"]), mail("4F", &["<b@x>"]));
    let leads = submit(&ledger, &first, &hop);
    let follows = async {
        until(|| hop.begun() == 1).await;
        tokio::join!(submit(&ledger, &second, &hop), async {
            until(|| ledger.shared.metrics.joined.get() == 1).await;
            hop.0.begin.add_permits(1);
        })
        .0
    };
    let (led, followed) = tokio::join!(leads, follows);
    assert_eq!(followed.get(Position::new(0)), led.get(Position::new(1)));
    assert_eq!((hop.begun(), hop.delivered().len()), (1, 2));
}

#[tokio::test]
async fn who_waits_for_another_is_put_off_at_the_own_deadline() {
    let (_directory, ledger) = begun();
    let hop = Hop::shut();
    let (first, second) = (mail("4F", &["<a@x>"]), mail("4F", &["<a@x>"]));
    let leads = submit(&ledger, &first, &hop);
    let follows = async {
        until(|| hop.begun() == 1).await;
        let put_off = submit_by(&ledger, &second, &hop, within(Duration::from_millis(5))).await;
        hop.0.begin.add_permits(1);
        put_off
    };
    let (led, followed) = tokio::join!(leads, follows);
    assert_eq!(codes(&led), [250]);
    let reply = followed.get(Position::new(0)).to_string();
    assert_eq!(reply, "451 4.4.7 still under way, try again later");
}

#[tokio::test]
async fn transactions_without_a_recipient_in_common_go_side_by_side() {
    let (_directory, ledger) = begun();
    let hop = Hop::shut();
    let mails = [mail("4F", &["<a@x>"]), mail("4F", &["<b@x>"]), mail("4F", &["<c@x>"])];
    let [first, second, third] = mails.each_ref().map(|mail| submit(&ledger, mail, &hop));
    let all_begin = async {
        until(|| hop.begun() == 3).await;
        hop.0.begin.add_permits(3);
    };
    let (a, b, c, ()) = tokio::join!(first, second, third, all_begin);
    assert_eq!([a, b, c].map(|outcomes| codes(&outcomes)[0]), [250; 3]);
    assert_eq!(hop.delivered().len(), 3);
}

#[tokio::test]
async fn the_work_goes_on_when_its_client_is_answered_at_its_deadline() {
    let (_directory, ledger) = begun();
    let hop = Hop::shut();
    let answered = submit_by(&ledger, &mail("4F", &["<a@x>"]), &hop, within(Duration::from_millis(5))).await;
    let reply = answered.get(Position::new(0)).to_string();
    assert_eq!(reply, "451 4.4.7 no outcome in time, try again later");
    until(|| ledger.shared.metrics.ran_on.get() == 1).await;
    hop.0.begin.add_permits(1);
    timeout(PATIENCE, ledger.finished()).await.unwrap();
    assert_eq!(codes(&submit(&ledger, &mail("4F", &["<a@x>"]), &hop).await), [250]);
    assert_eq!((hop.begun(), hop.delivered().len()), (1, 1));
}

#[tokio::test]
async fn the_work_goes_on_when_its_client_vanished() {
    let (_directory, ledger) = begun();
    let hop = Hop::shut();
    let first = mail("4F", &["<a@x>"]);
    tokio::select! {
        _ = submit(&ledger, &first, &hop) => panic!("answered"),
        () = until(|| hop.begun() == 1) => {}
    }
    hop.0.begin.add_permits(1);
    assert_eq!(codes(&submit(&ledger, &mail("4F", &["<a@x>"]), &hop).await), [250]);
    assert_eq!((hop.begun(), hop.delivered().len()), (1, 1));
}

#[tokio::test]
async fn a_client_waits_longer_for_what_is_at_the_dot() {
    let (_directory, ledger) = begun();
    let hop = Hop::silent();
    let first = mail("4F", &["<a@x>"]);
    let (answered, ()) =
        tokio::join!(submit_by(&ledger, &first, &hop, within(Duration::from_millis(200))), async {
            until(|| ledger.shared.metrics.ran_on.get() == 1).await;
            hop.0.dot.add_permits(1);
        });
    assert_eq!(codes(&answered), [250]);
}

#[tokio::test]
async fn what_would_take_too_much_memory_ends_with_its_client() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open_with(Settings { run_on_bytes_max: 0, ..settings(directory.path()) });
    let hop = Hop::shut();
    let answered = submit_by(&ledger, &mail("4F", &["<a@x>"]), &hop, within(Duration::from_millis(5))).await;
    assert_eq!(codes(&answered), [451]);
    timeout(PATIENCE, ledger.finished()).await.unwrap();
    assert_eq!((ledger.shared.metrics.cut_short.get(), ledger.shared.metrics.in_work.get()), (1, 0));
}

#[tokio::test]
async fn work_that_panics_leaves_nothing_behind() {
    let (_directory, ledger) = begun();
    let ledger = Arc::new(ledger);
    let (first, theirs) = (mail("4F", &["<a@x>"]), ledger.clone());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let panics = |_: Work| async { panic!("told to") };
        theirs.submit(first, within(PATIENCE), Arc::new(NoEarly), panics).await
    });
    // Whoever waits for the task answers for it.
    assert!(timeout(PATIENCE, tasks.join_next()).await.unwrap().unwrap().unwrap_err().is_panic());
    timeout(PATIENCE, ledger.finished()).await.unwrap();
    assert_eq!(codes(&submit(&ledger, &mail("4F", &["<a@x>"]), &Hop::open()).await), [250]);
    assert_eq!(ledger.shared.metrics.in_work.get(), 0);
}
