//! One process fault after the other, with real processes: what the client saw, how many copies came, how long until
//! mail flowed as before.
//!
//! One table, printed at the end, so this target has a `main` of its own: the test runner would swallow it. Arguments
//! choose rows by their first letters (`cargo test --test faults -- F14 F38`). A row is a set-up, a fault and what is
//! allowed; each is judged by the checker, so nothing is ever lost, wrong, crossed, changed,
//! stuck or left behind in any of them.

#![expect(clippy::unwrap_used, reason = "what cannot be set up or read fails the row at once")]

mod client;
mod network;
mod overload;
mod points;
mod row;
mod shutdown;
mod table;
mod workers;
mod world;

use std::process::ExitCode;

use harness::machine::{heavy, light};

use row::{Line, Outcome, Row, Weight};

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let rows = chosen(&arguments);
    let lines = run(rows);
    println!("\n{}", table::of(&lines));
    let faults: Vec<String> = lines.iter().flat_map(Line::faults).collect();
    for fault in &faults {
        println!("{fault}");
    }
    println!("{} rows, {} faults", lines.len(), faults.len());
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All rows, or those whose id begins as an argument says; the test runner's flags mean nothing here.
fn chosen(arguments: &[String]) -> Vec<Row> {
    let all = {
        let rows = [
            points::rows(),
            client::rows(),
            workers::rows(),
            network::rows(),
            shutdown::rows(),
            overload::rows(),
        ];
        rows.into_iter().flatten()
    };
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen =
        |row: &Row| words.is_empty() || words.iter().any(|word| row.id.starts_with(word.as_str()));
    all.filter(is_chosen).collect()
}

/// As many at a time as the machine bears, each in a thread with a runtime of its own, so that a row that panics is a
/// fault of that row; the lines in the order of the rows.
fn run(rows: Vec<Row>) -> Vec<Line> {
    let threads: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let line = Line::new(&row);
            (line, std::thread::spawn(move || alone(&row)))
        })
        .collect();
    let lines = threads.into_iter().map(|(line, thread)| Line { outcome: thread.join().ok(), ..line });
    lines.collect()
}

fn alone(row: &Row) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _place = match row.weight {
            Weight::Light => light().await,
            Weight::Heavy => heavy().await,
        };
        (row.run)().await
    })
}
