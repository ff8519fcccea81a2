//! Mails of thousands of parts, levels and header fields: bounded in time and memory, and not lost.

use harness::client::Client;
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::mails::TestMail;
use harness::next_hop::NextHop;

use super::{OVER_LIMIT, all_are_marked, build, explode, nobody_died};

type Extreme = (&'static str, fn() -> String, &'static str);

/// What it is, its maker, and how its mail is marked; nothing where it is within the limits.
const EXTREMES: [Extreme; 8] = [
    ("40 000 nested messages", || messages(40_000), OVER_LIMIT),
    ("990 nested messages", || messages(990), OVER_LIMIT),
    ("100 000 parts", || parts(100_000), OVER_LIMIT),
    ("900 parts", || parts(900), ""),
    ("1 000 nested multiparts", || multiparts(1_000), OVER_LIMIT),
    ("one header of 2 MB", one_header, OVER_LIMIT),
    ("10 000 headers", || headers(10_000), ""),
    ("100 000 headers", || headers(100_000), OVER_LIMIT),
];

fn messages(depth: usize) -> String {
    let open = "Content-Type: message/rfc822\r\n\r\n".repeat(depth);
    format!("{open}Subject: below {depth}\r\n\r\nx\r\n")
}

fn parts(count: usize) -> String {
    let parts = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(count);
    format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n")
}

fn multiparts(depth: usize) -> String {
    let open =
        |level| format!("Content-Type: multipart/mixed; boundary=\"b{level:04}\"\r\n\r\n--b{level:04}\r\n");
    let close = |level| format!("--b{level:04}--\r\n");
    let (opened, closed): (String, String) =
        ((0..depth).map(open).collect(), (0..depth).rev().map(close).collect());
    format!("{opened}\r\nx\r\n{closed}")
}

/// In lines that any server takes.
fn one_header() -> String {
    let line = format!(" {}\r\n", "y".repeat(500));
    format!("Subject: x\r\nX-Long:{}\r\nx\r\n", line.repeat(2 * 1024 * 1024 / line.len()))
}

fn headers(count: usize) -> String {
    let fields: String = (0..count).map(|number| format!("X-{number}: y\r\n")).collect();
    format!("{fields}\r\nx\r\n")
}

#[tokio::test]
async fn thousands_of_anything_are_bounded_and_not_lost() {
    let _place = harness::machine::heavy().await;
    let (hop, clamd) = (NextHop::smtp().await, FakeClamd::start(Behaviour::Clean).await);
    let mut system = build(&hop, &clamd).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let mails: Vec<(&str, TestMail, &str)> =
        EXTREMES.iter().map(|(name, make, mark)| (*name, TestMail::new().content(make()), *mark)).collect();
    for (name, mail, _) in &mails {
        explode(system.scanner(), &mut client, name, mail).await;
    }
    all_are_marked(&hop, &mails);
    nobody_died(system.scanner()).await;
}
