//! Archives that unpack to far more than anybody has room for, and mails of far more parts than anybody reads: each is
//! "unchecked" within its limits, its process stays small, and nobody else notices.

mod extremes;
mod fetch;
mod make;
mod quine;
mod watch;

use std::time::Duration;

use harness::client::Client;
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::mails::{TestMail, added_fields};
use harness::next_hop::NextHop;
use harness::node::Node;
use harness::system::{Builder, Mode, System};
use tokio::sync::watch::{Receiver, channel};
use tokio::time::Instant;

/// As it is by default.
const CHILD_MEMORY_KIB_MAX: u64 = 1024 * 1024;
/// What the worker may have grown by, in KiB: buffers of the largest mails here, and what the allocator keeps.
const WORKER_GROWTH_KIB_MAX: u64 = 64 * 1024;
/// A small mail beside a bomb, on a machine of two cores that has other things to do.
const NEIGHBOUR_MAX: Duration = Duration::from_secs(5);
/// Small mails before the bombs.
const NEIGHBOURS: usize = 50;

type Bomb = (&'static str, fn() -> Vec<u8>, &'static str);

/// What it is, its maker, and how its mail is marked.
const BOMBS: [Bomb; 12] = [
    ("zip whose members overlap", make::overlapping, OVER_LIMIT),
    ("zips in zips", make::nested, OVER_LIMIT),
    ("gzip quine", quine::quine, "unchecked-over-limit: beyond the limit of archive depth"),
    ("gzip chain", make::gzip_chain, "unchecked-over-limit: beyond the limit of archive depth"),
    ("10 GB in bzip2", make::bzip2, OVER_LIMIT),
    ("10 GB in xz", make::xz, OVER_LIMIT),
    ("10 GB in zstd", make::zstd, OVER_LIMIT),
    ("4 GB window of zstd", make::zstd_window, "unchecked-over-limit: beyond the limit of dictionary bytes"),
    ("100 GB hole in a tar", make::sparse_tar, OVER_LIMIT),
    ("solid 7z", make::solid_seven, OVER_LIMIT),
    ("4 GB dictionary of lzma", make::lzma_dictionary, OVER_LIMIT),
    ("10 GB in xz in a zip", || harness::zip::zip(&[("a.xz", &make::xz())]), OVER_LIMIT),
];

const OVER_LIMIT: &str = "unchecked-over-limit: ";

/// One mail for the parser, another for the neighbours.
const TWO: &str = "[inspect]\nprocesses = 2\n";

#[tokio::test]
async fn bombs_end_at_their_limits_and_nobody_else_notices() {
    let bombs: Vec<(&str, TestMail, &str)> = BOMBS
        .iter()
        .map(|(name, make, mark)| (*name, TestMail::new().attachment("a.bin", &make()), *mark))
        .collect();
    let _place = harness::machine::heavy().await;
    let (hop, clamd) = (NextHop::smtp().await, FakeClamd::start(Behaviour::Clean).await);
    let mut system = build(&hop, &clamd).start().await;
    let mut neighbour = Client::lmtp(&system.lmtp).await;
    let mut before = Vec::new();
    for _ in 0..NEIGHBOURS {
        before.push(timed(&mut neighbour, &TestMail::new()).await);
    }
    let mut client = Client::lmtp(&system.lmtp).await;
    let node = system.scanner();
    let worker_kib = watch::resident_kib(node.process.id());
    let (done, is_done) = channel(false);
    let one_by_one = async {
        for (name, mail, _) in &bombs {
            explode(node, &mut client, name, mail).await;
        }
        done.send_replace(true);
    };
    let ((), during) = tokio::join!(one_by_one, neighbours(&mut neighbour, is_done));
    let grown = watch::resident_kib(node.process.id()).saturating_sub(worker_kib);
    let (before, slowest) = (watch::median(before), during.iter().max().copied().unwrap_or_default());
    let (count, during) = (during.len(), watch::median(during));
    let peak = node.process.memory_peak_kib();
    say(&format!("worker: {worker_kib} KiB, then {grown} more, at most {peak}"));
    say(&format!("small mails: {before:?} alone, {during:?} beside ({count}, slowest {slowest:?})"));
    assert!(grown < WORKER_GROWTH_KIB_MAX, "the worker grew by {grown} KiB");
    assert!(during < NEIGHBOUR_MAX, "{during:?} instead of {before:?}");
    all_are_marked(&hop, &bombs);
    nobody_died(node).await;
}

/// With a virus scanner, which is to get what it does not open by itself.
fn build(hop: &NextHop, clamd: &FakeClamd) -> Builder {
    System::build(Mode::Standalone, &hop.target()).configuration(TWO).clamd(clamd.endpoint())
}

/// Sends a bomb, says what it took, and holds its process to its limit.
async fn explode(node: &Node, client: &mut Client, name: &str, mail: &TestMail) {
    watch::forget_peaks(node);
    let took = timed(client, mail).await;
    let peak = watch::peak_of_children_kib(node);
    say(&format!("{name}: mail of {} KiB, {took:?}, {} MiB", mail.content.len() / 1024, peak / 1024));
    assert!(peak > 0 && peak < CHILD_MEMORY_KIB_MAX, "{name}: {peak} KiB");
}

async fn timed(client: &mut Client, mail: &TestMail) -> Duration {
    let start = Instant::now();
    client.submit_expecting(mail, "250 *").await;
    start.elapsed()
}

/// Small mails, one after the other, until all is done.
async fn neighbours(client: &mut Client, is_done: Receiver<bool>) -> Vec<Duration> {
    let mut times = Vec::new();
    while !*is_done.borrow() {
        times.push(timed(client, &TestMail::new()).await);
    }
    times
}

/// Each arrived as it was, once, with its mark.
fn all_are_marked(hop: &NextHop, mails: &[(&str, TestMail, &str)]) {
    let seen = hop.seen();
    let mut wrong = Vec::new();
    for (name, mail, mark) in mails {
        let copies: Vec<_> = seen.mails.iter().filter(|got| got.content.ends_with(&mail.content)).collect();
        let [got] = copies.as_slice() else { panic!("{name}: {} copies", copies.len()) };
        let fields = added_fields(&mail.content, &got.content).join("\n");
        let is_right = if mark.is_empty() {
            !fields.contains("UNCHECKED")
        } else {
            fields.contains("UNCHECKED, ") && fields.contains(mark)
        };
        if !is_right {
            wrong.push(format!("{name}: {fields}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No process had to be killed, and none killed itself. After a thousand small mails one may have been replaced.
async fn nobody_died(node: &Node) {
    let metrics = node.admin("/metrics").await;
    let ended = metrics.lines().filter(|line| line.starts_with("mailweir_worker_inspect_ended_total{"));
    assert_eq!(ended.filter(|line| !line.contains("reason=\"recycled\"")).collect::<Vec<_>>(), [""; 0]);
}

/// What was measured, for those who run it with `--nocapture`.
#[expect(clippy::print_stderr, reason = "figures of a run are read by people")]
fn say(text: &str) {
    eprintln!("{text}");
}
