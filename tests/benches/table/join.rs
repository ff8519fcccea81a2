//! How long the retry of a delivered mail takes: it is answered from the ledger, and neither scanned nor delivered.

use std::time::Duration;

use harness::client::Client;
use tokio::time::Instant;

use crate::setup::{Checks, Running, System};

/// Behind `--only`.
pub(crate) const NAME: &str = "retries";

const RETRIES: usize = 1_000;

/// One line per system that has a ledger.
pub(crate) async fn table() -> String {
    let mut out =
        "| system | retries of a delivered 4 KB mail | p50 ms | p99 ms |\n|---|--:|--:|--:|\n".to_owned();
    for system in [System::Standalone, System::Distributed] {
        let running = Running::start(system, Checks::None).await;
        let times = retries(&running.entry).await;
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
        let line = format!("| {} | {RETRIES} | {:.2} | {:.2} |\n", system.name(), at(50), at(99));
        out.push_str(&line);
    }
    out
}

/// Delivers one mail, sends it again and again, and gives the times from the final dot to the reply in order.
async fn retries(entry: &str) -> Vec<Duration> {
    let mut client = Client::lmtp(entry).await;
    let line = format!("{}\r\n", "x".repeat(78));
    let content = format!("Subject: retry\r\n\r\n{}.\r\n", line.repeat(50));
    let first = send(&mut client, &content).await;
    let mut times = Vec::with_capacity(RETRIES);
    for _ in 0..RETRIES {
        let (elapsed, reply) = send(&mut client, &content).await;
        assert_eq!(reply, first.1, "the retry of a delivered mail gets the reply of the first");
        times.push(elapsed);
    }
    times.sort_unstable();
    times
}

async fn send(client: &mut Client, content: &str) -> (Duration, String) {
    client.command("XFORWARD IDENT=RETRY", "250 *").await;
    client.command("MAIL FROM:<sender@example.org>", "250 *").await;
    client.command("RCPT TO:<recipient@example.org>", "250 *").await;
    client.command("DATA", "354 *").await;
    client.send_raw(content.as_bytes()).await;
    let began = Instant::now();
    let reply = client.expect("250 *").await;
    (began.elapsed(), reply.last().to_owned())
}
