//! A full disk: nothing is delivered that could not be remembered, and all goes on once there is room.
//!
//! The limit of the size of files stands in for the disk's; unlike a small file system it needs no privileges.

use std::process::Command;

use harness::client::{Client, dot_stuffed};
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
    loop {
        let mail = TestMail::new();
        client.command(&format!("XFORWARD IDENT=N{}", mails.len()), "250 *").await;
        client.send_line(&mail.mail_command()).await;
        let reply = client.expect("*").await;
        if reply.code() == 451 {
            assert_eq!(reply.last(), "451 4.3.2 the ledger cannot be written");
            break;
        }
        client.command("RCPT TO:<rcpt@example.net>", "250 *").await;
        client.command("DATA", "354 *").await;
        client.send_raw(&dot_stuffed(&mail.content)).await;
        mails.push(mail);
        let reply = client.expect("*").await;
        // It may become full between MAIL and the dot.
        let is_full = reply.last() == "451 4.3.0 the ledger cannot be written, try again later";
        assert!(is_full || reply.code() == 250, "{}", reply.last());
        assert!(mails.len() < 20_000, "the disk never was full");
    }
    assert!(standalone.process.log().contains("ERROR"));

    let pid = standalone.process.id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status().unwrap();
    assert!(raised.success());
    eventually("mails are taken again", async || {
        client.send_line("MAIL FROM:<>").await;
        (client.expect("*").await.code() == 250).then_some(())
    })
    .await;
    assert_eq!(standalone.metric("mailweir_ledger_writable").await, 1.0);
    // All of them come again, as if no reply had arrived.
    for (number, mail) in mails.iter().enumerate().rev().take(50) {
        let reply = standalone.submit(&format!("N{number}"), mail).await.unwrap();
        assert!(reply.starts_with("250 "), "{reply}");
        assert_eq!(copies(&hop, mail), 1, "mail {number}");
    }
}
