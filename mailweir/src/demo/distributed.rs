//! The demonstration with processes: nats-server, one ingress, two workers, one egress, and a worker that is killed.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use proto::Endpoint;
use tempfile::TempDir;

use crate::config::Sections;
use crate::output;

use super::clamd::Clamd;
use super::next_hop::NextHop;
use super::process::{Process, endpoint, in_path};
use super::{cases, client, kill, ports, tell};

/// Everything that runs; gone when dropped.
pub(super) struct Installation {
    pub(super) filter: Endpoint,
    /// The worker that will be killed, and its clamd.
    pub(super) victim: Process,
    pub(super) victim_clamd: Clamd,
    _others: Vec<Process>,
    _other_clamd: Clamd,
    _directory: TempDir,
}

/// Runs the demonstration.
pub(super) async fn run(sections: Sections) -> Result<ExitCode> {
    let (filter_port, next_hop_port) = ports(&sections);
    let next_hop = NextHop::start(next_hop_port, &sections.sink).await?;
    let installation = start(filter_port, &next_hop.endpoint).await?;
    output::result(format_args!(
        "mails in by LMTP at {}, over NATS, out by SMTP to {}; clamd is a stand-in that finds nothing",
        installation.filter, next_hop.endpoint
    ));
    let cases = cases::all(&sections.scanner.policy, false);
    let rows = client::send_all(&installation.filter, &next_hop, &cases).await?;
    let code = tell(&rows);
    let nothing_lost = kill::demonstrate(installation, &next_hop).await?;
    Ok(if nothing_lost { code } else { ExitCode::FAILURE })
}

async fn start(filter_port: u16, next_hop: &Endpoint) -> Result<Installation> {
    let directory =
        tempfile::Builder::new().prefix("mailweir-demo-").tempdir().context("making a directory")?;
    let at = directory.path();
    let (nats, nats_url) = start_nats(at).await?;
    let (victim_clamd, other_clamd) = (Clamd::start().await?, Clamd::start().await?);
    let role = |name: &str, arguments: &[(&str, String)]| -> Result<Process> {
        let mut all = vec![name.split('-').next().unwrap_or(name).to_owned()];
        let common = [("--nats", nats_url.clone()), ("--ports-file", ports_file(at, name))];
        for (flag, value) in common.iter().chain(arguments) {
            all.extend([(*flag).to_owned(), value.clone()]);
        }
        let program = std::env::current_exe().context("finding our own binary")?;
        Process::start(name, &program, &all, at)
    };
    let mut ingress = role("ingress", &[("--listen", format!("127.0.0.1:{filter_port}"))])?;
    let mut victim = role("worker-1", &[("--clamd", victim_clamd.endpoint.to_string())])?;
    let mut other = role("worker-2", &[("--clamd", other_clamd.endpoint.to_string())])?;
    let mut egress = role("egress", &[("--next-hop", next_hop.to_string())])?;
    let listening = ingress.ports(Path::new(&ports_file(at, "ingress"))).await?;
    for (process, name) in [(&mut victim, "worker-1"), (&mut other, "worker-2"), (&mut egress, "egress")] {
        process.ports(Path::new(&ports_file(at, name))).await?;
    }
    Ok(Installation {
        filter: endpoint(&listening, "lmtp")?,
        victim,
        victim_clamd,
        _others: vec![nats, ingress, other, egress],
        _other_clamd: other_clamd,
        _directory: directory,
    })
}

async fn start_nats(directory: &Path) -> Result<(Process, String)> {
    let path = |name: &str| directory.join(name).display().to_string();
    let arguments = ["--addr", "127.0.0.1", "--port", "-1", "--jetstream", "--store_dir", &path("store")];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
    arguments.extend(["--ports_file_dir".to_owned(), directory.display().to_string()]);
    let program = in_path("nats-server").or_else(|error| {
        // Debian puts it where ordinary users' PATH does not look.
        let debian = Path::new("/usr/sbin/nats-server");
        debian.is_file().then(|| debian.to_owned()).ok_or(error)
    })?;
    let mut nats = Process::start("nats-server", &program, &arguments, directory)?;
    let id = nats.id().context("nats-server ended at once")?;
    let file = directory.join(format!("nats-server_{id}.ports"));
    let ports = nats.ports(&file).await?;
    let url = format!("nats://{}", endpoint(&ports, "nats")?);
    Ok((nats, url))
}

fn ports_file(directory: &Path, name: &str) -> String {
    directory.join(format!("{name}.ports.json")).display().to_string()
}
