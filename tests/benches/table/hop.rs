//! What it costs that mails are parsed in another process: its time for a mail, less the parsing itself.
//!
//! Both are metrics of the worker, so the figures are of the mails that the load generator sent. The content is one
//! that the attachment rules read in full: the generator's own. The median of a few rounds.

use anyhow::{Context as _, Result};
use harness::node::Node;

use crate::load::{Mails, load};
use crate::report::median;

/// Behind `--only`.
pub(crate) const NAME: &str = "hop";

const SIZES: [(&str, u32); 4] = [("4k", 4_000), ("60k", 2_000), ("1 MB", 200), ("50 MB", 10)];
const CONNECTIONS: [u32; 2] = [1, 10];
const ROUNDS: u64 = 3;

/// Markdown.
pub(crate) async fn table() -> Result<String> {
    let directory = tempfile::tempdir().context("making a directory")?;
    let socket = format!("unix:{}", directory.path().join("sink.sock").display());
    let text = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let _sink = Node::start("sink", &text(&["sink", "--listen", &socket]), directory.path()).await;
    let any = "127.0.0.1:0";
    let standalone = ["standalone", "--no-ledger", "--listen", any, "--admin", any, "--next-hop", &socket];
    let node = Node::start("standalone", &text(&standalone), directory.path()).await;
    let entry = node.endpoint("lmtp");
    load(&entry, Mails::Generated { size: "4k", seed: 1 }, 10, 500).await?;
    let mut lines = vec![
        "| size | connections | in the process ms | of it parsing ms | hop ms |".to_owned(),
        "|---|--:|--:|--:|--:|".to_owned(),
    ];
    for (size, mails) in SIZES {
        for connections in CONNECTIONS {
            let mut rounds = Vec::new();
            for seed in 0..ROUNDS {
                let before = Sums::of(&node).await?;
                load(&entry, Mails::Generated { size, seed }, connections, mails).await?;
                let after = Sums::of(&node).await?;
                let ms = |sum: fn(&Sums) -> f64| (sum(&after) - sum(&before)) * 1_000.0 / f64::from(mails);
                rounds.push((ms(|sums| sums.all), ms(|sums| sums.parsing)));
            }
            let all = median(rounds.iter().map(|round| round.0));
            let parsing = median(rounds.iter().map(|round| round.1));
            let hop = median(rounds.iter().map(|(all, parsing)| all - parsing));
            lines.push(format!("| {size} | {connections} | {all:.3} | {parsing:.3} | {hop:.3} |"));
        }
    }
    Ok(lines.join("\n"))
}

/// Seconds since the start.
struct Sums {
    all: f64,
    parsing: f64,
}

impl Sums {
    async fn of(node: &Node) -> Result<Self> {
        let metrics = node.admin("/metrics").await;
        let sum = |name: &str| {
            let line =
                metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_seconds_sum "));
            line.and_then(|value| value.parse().ok()).with_context(|| format!("{name} is missing"))
        };
        Ok(Self { all: sum("mailweir_worker_inspect")?, parsing: sum("mailweir_worker_inspect_parsing")? })
    }
}
