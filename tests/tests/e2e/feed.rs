//! What a virus scanner gets beside the whole mail, and that the same part is scanned once.

use harness::clamd::Clamd;
use harness::client::Client;
use harness::mails::{TestMail, eicar};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};
use harness::zip::zip;

in_both_modes! {
    light;
    what_clamd_passes_over_is_found,
    the_same_part_is_scanned_once,
}

/// A zip archive without its directory: clamd opens it by that, others by the headers of its members.
fn without_directory(name: &str, content: &[u8]) -> Vec<u8> {
    let archive = zip(&[(name, content)]);
    let end = archive.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    archive[..end].to_vec()
}

fn feed(word: &str) -> String {
    format!("[clamd]\nfeed = \"{word}\"\n[policy]\nvirus = \"reject\"\n")
}

async fn what_clamd_passes_over_is_found(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let hidden = TestMail::new().attachment("a.dat", &without_directory("letter.txt", &eicar()));
    let plain = TestMail::new().attachment("a.dat", &eicar());
    let harmless = TestMail::new().attachment("a.dat", &without_directory("letter.txt", b"harmless"));
    for word in ["whole", "parts", "both"] {
        let system =
            System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(&feed(word)).start().await;
        let mut client = Client::lmtp(&system.lmtp).await;
        for mail in [&hidden, &plain] {
            client.submit_expecting(mail, "554 5.7.0 rejected, INFECTED: *").await;
        }
        client.submit_expecting(&harmless, "250 2.0.0 *").await;
    }
    assert_eq!(hop.seen().mails.len(), 3);

    // Nobody parses: then clamd is alone with it, and says OK.
    let alone = "[attachments]\nenabled = false\n";
    let system = System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(alone).start().await;
    Client::lmtp(&system.lmtp).await.submit_expecting(&hidden, "250 2.0.0 *").await;
    assert_eq!(hop.seen().mails.len(), 4);
}

async fn the_same_part_is_scanned_once(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let mut system =
        System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(&feed("parts")).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for _ in 0..3 {
        let mail = TestMail::new().attachment("a.dat", b"the same in every mail");
        client.submit_expecting(&mail, "250 2.0.0 *").await;
    }
    for _ in 0..2 {
        let mail = TestMail::new().attachment("a.dat", &eicar());
        client.submit_expecting(&mail, "554 5.7.0 rejected, INFECTED: *").await;
    }
    let metrics = system.scanner().admin("/metrics").await;
    let has = |line: &str| assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    // Each mail has a text of its own and one of two attachments.
    has("mailweir_worker_fed_parts_total{scanner=\"clamd\"} 10");
    has("mailweir_worker_verdict_cache_total{scanner=\"clamd\",result=\"miss\"} 7");
    has("mailweir_worker_verdict_cache_total{scanner=\"clamd\",result=\"hit\"} 3");
}
