//! The ledger of one machine, end to end: the process is killed, the disk is full, the client comes again.

mod disk;
mod flight;
mod kill;
mod place;

use std::path::Path;

use harness::client::{Client, dot_stuffed};
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::node::binary;
use harness::process::Process;
use harness::wait::eventually;
use serde_json::Value;

/// One standalone process on a state directory that outlives it.
struct Standalone {
    process: Process,
    lmtp: String,
    admin: String,
}

impl Standalone {
    /// Starts it behind `env ENVIRONMENT`, with `arguments` of its own.
    async fn start(
        name: &str,
        state: &Path,
        hop: &NextHop,
        environment: &[&str],
        arguments: &[&str],
    ) -> Self {
        let ports = state.join(format!("{name}.ports.json"));
        let (program, ports_file, state_directory) =
            (binary().display().to_string(), ports.display().to_string(), state.display().to_string());
        let target = hop.target();
        let standalone = [
            program.as_str(),
            "standalone",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--next-hop",
            target.as_str(),
            "--state-directory",
            state_directory.as_str(),
            "--ports-file",
            ports_file.as_str(),
        ];
        let args = [environment, &standalone, arguments].concat();
        let mut process = Process::start(name, Path::new("/usr/bin/env"), &args, state);
        let ports: Value = eventually("mailweir writes its ports file", async || {
            assert!(process.status().is_none(), "mailweir has ended\n{}", process.log_tail());
            serde_json::from_slice(&std::fs::read(&ports).ok()?).ok()
        })
        .await;
        let lmtp = ports["lmtp"][0].as_str().unwrap().to_owned();
        let admin = ports["admin"].as_str().unwrap().to_owned();
        Self { process, lmtp, admin }
    }

    /// The value of a counter or gauge.
    async fn metric(&self, name: &str) -> f64 {
        let (_, metrics) = harness::http::get(&self.admin, "/metrics").await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).parse().unwrap()
    }

    /// A client that has sent `mail` with that IDENT and reads no reply yet.
    async fn sent(&self, ident: &str, mail: &TestMail) -> Client {
        let mut client = Client::lmtp(&self.lmtp).await;
        client.command(&format!("XFORWARD IDENT={ident}"), "250 *").await;
        client.begin(mail).await;
        client.send_raw(&dot_stuffed(&mail.content)).await;
        client
    }

    /// Sends `mail` to its one recipient; the reply, unless the connection was lost.
    async fn submit(&self, ident: &str, mail: &TestMail) -> Option<String> {
        let reply = self.sent(ident, mail).await.try_reply("a reply").await?;
        Some(reply.last().to_owned())
    }
}

/// Recipients that have a copy, once for each.
fn copies(hop: &NextHop, mail: &TestMail) -> usize {
    let seen = hop.seen();
    let taken = seen.mails.iter().filter(|got| got.taken() && got.content.ends_with(&mail.content));
    taken.map(|got| got.rcpt.len()).sum()
}
