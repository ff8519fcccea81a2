//! A full disk: nothing is delivered that could not be remembered, and all goes on once there is room.
//!
//! The limit of the size of files stands in for the disk's; unlike a small file system it needs no privileges.

use std::process::Command;

use harness::client::Client;
use harness::machine::light;
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::wait::eventually;

use super::{Standalone, copies};

/// A ledger outgrows it after some hundred mails.
const LIMIT: &str = "--fsize=1800000:";

#[tokio::test]
async fn a_full_disk_refuses_mails_until_there_is_room() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let state = tempfile::tempdir().unwrap();
    let environment = ["--ignore-signal=XFSZ", "prlimit", LIMIT, "--"];
    let standalone =
        Standalone::start("standalone", state.path(), &hop, &environment, &["--log-level", "warn"]).await;
    let mut mails = Vec::new();
    let mut client = Client::lmtp(&standalone.lmtp).await;
    let refused = loop {
        let mail = TestMail::new();
        client.command(&format!("XFORWARD IDENT=N{}", mails.len()), "250 *").await;
        let replies = client.submit(&mail).await;
        mails.push(mail);
        let reply = replies.dot[0].last().to_owned();
        if !reply.starts_with("250 ") {
            break reply;
        }
        assert!(mails.len() < 20_000, "the file never was full");
    };
    assert_eq!(refused, "451 4.3.0 the ledger cannot be written, try again later");
    assert!(standalone.process.log().contains("ERROR"));
    let mut late = Client::lmtp(&standalone.lmtp).await;
    eventually("MAIL is refused", async || {
        late.send_line("MAIL FROM:<>").await;
        let reply = late.expect("*").await;
        if reply.code() == 250 {
            late.command("RSET", "250 *").await;
            return None;
        }
        assert_eq!(reply.last(), "451 4.3.2 the ledger cannot be written");
        Some(())
    })
    .await;

    let pid = standalone.process.id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status().unwrap();
    assert!(raised.success());
    eventually("mails are taken again", async || {
        (standalone.metric("mailweir_ledger_writable").await == 1.0).then_some(())
    })
    .await;
    // All of them come again, as if no reply had arrived.
    for (number, mail) in mails.iter().enumerate().rev().take(50) {
        let reply = standalone.submit(&format!("N{number}"), mail).await.unwrap();
        assert!(reply.starts_with("250 "), "{reply}");
        assert_eq!(copies(&hop, mail), 1, "mail {number}");
    }
}
