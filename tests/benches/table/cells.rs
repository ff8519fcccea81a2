//! The large table: every system, with and without checks, by size of mail and number of connections.

use anyhow::Result;

use crate::load::{Mails, figure, load};
use crate::report::{self, Cell};
use crate::setup::{Checks, Running, System};
use crate::{amavis, proc, say};

/// Behind `--only`.
pub(crate) const NAME: &str = "table";

const SIZES: [(&str, u32); 3] = [("4k", 6_000), ("60k", 2_000), ("1 MB", 200)];
const CONNECTIONS: [u32; 3] = [1, 10, 50];
const SYSTEMS: [(System, Checks); 9] = [
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

/// Whether rows have that for a system, checks or a size.
pub(crate) fn has_row(word: &str) -> bool {
    SIZES.iter().any(|(size, _)| *size == word)
        || SYSTEMS.iter().any(|(system, checks)| system.name() == word || checks.name() == word)
}

/// Markdown, of the rows of which `only` names the system, the checks or the size; of all when it is empty.
pub(crate) async fn table(only: &[String]) -> Result<String> {
    let mut cells = Vec::new();
    for (system, checks) in SYSTEMS {
        let is_named = |word: &str| only.is_empty() || only.iter().any(|name| name == word);
        let is_all = system == System::Direct || is_named(system.name()) || is_named(checks.name());
        let sizes: Vec<_> = SIZES.into_iter().filter(|(size, _)| is_all || is_named(size)).collect();
        if sizes.is_empty() {
            continue;
        }
        if system == System::Amavis && !amavis::is_installed() {
            say("amavisd-new is not installed: its rows are left out");
            continue;
        }
        let running = Running::start(system, checks).await;
        load(&running.entry, Mails::Generated { size: "4k", seed: 1 }, 10, 200).await?;
        let cases = sizes.into_iter().flat_map(|size| CONNECTIONS.map(|connections| (size, connections)));
        for (((size, mails), connections), seed) in cases.zip(2..) {
            cells.push(cell(&running, (system, checks), (size, mails), connections, seed).await?);
        }
    }
    cells.sort_by_key(|cell| (SIZES.iter().position(|(size, _)| *size == cell.size), cell.connections));
    Ok(report::markdown(&cells))
}

async fn cell(
    running: &Running,
    (system, checks): (System, Checks),
    (size, mails): (&'static str, u32),
    connections: u32,
    seed: u64,
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
    let before = running.roles.iter().map(proc::cpu).collect::<Result<Vec<_>>>()?;
    let result = load(&running.entry, Mails::Generated { size, seed }, connections, mails).await?;
    let mut cpu_ms = Vec::new();
    let mut peak_mib = Vec::new();
    for (role, before) in running.roles.iter().zip(before) {
        cpu_ms.push((role.name, proc::cpu(role)?.since(before).per(mails).all));
        peak_mib.push((role.name, proc::peak_mib(role)?));
    }
    Ok(Cell {
        system: system.name(),
        checks: checks.name(),
        size,
        connections,
        rate: figure(&result, "/mails_per_second")?,
        p50_ms: figure(&result, "/latency_ms/p50")?,
        p99_ms: figure(&result, "/latency_ms/p99")?,
        cpu_ms,
        peak_mib,
    })
}
