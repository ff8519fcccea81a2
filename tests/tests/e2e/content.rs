//! Archives through the whole: what is in them decides, and what they do to their reader harms nobody.

use std::io::Write as _;

use flate2::{Compression, Crc, write::GzEncoder};
use harness::client::Client;
use harness::mails::{TestMail, added_fields};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};

in_both_modes! {
    light;
    what_is_in_an_archive_decides,
    a_bomb_is_over_the_limit_and_nobody_else_notices,
}

/// A zip with one stored member.
fn zip(name: &str, content: &[u8], is_encrypted: bool) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(content);
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    let name_bytes = u16::try_from(name.len()).unwrap().to_le_bytes();
    let common = [
        &[20, 0, u8::from(is_encrypted), 0, 0, 0, 0, 0, 0x21, 0x5a][..],
        &crc.sum().to_le_bytes(),
        &size,
        &size,
        &name_bytes,
        &[0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &common[..], name.as_bytes(), content].concat();
    let central = [b"PK\x01\x02\x14\0", &common[..], &[0; 14], name.as_bytes()].concat();
    let bytes = u32::try_from(central.len()).unwrap().to_le_bytes();
    let offset = u32::try_from(local.len()).unwrap().to_le_bytes();
    [&local[..], &central, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &bytes, &offset, b"\0\0"].concat()
}

async fn what_is_in_an_archive_decides(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let inner = zip("run.scr", b"harmless", false);
    for (archive, reply) in [
        (zip("setup.exe", b"harmless", false), "554 5.7.0 rejected, BANNED: *setup.exe*"),
        (zip("inner.zip", &inner, false), "554 5.7.0 rejected, BANNED: *run.scr*"),
        (zip("letter.txt", b"harmless", false), "250 *"),
        (zip("letter.txt", b"0123456789abcdef", true), "250 *"),
    ] {
        client.submit_expecting(&TestMail::new().attachment("a.zip", &archive), reply).await;
    }
    let sent = |is_encrypted| {
        let content: &[u8] = if is_encrypted { b"0123456789abcdef" } else { b"harmless" };
        TestMail::new().attachment("a.zip", &zip("letter.txt", content, is_encrypted)).content
    };
    let seen = hop.seen();
    let [clean, encrypted] = seen.mails.as_slice() else { panic!("{} mails", seen.mails.len()) };
    assert!(!added_fields(&sent(false), &clean.content).join("\n").contains("UNCHECKED"));
    let fields = added_fields(&sent(true), &encrypted.content).join("\n");
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
