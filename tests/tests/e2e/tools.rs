//! The tools beside the filter, and clients that are not ours.

use harness::machine::light;
use harness::next_hop::NextHop;
use harness::node::{Node, run};
use harness::process::{Process, tool};
use harness::system::{Mode, System};
use rustix::process::Signal;
use serde_json::Value;

in_both_modes! {
    light;
    load_and_sink_agree,
    swaks_is_served,
}

async fn load_and_sink_agree(mode: Mode) {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let flags = ["sink", "--listen", "127.0.0.1:0", "--json", "--store"];
    let mut args: Vec<String> = flags.map(str::to_owned).into();
    args.push(store.display().to_string());
    let mut sink = Node::start("sink", &args, directory.path()).await;
    let system = System::build(mode, &sink.endpoint("lmtp")).start().await;

    let load =
        ["load", "--to", &system.lmtp, "--connections", "4", "--mails", "200", "--size", "4k", "--json"];
    let (succeeded, output, errors) = run(&load).await;
    assert!(succeeded, "{output}{errors}");
    let report: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&report["mails"], &report["accepted"], &report["failed"]),
        (&200.into(), &200.into(), &0.into())
    );

    sink.process.signal(Signal::TERM);
    assert!(sink.process.ended().await.success());
    let log = sink.process.log();
    let totals: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&totals["mails"], &totals["recipients"]), (&200.into(), &200.into()));
    let index = std::fs::read_to_string(store.join("index.jsonl")).unwrap();
    assert_eq!(index.lines().count(), 200);
}

async fn swaks_is_served(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).start().await;
    let directory = tempfile::tempdir().unwrap();
    let swaks = tool(&["/usr/bin/swaks"], "swaks");
    let args = [
        "--protocol",
        "LMTP",
        "--server",
        &system.lmtp,
        "--helo",
        "client.example.org",
        "--from",
        "sender@example.org",
        "--to",
        "a@example.net,b@example.net",
        "--pipeline",
        "--body",
        "A line.\n.\n.. and dots",
    ];
    let mut process = Process::start("swaks", &swaks, &args, directory.path());
    let status = process.ended().await;
    assert!(status.success(), "{}", process.log_tail());
    let got = hop.only_mail().await;
    assert_eq!(got.rcpt.len(), 2);
    let text = String::from_utf8_lossy(&got.content).into_owned();
    assert!(text.contains("\r\n\r\nA line.\r\n.\r\n.. and dots\r\n"), "{text}");
}

#[tokio::test]
async fn the_demo_shows_itself() {
    let _place = light().await;
    for args in [&["demo", "--any-port"][..], &["demo", "--any-port", "--nats"]] {
        let (succeeded, output, errors) = run(args).await;
        assert!(succeeded, "{args:?}: {output}{errors}");
    }
}

#[tokio::test]
async fn what_is_wrong_on_the_command_line_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wrong.toml");
    std::fs::write(&file, "[ingress]\nlisten = [\"nowhere\"]\nreply_dedline = \"4s\"\n").unwrap();
    let (succeeded, output, errors) = run(&["config", "check", "--config", file.to_str().unwrap()]).await;
    assert!(!succeeded);
    let said = format!("{output}{errors}");
    for expected in ["wrong.toml:2", "wrong.toml:3", "did you mean `ingress.reply_deadline`"] {
        assert!(said.contains(expected), "{expected} is missing:\n{said}");
    }
}
