//! One table from one run: the load generator against the sink directly, through standalone, through the distributed
//! roles on this machine, and through amavisd-new where it is installed.
//!
//! Every figure of a row was measured in that run on that machine; compare rows of one table, not tables of two
//! machines. `--only WORD` keeps rows whose system, checks or size is that word; `--only hop` is the way to the process
//! that parses and back, alone.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table or ends")]

mod amavis;
mod hop;
mod join;
mod proc;
mod report;
mod setup;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use report::Cell;
use setup::{Checks, Running, System};

const SIZES: [(&str, u32); 3] = [("4k", 6_000), ("60k", 2_000), ("1 MB", 200)];
const CONNECTIONS: [u32; 3] = [1, 10, 50];

fn main() -> Result<()> {
    let only: Vec<String> = std::env::args().skip_while(|arg| arg != "--only").skip(1).collect();
    let is_hop_alone = only.iter().any(|word| word == hop::NAME);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build()?;
    runtime.block_on(async {
        if is_hop_alone {
            println!("{}", hop::table().await?);
            return Ok(());
        }
        let cells = table(&only).await?;
        println!("{}", report::markdown(&cells));
        println!("{}", hop::table().await?);
        println!("{}", join::table().await);
        println!("{}", memory().await?);
        Ok(())
    })
}

async fn table(only: &[String]) -> Result<Vec<Cell>> {
    let systems = [
        (System::Direct, Checks::None),
        (System::Standalone, Checks::None),
        (System::StandaloneNoLedger, Checks::None),
        (System::Distributed, Checks::None),
        (System::DistributedNoLedger, Checks::None),
        (System::Amavis, Checks::None),
        (System::Standalone, Checks::ClamdAndAttachments),
        (System::Distributed, Checks::ClamdAndAttachments),
        (System::Amavis, Checks::ClamdAndAttachments),
    ];
    let mut cells = Vec::new();
    for (system, checks) in systems {
        if system == System::Amavis && !amavis::is_installed() {
            say("amavisd-new is not installed: its rows are left out");
            continue;
        }
        let wanted =
            only.is_empty() || only.iter().any(|word| word == system.name() || word == checks.name());
        if !wanted && system != System::Direct {
            continue;
        }
        let running = Running::start(system, checks).await;
        load(&running.entry, "4k", 10, 200).await?;
        for (size, mails) in SIZES {
            for connections in CONNECTIONS {
                cells.push(cell(&running, system, checks, size, connections, mails).await?);
            }
        }
    }
    cells.sort_by_key(|cell| (SIZES.iter().position(|(size, _)| *size == cell.size), cell.connections));
    Ok(cells)
}

async fn cell(
    running: &Running,
    system: System,
    checks: Checks,
    size: &'static str,
    connections: u32,
    mails: u32,
) -> Result<Cell> {
    // About as long for the fast as for the slow.
    let mails = match system {
        System::Direct => mails * 4,
        System::Standalone
        | System::StandaloneNoLedger
        | System::Distributed
        | System::DistributedNoLedger => mails,
        System::Amavis => (mails / 8).max(50).max(connections * 2),
    };
    for role in &running.roles {
        proc::forget_peak(role)?;
    }
    let before = running.roles.iter().map(proc::cpu_seconds).collect::<Result<Vec<_>>>()?;
    let result = load(&running.entry, size, connections, mails).await?;
    let mut cpu_ms = Vec::new();
    let mut peak_mib = Vec::new();
    for (role, before) in running.roles.iter().zip(before) {
        cpu_ms.push((role.name, (proc::cpu_seconds(role)? - before) * 1_000.0 / f64::from(mails)));
        peak_mib.push((role.name, proc::peak_mib(role)?));
    }
    let figure = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).context(pointer.to_owned());
    Ok(Cell {
        system: system.name(),
        checks: checks.name(),
        size,
        connections,
        rate: figure("/mails_per_second")?,
        p50_ms: figure("/latency_ms/p50")?,
        p99_ms: figure("/latency_ms/p99")?,
        cpu_ms,
        peak_mib,
    })
}

/// Runs the load generator, which fails unless every mail was accepted.
async fn load(to: &str, size: &str, connections: u32, mails: u32) -> Result<Value> {
    let (connections, mails) = (connections.to_string(), mails.to_string());
    let args = [
        "load",
        "--to",
        to,
        "--size",
        size,
        "--connections",
        &connections,
        "--mails",
        &mails,
        "--ident",
        "--json",
    ];
    let output = tokio::process::Command::new(harness::node::binary()).args(args).output().await?;
    ensure!(output.status.success(), "load failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("reading the report of load")
}

/// Idle roles, and an ingress with forty 50 MB mails offered at once.
async fn memory() -> Result<String> {
    let mut lines =
        vec!["| role | idle MiB | peak MiB with forty 50 MB mails |".to_owned(), "|---|--:|--:|".to_owned()];
    for system in [System::Standalone, System::Distributed] {
        let running = Running::start(system, Checks::None).await;
        let idle = running.roles.iter().map(proc::resident_mib).collect::<Result<Vec<_>>>()?;
        for role in &running.roles {
            proc::forget_peak(role)?;
        }
        let args =
            ["load", "--to", &running.entry, "--size", "50 MB", "--connections", "40", "--mails", "40"];
        let output = tokio::process::Command::new(harness::node::binary())
            .args(args)
            .args(["--json", "--allow-failures"])
            .output()
            .await?;
        ensure!(output.status.success(), "load failed: {}", String::from_utf8_lossy(&output.stderr));
        for (role, idle) in running.roles.iter().zip(idle) {
            lines.push(format!("| {} | {idle:.1} | {:.0} |", role.name, proc::peak_mib(role)?));
        }
    }
    Ok(lines.join("\n"))
}

#[expect(clippy::print_stderr, reason = "the table is on standard output")]
fn say(message: &str) {
    eprintln!("{message}");
}
