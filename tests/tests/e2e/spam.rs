//! Real spamd and rspamd beside a real clamd: what they find, and that their absence is never a clean mail.

use harness::clamd::Clamd;
use harness::client::{Client, dot_stuffed};
use harness::fake_scanner::FakeScanner;
use harness::mails::{TestMail, added_fields, eicar, gtube};
use harness::next_hop::NextHop;
use harness::spam_daemon::{Kind, SpamDaemon};
use harness::system::{Mode, System};
use harness::wait::eventually;

in_both_modes! {
    light;
    three_scanners_judge_a_mail_together,
    a_killed_or_hung_spamd_is_never_clean,
    a_killed_or_hung_rspamd_is_never_clean,
    a_scanner_that_talks_nonsense_is_never_clean,
    a_backup_stands_in_for_a_lost_primary,
}

/// A scanner of that kind there, which answers within two seconds and of which it is noticed at once that it is back.
fn scanner(kind: &str, name: &str, host: &str, more: &str) -> String {
    format!(
        "[scanners.{name}]\nkind = \"{kind}\"\nhosts = [\"{host}\"]\nconnect_timeout = \"1s\"\n\
         total_timeout = \"2s\"\nbreaker_pause = \"100ms\"\n{more}\n"
    )
}

fn spam() -> TestMail {
    TestMail::new().body(&gtube())
}

/// The fields of that name, and whether the rest came as it was sent.
fn fields(mail: &TestMail, got: &[u8], name: &str) -> Vec<String> {
    let fields = added_fields(&mail.content, got);
    fields.into_iter().filter(|field| field.starts_with(name)).collect()
}

async fn three_scanners_judge_a_mail_together(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let (spamd, rspamd) = tokio::join!(SpamDaemon::start(Kind::Spamd), SpamDaemon::start(Kind::Rspamd));
    let scanners = scanner("spamd", "sa", &spamd.unix(), "report = true\nscore_factor = 0.1")
        + &scanner("rspamd", "rspamd", &rspamd.tcp(), "");
    let system = System::build(mode, &hop.target())
        .clamd(&clamd.tcp())
        .configuration(&(scanners.clone() + "[policy]\nspam = \"reject\"\n"))
        .start()
        .await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let clean = TestMail::new();
    client.submit_expecting(&clean, "250 2.0.0 *").await;
    // A tenth of SpamAssassin's thousand, and rspamd's fifteen.
    client.submit_expecting(&spam(), "554 5.7.0 rejected, SPAM: score=115").await;
    let infected = TestMail::new().attachment("letter.txt", &eicar());
    client.submit_expecting(&infected, "250 2.7.0 Ok, discarded, id=* - INFECTED: Eicar*").await;
    let got = hop.only_mail().await;
    assert_eq!(fields(&clean, &got.content, "X-Virus-Scanned: ").len(), 1);
    assert!(fields(&clean, &got.content, "X-Spam-").is_empty());
    drop(system);

    let system =
        System::build(mode, &hop.target()).clamd(&clamd.tcp()).configuration(&scanners).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    hop.take();
    let mail = spam();
    client.submit_expecting(&mail, "250 2.0.0 *").await;
    let got = hop.only_mail().await;
    let [flag, score, level, status] = fields(&mail, &got.content, "X-Spam-").try_into().unwrap();
    assert_eq!((flag.as_str(), score.as_str()), ("X-Spam-Flag: YES", "X-Spam-Score: 115"));
    assert_eq!(level, format!("X-Spam-Level: {}", "*".repeat(64)));
    assert!(status.starts_with("X-Spam-Status: Yes, score=115 tag=2 tag2=6.2 kill=6.9 tests=["), "{status}");
    assert!(status.contains("GTUBE=1000") && status.contains("GTUBE=0"), "{status}");

    // Whoever claims to be no spam has to prove it.
    let mut forged = spam();
    forged.content = [b"X-Spam-Flag: NO\r\nX-Spam-Status: No, forged\r\n", &forged.content[..]].concat();
    hop.take();
    client.submit_expecting(&forged, "250 2.0.0 *").await;
    let text = String::from_utf8_lossy(&hop.only_mail().await.content).into_owned();
    assert!(!text.contains("X-Spam-Flag: NO") && !text.contains("forged"), "{text}");
}

async fn a_killed_or_hung_spamd_is_never_clean(mode: Mode) {
    is_never_clean(mode, Kind::Spamd).await;
}

async fn a_killed_or_hung_rspamd_is_never_clean(mode: Mode) {
    is_never_clean(mode, Kind::Rspamd).await;
}

async fn is_never_clean(mode: Mode, kind: Kind) {
    let (hop, mut daemon) = (NextHop::smtp().await, SpamDaemon::start(kind).await);
    let system = System::build(mode, &hop.target())
        .configuration(&scanner(kind.name(), "a", &daemon.tcp(), ""))
        .configuration("[policy]\nspam = \"reject\"\n")
        .start()
        .await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new(), "250 2.0.0 *").await;

    daemon.hang();
    for mail in [TestMail::new(), spam()] {
        client.submit_expecting(&mail, "451 4.5.0 content inspection unavailable, id=*").await;
    }
    daemon.go_on();
    until_scanned(&mut client).await;

    daemon.kill();
    for mail in [TestMail::new(), spam()] {
        client.submit_expecting(&mail, "451 4.5.0 content inspection unavailable, id=*").await;
    }
    daemon.restart().await;
    until_scanned(&mut client).await;
    client.submit_expecting(&spam(), "554 5.7.0 rejected, SPAM: *").await;
}

/// The client tries again, as mail servers do, until the scanner is used again. It has no event for that.
async fn until_scanned(client: &mut Client) {
    eventually("a mail is scanned again", async || {
        let mail = TestMail::new();
        client.begin(&mail).await;
        client.send_raw(&dot_stuffed(&mail.content)).await;
        (client.expect("*").await.code() == 250).then_some(())
    })
    .await;
}

async fn a_scanner_that_talks_nonsense_is_never_clean(mode: Mode) {
    let hop = NextHop::smtp().await;
    let spamd = |score: &str| {
        format!("SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; {score} / 5.0\r\n\r\n")
    };
    let rspamd = |score: &str| {
        let body =
            format!("{{\"score\":{score},\"required_score\":15,\"action\":\"no action\",\"symbols\":{{}}}}");
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    // That the fakes are well made: the same with a number is an answer.
    for (kind, answer, reply) in [
        ("spamd", spamd("1.5"), "250 2.0.0 *"),
        ("spamd", spamd("nan"), "451 4.5.0 *"),
        ("spamd", rspamd("1.5"), "451 4.5.0 *"),
        ("rspamd", rspamd("1.5"), "250 2.0.0 *"),
        ("rspamd", rspamd("1e400"), "451 4.5.0 *"),
        ("rspamd", spamd("1.5"), "451 4.5.0 *"),
        ("clamd", spamd("1.5"), "451 4.5.0 virus scanning unavailable, id=*"),
    ] {
        let fake = FakeScanner::start(answer.as_bytes()).await;
        let configuration = scanner(kind, "a", fake.endpoint(), "");
        let system = System::build(mode, &hop.target()).configuration(&configuration).start().await;
        Client::lmtp(&system.lmtp).await.submit_expecting(&TestMail::new(), reply).await;
    }
    let fake = FakeScanner::start(b"garbage").await;
    let configuration = scanner("spamd", "a", fake.endpoint(), "on_failure = \"pass_unchecked\"");
    let system = System::build(mode, &hop.target()).configuration(&configuration).start().await;
    hop.take();
    let mail = TestMail::new();
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 2.0.0 *").await;
    let got = hop.only_mail().await;
    let [alert] = fields(&mail, &got.content, "X-Amavis-Alert: ").try_into().unwrap();
    assert!(alert.starts_with("X-Amavis-Alert: UNCHECKED, unchecked-failed: 127.0.0.1:"), "{alert}");
}

async fn a_backup_stands_in_for_a_lost_primary(mode: Mode) {
    let (hop, mut primary, backup) = (NextHop::smtp().await, Clamd::start().await, Clamd::start().await);
    let configuration = scanner("clamd", "first", &primary.tcp(), "")
        + &scanner("clamd", "second", &backup.unix(), "group = \"backup\"");
    let system = System::build(mode, &hop.target()).configuration(&configuration).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&TestMail::new(), "250 2.0.0 *").await;
    primary.kill();
    client.submit_expecting(&TestMail::new(), "250 2.0.0 *").await;
    // Another content each time: the verdict about one is remembered.
    let infected = |text: &[u8]| TestMail::new().attachment("letter.txt", &[text, &eicar()].concat());
    client.submit_expecting(&infected(b"1"), "250 2.7.0 Ok, discarded, id=* - INFECTED: Eicar*").await;
    backup.hang();
    client.submit_expecting(&infected(b"2"), "451 4.5.0 virus scanning unavailable, id=*").await;
    for got in hop.seen().mails {
        let text = String::from_utf8_lossy(&got.content).into_owned();
        assert!(text.contains("X-Virus-Scanned: "), "delivered without a scan:\n{text}");
    }
}
