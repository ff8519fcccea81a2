//! A real clamd: it finds what it knows in every disguise, and its absence is never a clean mail.

use harness::clamd::{Clamd, test_files};
use harness::client::{Client, dot_stuffed};
use harness::mails::{TestMail, eicar};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};

in_both_modes! {
    light;
    every_test_file_is_found,
    a_killed_or_hung_clamd_is_never_clean,
}

/// Attachment rules off, so that it is clamd who finds; what it cannot see through is refused as well.
const ONLY_CLAMD: &str = "[attachments]\nenabled = false\n[policy]\nvirus = \"reject\"\n\
                          unchecked_over_limit = \"reject\"\nunchecked_encrypted = \"reject\"\n";

async fn every_test_file_is_found(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let system =
        System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(ONLY_CLAMD).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for file in test_files() {
        let mail = TestMail::new().attachment("letter.dat", &std::fs::read(&file).unwrap());
        client.submit_expecting(&mail, "554 5.7.0 *").await;
    }
    for mail in [
        TestMail::new().attachment("letter.dat", &eicar()),
        TestMail::new().content([b"Subject: x\r\n\r\n", &eicar()[..], b"\r\n"].concat()),
        TestMail::new().attachment("padded.dat", &[eicar(), vec![b'x'; 300_000]].concat()),
        TestMail::new().attachment("padded.dat", &[vec![b'x'; 300_000], eicar()].concat()),
    ] {
        client.submit_expecting(&mail, "554 5.7.0 *").await;
    }
    client.submit_expecting(&TestMail::new().attachment("letter.dat", b"harmless"), "250 2.0.0 *").await;
    assert_eq!(hop.seen().mails.len(), 1);
}

/// Answers within two seconds, and notices at once that a scanner is back.
const QUICK: &str = "[clamd]\nconnect_timeout = \"1s\"\ntotal_timeout = \"2s\"\nbreaker_pause = \"100ms\"\n";

async fn a_killed_or_hung_clamd_is_never_clean(mode: Mode) {
    let (hop, mut clamd) = (NextHop::smtp().await, Clamd::start().await);
    let system = System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(QUICK).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let attempts = || [TestMail::new(), TestMail::new().attachment("letter.txt", &eicar())];
    client.submit_expecting(&TestMail::new(), "250 2.0.0 *").await;

    clamd.hang();
    for mail in attempts() {
        client.submit_expecting(&mail, "451 4.*").await;
    }
    clamd.go_on();
    until_scanned(&mut client).await;

    clamd.kill();
    for mail in attempts() {
        client.submit_expecting(&mail, "451 4.*").await;
    }
    clamd.restart().await;
    until_scanned(&mut client).await;

    for got in hop.seen().mails {
        let text = String::from_utf8_lossy(&got.content).into_owned();
        assert!(text.contains("X-Virus-Scanned: "), "delivered without a scan:\n{text}");
    }
}

/// The client tries again, as mail servers do, until the scanner is used again. It has no event for that.
async fn until_scanned(client: &mut Client) {
    harness::wait::eventually("a mail is scanned again", async || {
        let mail = TestMail::new();
        client.begin(&mail).await;
        client.send_raw(&dot_stuffed(&mail.content)).await;
        (client.expect("*").await.code() == 250).then_some(())
    })
    .await;
}
