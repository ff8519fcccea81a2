//! Random faults for a while, then peace, then the checker.
//!
//! `SOAK_SECONDS` and `SOAK_SEED` say how long and which; the same seed makes the same faults, though not the same
//! timing. Three quarters of the time go to the distributed mode, the rest to standalone. A `main` of its own prints
//! what a run came to (`make soak SECONDS=600 SEED=7`).

#![expect(clippy::unwrap_used, reason = "what cannot be set up or read fails the run at once")]

mod plan;
mod random;
mod run;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use harness::system::Mode;

use run::run;

const SECONDS: u64 = 60;
const SEED: u64 = 1;

#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The test runner's words: a list asks for nothing to be run, and a filter means somebody else's tests.
    if arguments.iter().any(|argument| argument == "--list" || !argument.starts_with('-')) {
        return ExitCode::SUCCESS;
    }
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seconds, seed) = (number("SOAK_SECONDS", SECONDS), number("SOAK_SEED", SEED));
    let time = Duration::from_secs(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut faults = Vec::new();
    for (mode, time) in [(Mode::Distributed, time * 3 / 4), (Mode::Standalone, time / 4)] {
        let (text, found) = runtime.block_on(run(mode, time, seed));
        println!("soak {mode:?}, seed {seed}: {text}");
        faults.extend(found);
    }
    faults.iter().for_each(|fault| println!("{fault}"));
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
