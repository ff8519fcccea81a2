//! Memory: roles that do nothing, and with more large mails at once than the ingress takes.

use anyhow::{Result, ensure};

use crate::proc;
use crate::setup::{Checks, Running, System};

/// Behind `--only`.
pub(crate) const NAME: &str = "memory";

/// Markdown.
pub(crate) async fn table() -> Result<String> {
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
