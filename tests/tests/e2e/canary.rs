//! A clamd whose OK is worth nothing gets no mail: a real one with limits as no operator should have them, and one
//! without signatures.

use harness::clamd::{Clamd, GOOD};
use harness::client::{Client, dot_stuffed};
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::system::{Mode, System};
use harness::wait::eventually;

in_both_modes! {
    light;
    a_clamd_that_finds_nothing_gets_no_mail,
    a_clamd_that_says_ok_beyond_its_limits_is_left_alone,
    a_clamd_that_says_what_it_did_not_look_into_is_used,
}

/// Notices at once that a scanner is back.
const QUICK: &str = "[clamd]\nbreaker_pause = \"100ms\"\n";

/// Tries until a mail is answered like this: clients have no event for what becomes of a scanner.
async fn until_answered(client: &mut Client, code: u16) {
    eventually(&format!("a mail is answered with {code}"), async || {
        let mail = TestMail::new();
        client.begin(&mail).await;
        client.send_raw(&dot_stuffed(&mail.content)).await;
        (client.expect("*").await.code() == code).then_some(())
    })
    .await;
}

async fn until_logged(system: &mut System, text: &str) {
    let log = || system.scanner().process.log();
    let mut log = log;
    eventually(&format!("the log says {text}"), async || log().contains(text).then_some(())).await;
}

/// One that has these settings, and knows EICAR or not, gets no mail until it is as it should be; the log says why.
async fn is_left_alone(mode: Mode, settings: &str, knows_eicar: bool, why: &str) {
    let (hop, mut clamd) = (NextHop::smtp().await, Clamd::start_with(settings, knows_eicar).await);
    let mut system =
        System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(QUICK).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for _ in 0..3 {
        client.submit_expecting(&TestMail::new(), "451 4.*").await;
    }
    assert!(hop.seen().mails.is_empty());
    until_logged(&mut system, why).await;
    clamd.restart_with(GOOD, true).await;
    until_answered(&mut client, 250).await;
}

async fn a_clamd_that_finds_nothing_gets_no_mail(mode: Mode) {
    is_left_alone(mode, GOOD, false, "does not find the EICAR test file").await;
}

/// As Debian ships it, but for the size: nobody would wait for a mail of 25 MiB here.
const BLIND: &str = "StreamMaxLength 64M\nMaxFileSize 1M\nMaxScanSize 4M\nAlertExceedsMax no\n";

/// It finds EICAR, which is not enough.
async fn a_clamd_that_says_ok_beyond_its_limits_is_left_alone(mode: Mode) {
    let why = "set MaxFileSize 25M, MaxScanSize 100M or more, and AlertExceedsMax yes";
    is_left_alone(mode, BLIND, true, why).await;
}

async fn a_clamd_that_says_what_it_did_not_look_into_is_used(mode: Mode) {
    let lines = format!("{}AlertEncrypted no\n", BLIND.replace("AlertExceedsMax no", "AlertExceedsMax yes"));
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start_with(&lines, true).await);
    let mut system = System::build(mode, &hop.target()).clamd(&clamd.tcp()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    until_logged(&mut system, "set MaxFileSize 25M and MaxScanSize 100M or more").await;
    until_logged(&mut system, "set AlertEncrypted yes in clamd.conf").await;
    client.submit_expecting(&TestMail::new(), "250 2.0.0 *").await;
}
