//! Mails that are large: unchanged too, and without as much memory as they please.

use harness::client::Client;
use harness::mails::{TestMail, added_fields};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};

in_both_modes! {
    heavy;
    the_largest_mail_comes_out_as_it_went_in,
    several_large_mails_at_once_do_not_mix,
}

/// What one process may have taken at its peak after a mail of 50 MB, and after four of 20 MB at once, in KiB.
const MEMORY_MAX_KIB: u64 = 700 * 1024;

async fn the_largest_mail_comes_out_as_it_went_in(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let mail = TestMail::new().padded(50_000_000);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    added_fields(&mail.content, &hop.only_mail().await.content);
    assert_memory(&mut system);
}

async fn several_large_mails_at_once_do_not_mix(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let mails: Vec<TestMail> = (0..4).map(|_| TestMail::new().padded(20_000_000)).collect();
    let mut clients = tokio::task::JoinSet::new();
    for mail in mails.clone() {
        let lmtp = system.lmtp.clone();
        clients.spawn(async move { Client::lmtp(&lmtp).await.submit_expecting(&mail, "250 *").await });
    }
    clients.join_all().await;
    let got = hop.mails(4).await;
    for mail in mails {
        let token = mail.token.as_bytes();
        let copies = got.iter().filter(|got| memchr::memmem::find(&got.content[..2_000], token).is_some());
        let copies: Vec<_> = copies.collect();
        assert_eq!(copies.len(), 1);
        added_fields(&mail.content, &copies[0].content);
    }
    assert_memory(&mut system);
}

fn assert_memory(system: &mut System) {
    for process in system.processes() {
        let peak = process.memory_peak_kib();
        assert!(peak < MEMORY_MAX_KIB, "{} took {peak} KiB", process.name());
    }
}
