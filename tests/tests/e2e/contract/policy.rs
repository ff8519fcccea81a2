//! What is found in a mail, and what is done about it.

use harness::clamd::Clamd;
use harness::client::Client;
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::mails::{TestMail, added_fields, eicar};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};

in_both_modes! {
    light;
    a_clean_mail_says_that_it_was_scanned,
    a_virus_is_discarded_by_default,
    a_virus_is_refused_where_policy_says_so,
    a_banned_attachment_is_refused_by_default,
    a_banned_attachment_is_discarded_where_policy_says_so,
    the_first_rule_of_the_set_that_fits_decides,
    a_scanner_that_fails_is_never_clean,
    a_scanner_that_fails_open_marks_the_mail,
}

async fn a_clean_mail_says_that_it_was_scanned(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let system = System::build(mode, &hop.target()).clamd(&clamd.tcp()).start().await;
    let mail = TestMail::new().attachment("letter.txt", b"harmless");
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let fields = added_fields(&mail.content, &hop.only_mail().await.content);
    let scanned = fields.iter().filter(|field| field.starts_with("X-Virus-Scanned: ")).count();
    assert_eq!(scanned, 1, "{fields:?}");
}

async fn a_virus_is_discarded_by_default(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let system = System::build(mode, &hop.target()).clamd(&clamd.unix()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new().attachment("eicar.txt", &eicar()), "250 2.7.0 *iscard*").await;
    // The next mail is the only one that arrives.
    let clean = TestMail::new();
    client.submit_expecting(&clean, "250 2.0.0 *").await;
    added_fields(&clean.content, &hop.only_mail().await.content);
}

async fn a_virus_is_refused_where_policy_says_so(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let policy = "[policy]\nvirus = \"reject\"\n";
    let system = System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(policy).start().await;
    let mail = TestMail::new().attachment("eicar.txt", &eicar()).to(&["<a@example.net>", "<b@example.net>"]);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "554 5.7.0 *").await;
    assert!(hop.seen().mails.is_empty());
}

async fn a_banned_attachment_is_refused_by_default(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for name in ["setup.exe", "invoice.pdf.scr", "a.EXE"] {
        client.submit_expecting(&TestMail::new().attachment(name, b"harmless"), "554 5.7.0 *").await;
    }
    // By content, whatever the name says.
    let program = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0";
    client.submit_expecting(&TestMail::new().attachment("letter.txt", program), "554 5.7.0 *").await;
    client.submit_expecting(&TestMail::new().attachment("letter.txt", b"harmless"), "250 2.0.0 *").await;
    assert_eq!(hop.seen().mails.len(), 1);
}

async fn a_banned_attachment_is_discarded_where_policy_says_so(mode: Mode) {
    let hop = NextHop::smtp().await;
    let policy = "[policy]\nbanned = \"discard\"\n";
    let system = System::build(mode, &hop.target()).configuration(policy).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client
        .submit_expecting(&TestMail::new().attachment("setup.exe", b"harmless"), "250 2.7.0 *iscard*")
        .await;
    assert!(hop.seen().mails.is_empty());
}

async fn the_first_rule_of_the_set_that_fits_decides(mode: Mode) {
    let hop = NextHop::smtp().await;
    let rules = "[banned]\nset = \"office\"\n[banned.sets]\noffice = [\n'allow name ours.exe',\n\
                 'ban name invoice*.txt  # no invoices',\n'use default',\n]\n";
    let system = System::build(mode, &hop.target()).configuration(rules).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let named = |name: &str| TestMail::new().attachment(name, b"harmless");
    client.submit_expecting(&named("Invoice 7.txt"), "554 5.7.0 *no invoices*").await;
    client.submit_expecting(&named("theirs.exe"), "554 5.7.0 *").await;
    client.submit_expecting(&named("ours.exe"), "250 2.0.0 *").await;
    assert_eq!(hop.seen().mails.len(), 1);
}

/// Ways not to say OK.
fn failures() -> Vec<Behaviour> {
    let said: [&[u8]; 8] = [
        b"\xff\xfe garbage",
        b"OK",
        b"stream: ",
        b"stream: OK\nstream: OK",
        b"stream: x FOUND OK",
        b"INSTREAM size limit exceeded. ERROR",
        b"stream: Can't allocate memory ERROR",
        b"",
    ];
    let mut failures: Vec<Behaviour> = said.iter().map(|bytes| Behaviour::Say(bytes.to_vec())).collect();
    failures.extend([Behaviour::CloseMidStream, Behaviour::CloseAfterStream, Behaviour::Hang]);
    failures
}

async fn a_scanner_that_fails_is_never_clean(mode: Mode) {
    let hop = NextHop::smtp().await;
    let clamd = FakeClamd::start(Behaviour::Clean).await;
    let short = "[clamd]\ntotal_timeout = \"1s\"\nbreaker_failures = 1000\n[policy]\nunchecked_over_limit = \"tempfail\"\n";
    let system =
        System::build(mode, &hop.target()).clamd(clamd.endpoint()).configuration(short).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    for behaviour in failures() {
        clamd.behave(behaviour);
        client.submit_expecting(&TestMail::new(), "451 4.*").await;
    }
    assert_eq!(hop.seen().mails.len(), 1, "only the clean mail is delivered");
}

async fn a_scanner_that_fails_open_marks_the_mail(mode: Mode) {
    let hop = NextHop::smtp().await;
    let clamd = FakeClamd::start(Behaviour::Say(b"garbage".to_vec())).await;
    let open = "[clamd]\non_failure = \"pass_unchecked\"\n";
    let system = System::build(mode, &hop.target()).clamd(clamd.endpoint()).configuration(open).start().await;
    let mail = TestMail::new();
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let fields = added_fields(&mail.content, &hop.only_mail().await.content).join("\n");
    assert!(!fields.contains("X-Virus-Scanned: "), "claims to have been scanned:\n{fields}");
    assert!(fields.to_lowercase().contains("unchecked"), "not marked:\n{fields}");
}
