//! Mails that kill, stop or starve the process that parses them, and what such a process cannot do.

use std::fs;

use harness::client::Client;
use harness::mails::{TestMail, added_fields};
use harness::next_hop::NextHop;
use harness::node::{Node, run};
use harness::system::{Builder, Mode, System};
use harness::wait::eventually;
use rustix::process::{Pid, Signal, kill_process};

in_both_modes! {
    light;
    a_mail_that_harms_its_parser_fails_alone,
    a_mail_that_hangs_is_given_up,
    where_policy_says_so_it_is_delivered_with_a_mark,
    a_killed_process_costs_at_most_the_mail_that_it_had,
    forty_thousand_nested_messages_are_over_the_limit,
    no_process_outlives_its_worker,
}

/// What a content may ask for in a debug build, and how that is counted.
const FAULTS: [(&str, &str); 6] = [
    ("abort", "signal"),
    ("stack", "signal"),
    ("memory", "signal"),
    ("file", "signal"),
    ("cpu", "cpu"),
    ("garbage", "garbage"),
];

const TIGHT: &str = "[inspect]\nprocesses = 3\ntimeout = \"60 s\"\ncpu_seconds_max = 1\nmemory_bytes_max = \"256 MiB\"\n\
    [attachments.limits]\ncontent_bytes_max = \"10 MiB\"\nheld_bytes_max = \"48 MiB\"\nmember_bytes_max = \"32 MiB\"\n\
    dictionary_bytes_max = \"16 MiB\"\n";

const WITH_FAULTS: &str = "MAILWEIR_INSPECT_FAULTS";

fn build(mode: Mode, hop: &NextHop) -> Builder {
    System::build(mode, &hop.target()).configuration(TIGHT).variable(WITH_FAULTS, "1")
}

fn harmful(fault: &str) -> TestMail {
    TestMail::new().body(format!("inspect-fault: {fault}\r\n").as_bytes())
}

/// The processes that parse for `node`.
fn children(node: &Node) -> Vec<i32> {
    let parent = node.process.id().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = stat(pid)?;
        (stat[1] == parent && stat[0] != "Z").then_some(pid)
    });
    processes.collect()
}

/// State, parent and so on; nothing once it is gone.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// A child that has used CPU time, in clock ticks.
fn has_worked(pid: i32) -> bool {
    stat(pid).and_then(|stat| stat[11].parse::<u64>().ok()).is_some_and(|ticks| ticks > 20)
}

fn is_gone(pid: &i32) -> bool {
    stat(*pid).is_none_or(|stat| stat[0] == "Z")
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

async fn ended(node: &Node, reason: &str) -> u64 {
    let metrics = node.admin("/metrics").await;
    let name = format!("mailweir_worker_inspect_ended_total{{reason=\"{reason}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

async fn until_started(node: &Node, count: usize) {
    eventually("the processes are started", async || (children(node).len() == count).then_some(())).await;
}

async fn a_mail_that_harms_its_parser_fails_alone(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = build(mode, &hop).start().await;
    until_started(system.scanner(), 3).await;
    let lmtp = system.lmtp.clone();
    let harm = async {
        for (fault, _) in FAULTS {
            Client::lmtp(&lmtp)
                .await
                .submit_expecting(&harmful(fault), "451 4.5.0 content inspection*")
                .await;
        }
    };
    let neighbours = async {
        let mut client = Client::lmtp(&lmtp).await;
        for _ in 0..50 {
            client.submit_expecting(&TestMail::new(), "250 *").await;
            let banned = TestMail::new().attachment("setup.exe", b"harmless");
            client.submit_expecting(&banned, "554 5.7.0 *").await;
        }
    };
    tokio::join!(harm, neighbours);
    assert_eq!(hop.seen().mails.len(), 50);
    let node = system.scanner();
    for reason in ["signal", "cpu", "garbage"] {
        let expected = FAULTS.iter().filter(|(_, counted)| *counted == reason).count() as u64;
        assert_eq!(ended(node, reason).await, expected, "{reason}");
    }
    assert!(node.process.status().is_none());
    assert_eq!(ended(node, "exit").await, 0);
}

async fn a_mail_that_hangs_is_given_up(mode: Mode) {
    let hop = NextHop::smtp().await;
    let short = "[inspect]\nprocesses = 1\ntimeout = \"3 s\"\n";
    let system = System::build(mode, &hop.target()).configuration(short).variable(WITH_FAULTS, "1");
    let mut system = system.start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    client.submit_expecting(&harmful("hang"), "451 4.5.0 content inspection*").await;
    client.submit_expecting(&TestMail::new(), "250 *").await;
    assert_eq!(ended(system.scanner(), "timeout").await, 1);
}

async fn where_policy_says_so_it_is_delivered_with_a_mark(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = build(mode, &hop).configuration("[policy]\nunchecked_failed = \"tag\"\n").start().await;
    let mail = harmful("abort");
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let fields = added_fields(&mail.content, &hop.only_mail().await.content).join("\n");
    let mark = "X-Amavis-Alert: UNCHECKED, unchecked-failed: the inspecting process was ended by signal 6";
    assert!(fields.contains(mark), "{fields}");
}

async fn a_killed_process_costs_at_most_the_mail_that_it_had(mode: Mode) {
    let hop = NextHop::smtp().await;
    let long = "[inspect]\nprocesses = 2\ncpu_seconds_max = 100\ntimeout = \"100 s\"\n";
    let mut system =
        System::build(mode, &hop.target()).configuration(long).variable(WITH_FAULTS, "1").start().await;
    until_started(system.scanner(), 2).await;
    // While idle: no mail notices.
    let idle = children(system.scanner());
    idle.iter().copied().for_each(kill);
    eventually("they are dead", async || idle.iter().all(is_gone).then_some(())).await;
    let mut client = Client::lmtp(&system.lmtp).await;
    for _ in 0..4 {
        client.submit_expecting(&TestMail::new(), "250 *").await;
    }
    assert_eq!(ended(system.scanner(), "signal").await, 2);
    // While busy: its mail.
    let mut other = Client::lmtp(&system.lmtp).await;
    let busy = harmful("cpu");
    let node = system.scanner();
    let killed = async {
        let works = async || children(node).into_iter().find(|pid| has_worked(*pid));
        kill(eventually("a process works", works).await);
    };
    tokio::join!(other.submit_expecting(&busy, "451 4.5.0 content inspection*"), killed);
    assert_eq!(ended(node, "signal").await, 3);
    client.submit_expecting(&TestMail::new(), "250 *").await;
    assert_eq!(hop.seen().mails.len(), 5);
}

async fn forty_thousand_nested_messages_are_over_the_limit(mode: Mode) {
    let hop = NextHop::smtp().await;
    let mut system = build(mode, &hop).start().await;
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(40_000);
    let mail = TestMail::new().content(nested);
    Client::lmtp(&system.lmtp).await.submit_expecting(&mail, "250 *").await;
    let got = hop.only_mail().await.content;
    let fields = String::from_utf8_lossy(&got[..500]).into_owned();
    assert!(fields.contains("X-Amavis-Alert: UNCHECKED, unchecked-over-limit"), "{fields}");
    assert!(got.ends_with(&mail.content));
    for reason in ["signal", "exit", "timeout"] {
        assert_eq!(ended(system.scanner(), reason).await, 0);
    }
}

async fn no_process_outlives_its_worker(mode: Mode) {
    let hop = NextHop::smtp().await;
    for signal in [Signal::TERM, Signal::KILL] {
        let mut system = build(mode, &hop).start().await;
        until_started(system.scanner(), 3).await;
        let node = system.scanner();
        let children = children(node);
        node.process.signal(signal);
        let status = node.process.ended().await;
        assert_eq!(status.success(), signal == Signal::TERM, "{status}");
        eventually("they are gone", async || children.iter().all(is_gone).then_some(())).await;
    }
}

#[tokio::test]
async fn the_self_test_finds_the_cage_tight() {
    let (succeeded, table, errors) = run(&["inspect", "--self-test"]).await;
    assert!(succeeded, "{table}{errors}");
    let mut rows = 0;
    for row in table.lines().skip(1).filter(|line| line.contains("possible")) {
        let words: Vec<&str> = row.split_whitespace().collect();
        // Possible without locks, or the test of it would prove nothing; refused behind all.
        assert_eq!((words[1], words[5]), ("possible", "refused"), "{table}");
        let refused_by_calls = words[4] == "refused";
        assert_eq!(refused_by_calls, words[0] != "memory", "{table}");
        rows += 1;
    }
    assert_eq!(rows, 12, "{table}");
}

#[tokio::test]
async fn what_holds_the_processes_is_told_at_the_start() {
    let hop = NextHop::smtp().await;
    let mut system = build(Mode::Standalone, &hop).start().await;
    let process = &system.scanner().process;
    let told = eventually("it is told", async || {
        process.log().lines().find(|l| l.contains("in_force")).map(str::to_owned)
    });
    let told = told.await;
    assert!(told.contains("memory, cpu, files") && told.contains("seccomp"), "{told}");
}
