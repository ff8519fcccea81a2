//! Archives through the whole: what is in them decides, and what they do to their reader harms nobody.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use harness::client::Client;
use harness::mails::{TestMail, added_fields};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};
use harness::zip::{encrypted_zip, zip};

in_both_modes! {
    light;
    what_is_in_an_archive_decides,
    a_bomb_is_over_the_limit_and_nobody_else_notices,
}

async fn what_is_in_an_archive_decides(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let inner = zip(&[("run.scr", b"harmless")]);
    let mut sent = Vec::new();
    for (archive, reply) in [
        (zip(&[("setup.exe", b"harmless")]), "554 5.7.0 rejected, BANNED: *setup.exe*"),
        (zip(&[("inner.zip", &inner)]), "554 5.7.0 rejected, BANNED: *run.scr*"),
        (zip(&[("letter.txt", b"harmless")]), "250 *"),
        (encrypted_zip(&[("letter.txt", b"0123456789abcdef")]), "250 *"),
    ] {
        let mail = TestMail::new().attachment("a.zip", &archive);
        client.submit_expecting(&mail, reply).await;
        sent.push(mail.content);
    }
    let seen = hop.seen();
    let [clean, encrypted] = seen.mails.as_slice() else { panic!("{} mails", seen.mails.len()) };
    assert!(!added_fields(&sent[2], &clean.content).join("\n").contains("UNCHECKED"));
    let fields = added_fields(&sent[3], &encrypted.content).join("\n");
    assert!(fields.contains("X-Amavis-Alert: UNCHECKED, unchecked-encrypted: encrypted zip"), "{fields}");
}

async fn a_bomb_is_over_the_limit_and_nobody_else_notices(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = System::build(mode, &hop.target()).start().await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..300 {
        encoder.write_all(&vec![0; 1024 * 1024]).unwrap();
    }
    let bomb = TestMail::new().attachment("a.gz", &encoder.finish().unwrap());
    let mut others = Client::lmtp(&system.lmtp).await;
    let lmtp = system.lmtp.clone();
    let neighbours = async {
        for _ in 0..20 {
            others.submit_expecting(&TestMail::new(), "250 *").await;
        }
    };
    let bombs = async {
        let mut client = Client::lmtp(&lmtp).await;
        for _ in 0..3 {
            client.submit_expecting(&bomb, "250 *").await;
        }
    };
    tokio::join!(bombs, neighbours);
    let seen = hop.seen();
    assert_eq!(seen.mails.len(), 23);
    let bombs: Vec<_> = seen.mails.iter().filter(|mail| mail.content.len() > bomb.content.len()).collect();
    assert_eq!(bombs.len(), 3);
    for mail in bombs {
        let fields = added_fields(&bomb.content, &mail.content).join("\n");
        let alert = "UNCHECKED, unchecked-over-limit: beyond the limit of compression ratio";
        assert!(fields.contains(alert), "{fields}");
    }
    let metrics = system.scanner().admin("/metrics").await;
    let ended = |line: &&str| line.starts_with("mailweir_worker_inspect_ended_total{");
    assert_eq!(metrics.lines().find(ended), None);
}
