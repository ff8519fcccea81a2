//! Tables from one run: the load generator against the sink directly, through standalone, through the distributed
//! roles on this machine, and through amavisd-new where it is installed.
//!
//! Every figure of a table was measured in that run on that machine; compare rows of one table, not tables of two
//! machines. `--only WORD …` runs the parts of these names: `table`, `attachments`, `feed`, `hop`, `retries`, `memory`;
//! and of the large table the rows whose system, checks or size is one of the words.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints tables or ends")]

mod amavis;
mod attachments;
mod cells;
mod feed;
mod hop;
mod join;
mod load;
mod mail;
mod memory;
mod proc;
mod report;
mod setup;

use anyhow::{Result, ensure};

const PARTS: [&str; 6] = [cells::NAME, attachments::NAME, feed::NAME, hop::NAME, join::NAME, memory::NAME];

fn main() -> Result<()> {
    // cargo puts `--bench` behind them.
    let words = std::env::args().skip_while(|arg| arg != "--only").filter(|arg| !arg.starts_with("--"));
    let (parts, rows): (Vec<String>, Vec<String>) = words.partition(|word| PARTS.contains(&word.as_str()));
    for row in &rows {
        ensure!(cells::has_row(row), "nothing is called {row}; the parts are {}", PARTS.join(", "));
    }
    let wants = |part: &str| {
        let is_named = parts.iter().any(|word| word == part);
        is_named || (parts.is_empty() && (rows.is_empty() || part == cells::NAME))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build()?;
    runtime.block_on(async {
        for part in PARTS.into_iter().filter(|part| wants(part)) {
            let table = match part {
                attachments::NAME => attachments::table().await?,
                feed::NAME => feed::table().await?,
                hop::NAME => hop::table().await?,
                join::NAME => join::table().await,
                memory::NAME => memory::table().await?,
                _ => cells::table(&rows).await?,
            };
            println!("{table}\n");
        }
        Ok(())
    })
}

#[expect(clippy::print_stderr, reason = "the tables are on standard output")]
fn say(message: &str) {
    eprintln!("{message}");
}
