//! Everything that needs the finished binary or a real server; one file per subject.

#![expect(clippy::unwrap_used, reason = "what cannot be set up or read fails the test at once")]

/// For each function `async fn name(mode: Mode)` one test in each mode, that takes a `light` place or all (`heavy`).
macro_rules! in_both_modes {
    ($place:ident; $($name:ident),+ $(,)?) => {
        mod standalone {
            $(
                #[tokio::test]
                async fn $name() {
                    let _place = harness::machine::$place().await;
                    super::$name(harness::system::Mode::Standalone).await;
                }
            )+
        }
        mod distributed {
            $(
                #[tokio::test]
                async fn $name() {
                    let _place = harness::machine::$place().await;
                    super::$name(harness::system::Mode::Distributed).await;
                }
            )+
        }
    };
}

mod bombs;
mod canary;
mod clamd;
mod command;
mod content;
mod contract;
mod documents;
mod faults_nats;
mod feed;
mod fixtures;
mod hostile;
mod inspect;
mod ledger;
mod load;
mod mutants;
mod nats;
mod overload;
mod postfix;
mod spam;
mod tools;
mod workers;
