//! kill -9 at each step around the final dot, and a retry with the same IDENT.

use harness::machine::light;
use harness::mails::TestMail;
use harness::next_hop::NextHop;

use super::{Standalone, copies};

/// What is left of a mail whose process was killed at `point`, once its retry is answered.
struct After {
    copies: usize,
    ambiguous: f64,
    answered_from_the_record: f64,
}

async fn killed(point: &str, arguments: &[&str]) -> After {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let state = tempfile::tempdir().unwrap();
    let failpoint = format!("MAILWEIR_FAILPOINT={point}=kill");
    let mail = TestMail::new();
    let mut first = Standalone::start("first", state.path(), &hop, &[&failpoint], arguments).await;
    assert_eq!(first.submit("4F", &mail).await, None, "killed at {point} before the reply");
    first.process.ended().await;

    let second = Standalone::start("second", state.path(), &hop, &[], arguments).await;
    let reply = second.submit("4F", &mail).await.unwrap();
    // The next hop's own words to the copy that it has, whoever gave it that one.
    let seen = hop.seen();
    let said = seen.mails.iter().rev().find(|got| got.taken()).unwrap().replies[0].clone();
    let text = said.split_once(' ').unwrap().1;
    assert!(
        reply.starts_with("250 2.0.0 from MTA(smtp:[127.0.0.1]:") && reply.ends_with(text),
        "{reply} / {said}"
    );
    // A third attempt brings nothing new.
    assert_eq!(second.submit("4F", &mail).await.unwrap(), reply);
    After {
        copies: copies(&hop, &mail),
        ambiguous: second.metric("mailweir_ledger_ambiguous_total").await,
        answered_from_the_record: second.metric("mailweir_ledger_answered_total").await,
    }
}

#[tokio::test]
async fn before_the_claim() {
    let after = killed("before_claim", &[]).await;
    assert_eq!((after.copies, after.ambiguous, after.answered_from_the_record), (1, 0.0, 1.0));
}

#[tokio::test]
async fn between_claim_and_dot() {
    let after = killed("after_claim", &[]).await;
    assert_eq!((after.copies, after.ambiguous, after.answered_from_the_record), (1, 1.0, 1.0));
}

#[tokio::test]
async fn between_dot_and_record_which_is_the_window_that_remains() {
    let after = killed("after_dot", &[]).await;
    assert_eq!((after.copies, after.ambiguous, after.answered_from_the_record), (2, 1.0, 1.0));
}

#[tokio::test]
async fn between_record_and_reply() {
    for point in ["after_record", "after_outcome"] {
        for arguments in [&[][..], &["--set", "ledger.sync=always"]] {
            let after = killed(point, arguments).await;
            assert_eq!(
                (after.copies, after.ambiguous, after.answered_from_the_record),
                (1, 0.0, 2.0),
                "{point}"
            );
        }
    }
}

/// The copies of a mail that is delivered, and sent again because its client did not hear the reply.
async fn copies_after_a_lost_reply(arguments: &[&str]) -> (usize, bool) {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let state = tempfile::tempdir().unwrap();
    let standalone = Standalone::start("standalone", state.path(), &hop, &[], arguments).await;
    let mail = TestMail::new();
    let first = standalone.submit("4F", &mail).await.unwrap();
    let retry = standalone.submit("4F", &mail).await.unwrap();
    assert_eq!((&first[..3], &retry[..3]), ("250", "250"));
    let warned = standalone.process.log().contains("no ledger: ");
    (copies(&hop, &mail), warned)
}

#[tokio::test]
async fn a_retry_of_a_delivered_mail_brings_no_copy_unless_there_is_no_ledger() {
    assert_eq!(copies_after_a_lost_reply(&[]).await, (1, false));
    assert_eq!(copies_after_a_lost_reply(&["--no-ledger"]).await, (2, true));
}

#[tokio::test]
async fn a_mail_without_an_ident_leaves_nothing() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let state = tempfile::tempdir().unwrap();
    let standalone = Standalone::start("standalone", state.path(), &hop, &[], &[]).await;
    let mail = TestMail::new();
    for _ in 0..2 {
        harness::client::Client::lmtp(&standalone.lmtp).await.submit_expecting(&mail, "250 *").await;
    }
    assert_eq!(copies(&hop, &mail), 2, "two honest mails");
    assert_eq!(standalone.metric("mailweir_ledger_records").await, 0.0);
    standalone.submit("4F", &mail).await.unwrap();
    assert_eq!(standalone.metric("mailweir_ledger_records").await, 1.0);
}
