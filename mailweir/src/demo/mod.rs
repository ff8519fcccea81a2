//! `mailweir demo`: nothing installed, nothing configured, and a filter at work to look at.
//!
//! It starts a filter with a next hop of its own, sends about ten mails over a real LMTP socket and says what should
//! become of each; the exit code is 1 when anything differs. With `--nats` the roles are processes, and one worker is
//! killed while it holds mails.

mod cases;
mod check;
mod clamd;
mod client;
mod distributed;
mod kill;
mod mime;
mod next_hop;
mod process;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use egress::{Protocol, Target};
use prometheus_client::registry::Registry;
use proto::Endpoint;
use tokio::task::JoinSet;
use worker::Scanner;

use crate::admin::Readiness;
use crate::config::Sections;
use crate::inspect;
use crate::output;
use crate::run::{Role as _, Standalone};
use crate::signals::Shutdown;

use client::Row;
use next_hop::NextHop;

const FILTER_PORT: u16 = 20024;
const NEXT_HOP_PORT: u16 = 20025;

/// Runs the command: 1 when anything differs from what it says.
///
/// # Errors
/// When a part cannot be started.
pub(crate) async fn command(sections: Sections, shutdown: Shutdown) -> Result<ExitCode> {
    let demonstration = async {
        if sections.demo.nats { distributed::run(sections).await } else { standalone(sections).await }
    };
    match shutdown.drain.run_until_cancelled(Box::pin(demonstration)).await {
        Some(result) => result,
        None => Ok(ExitCode::FAILURE),
    }
}

async fn standalone(mut sections: Sections) -> Result<ExitCode> {
    let (filter_port, next_hop_port) = ports(&sections);
    let next_hop = NextHop::start(next_hop_port, &sections.sink).await?;
    sections.ingress.listen = vec![loopback(filter_port)];
    sections.relay.targets = vec![Target { endpoint: next_hop.endpoint.clone(), protocol: Protocol::Smtp }];
    find_clamd(&mut sections).await;
    let directory =
        tempfile::Builder::new().prefix("mailweir-demo-").tempdir().context("making a directory")?;
    directory.path().clone_into(&mut sections.ledger.directory);
    let role = Standalone::bind(&sections, Vec::new(), &mut Registry::default()).await;
    let role = role.context("starting the filter (--any-port takes free ports)")?;
    let filter: Endpoint = role.lmtp().pop().context("a bound filter")?.parse()?;
    output::result(format_args!("mails in by LMTP at {filter}, out by SMTP to {}", next_hop.endpoint));
    tell_clamd(&sections);
    let shutdown = Shutdown::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(role.serve(shutdown.clone(), Readiness::new()));
    let cases = cases::all(&sections.scanner.policy, sections.scanner.clamd.is_some());
    let rows = client::send_all(&filter, &next_hop, &cases).await?;
    shutdown.drain.cancel();
    while tasks.join_next().await.is_some() {}
    Ok(tell(&rows))
}

/// Prints the table and what it amounts to.
fn tell(rows: &[Row]) -> ExitCode {
    output::result(client::table(rows));
    let wrong = rows.iter().filter(|row| !row.is_right()).count();
    if wrong == 0 {
        output::result(format_args!("{} mails, all as they should be", rows.len()));
        ExitCode::SUCCESS
    } else {
        output::result(format_args!("{wrong} of {} mails NOT as they should be", rows.len()));
        ExitCode::FAILURE
    }
}

fn ports(sections: &Sections) -> (u16, u16) {
    if sections.demo.any_port { (0, 0) } else { (FILTER_PORT, NEXT_HOP_PORT) }
}

fn loopback(port: u16) -> Endpoint {
    Endpoint::Tcp { host: "127.0.0.1".into(), port }
}

/// Uses a clamd that listens where clamd usually does, unless one was named.
async fn find_clamd(sections: &mut Sections) {
    if sections.scanner.clamd.is_some() {
        return;
    }
    for usual in [loopback(3310), Endpoint::Unix("/run/clamav/clamd.ctl".into())] {
        let settings = worker::Settings {
            clamd: Some(worker::clamd::Settings { hosts: vec![usual], ..worker::clamd::Settings::default() }),
            ..sections.scanner.clone()
        };
        let scanner = Scanner::new(
            settings.clone(),
            inspect::program(false),
            worker::Metrics::register(&mut Registry::default()),
        );
        if scanner.check().await.iter().any(|host| host.scanner == "clamd" && host.is_up()) {
            sections.scanner = settings;
            return;
        }
    }
}

fn tell_clamd(sections: &Sections) {
    match &sections.scanner.clamd {
        Some(clamd) => {
            let hosts: Vec<_> = clamd.hosts.iter().map(ToString::to_string).collect();
            output::result(format_args!("scanned for viruses by clamd at {}", hosts.join(", ")));
        }
        None => {
            output::result("no clamd was found: only the attachment rules run (--clamd says where one is)")
        }
    }
}
