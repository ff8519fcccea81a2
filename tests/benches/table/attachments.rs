//! The mail of an office through the attachment rules and clamd: how many a second, and what each costs.
//!
//! The goal is stated against amavisd-new, so its rows are of the same run. Each figure is the median of a few rounds,
//! each with mails of its own.

use anyhow::{Context as _, Result};

use crate::load::{Mails, figure, load};
use crate::proc::{self, Cpu};
use crate::report::median;
use crate::setup::{Checks, Running, System};
use crate::{amavis, mail, say};

/// Behind `--only`.
pub(crate) const NAME: &str = "attachments";

const MAIL_BYTES: usize = 60_000;
const CONNECTIONS: [u32; 2] = [1, 10];
const ROUNDS: usize = 3;
const WARM_UP: u32 = 100;

/// One round.
struct Round {
    rate: f64,
    p50_ms: f64,
    /// Per mail, by role.
    cpu_ms: Vec<(&'static str, Cpu)>,
}

/// The rounds of a system at so many connections.
struct Row {
    system: System,
    connections: u32,
    rounds: Vec<Round>,
}

/// Markdown.
pub(crate) async fn table() -> Result<String> {
    let mut rows = Vec::new();
    let mut serial = 0;
    for system in [System::Amavis, System::Standalone, System::Distributed] {
        if system == System::Amavis && !amavis::is_installed() {
            say("amavisd-new is not installed: its rows are left out");
            continue;
        }
        let running = Running::start(system, Checks::ClamdAndAttachments).await;
        let mails = if system == System::Amavis { 200 } else { 1_000 };
        round(&running, 10, WARM_UP, &mut serial).await?;
        for connections in CONNECTIONS {
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push(round(&running, connections, mails, &mut serial).await?);
            }
            rows.push(Row { system, connections, rounds });
        }
    }
    rows.sort_by_key(|row| row.connections);
    Ok(markdown(&rows))
}

async fn round(running: &Running, connections: u32, mails: u32, serial: &mut u64) -> Result<Round> {
    let directory = tempfile::tempdir().context("making a directory")?;
    let files = mail::write(directory.path(), *serial, mails, MAIL_BYTES)?;
    *serial += u64::from(mails);
    let before = running.roles.iter().map(proc::cpu).collect::<Result<Vec<_>>>()?;
    let report = load(&running.entry, Mails::Files(&files), connections, mails).await?;
    let mut cpu_ms = Vec::new();
    for (role, before) in running.roles.iter().zip(before) {
        cpu_ms.push((role.name, proc::cpu(role)?.since(before).per(mails)));
    }
    let rate = figure(&report, "/mails_per_second")?;
    Ok(Round { rate, p50_ms: figure(&report, "/latency_ms/p50")?, cpu_ms })
}

impl Row {
    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure))
    }

    /// CPU of the filter itself: all but clamd and the next hop.
    fn own(&self) -> f64 {
        self.median(|round| round.sum(is_own, |cpu| cpu.all))
    }
}

impl Round {
    fn sum(&self, is_counted: fn(&str) -> bool, of: fn(&Cpu) -> f64) -> f64 {
        self.cpu_ms.iter().filter(|(role, _)| is_counted(role)).map(|(_, cpu)| of(cpu)).sum()
    }
}

fn is_own(role: &str) -> bool {
    !matches!(role, "clamd" | "sink")
}

fn markdown(rows: &[Row]) -> String {
    let mut lines = vec![
        "| connections | system | mails/s | × amavisd-new | own CPU ms per mail | of amavisd-new's | of it inspecting \
         | clamd CPU ms per mail | p50 ms | own CPU by role |"
            .to_owned(),
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|---|".to_owned(),
    ];
    for row in rows {
        let amavis =
            rows.iter().find(|other| other.system == System::Amavis && other.connections == row.connections);
        let rate = row.median(|round| round.rate);
        let ratio = amavis.map_or(f64::NAN, |amavis| rate / amavis.median(|round| round.rate));
        let share = amavis.map_or(f64::NAN, |amavis| row.own() / amavis.own());
        // amavisd's children are all that it is.
        let inspecting = match row.system {
            System::Amavis => "-".to_owned(),
            _ => format!(
                "{:.2}",
                row.median(
                    |round| round.sum(|role| matches!(role, "standalone" | "worker"), |cpu| cpu.children)
                )
            ),
        };
        lines.push(format!(
            "| {} | {} | {rate:.0} | {ratio:.1} | {:.2} | {share:.3} | {inspecting} | {:.2} | {:.2} | {} |",
            row.connections,
            row.system.name(),
            row.own(),
            row.median(|round| round.sum(|role| role == "clamd", |cpu| cpu.all)),
            row.median(|round| round.p50_ms),
            by_role(row),
        ));
    }
    lines.join("\n")
}

fn by_role(row: &Row) -> String {
    let Some(first) = row.rounds.first() else { return String::new() };
    let names = first.cpu_ms.iter().map(|(role, _)| *role).filter(|role| is_own(role));
    let of = |name: &str| {
        let of_round = |round: &Round| {
            round.cpu_ms.iter().filter(|(role, _)| *role == name).map(|(_, cpu)| cpu.all).sum()
        };
        format!("{name} {:.2}", row.median(of_round))
    };
    names.map(of).collect::<Vec<_>>().join(", ")
}
