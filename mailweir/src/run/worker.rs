//! `mailweir worker`: takes mails from the queue, scans them, puts verdicts back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bus::{Bus, Slots, Work};
use prometheus_client::registry::Registry;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use worker::Scanner;

use crate::admin::Readiness;
use crate::config::Sections;
use crate::inspect;
use crate::pipeline::ScanBudget;
use crate::signals::Shutdown;

use super::Role;
use super::queue::{connect, follow};

/// How long mails wait at the start for scanners to prove themselves.
const PROOF_MAX: Duration = Duration::from_secs(20);

/// Connected and ready to work.
pub(crate) struct WorkerRole {
    bus: Bus,
    scanner: Arc<Scanner>,
    slots: Slots,
    budget: ScanBudget,
}

impl WorkerRole {
    /// Sets everything up.
    ///
    /// # Errors
    /// When the queue's settings cannot work.
    pub(crate) async fn bind(sections: &Sections, registry: &mut Registry) -> Result<Self> {
        let metrics = worker::Metrics::register(registry);
        Ok(Self {
            bus: connect(sections, Self::NAME, registry).await?,
            scanner: Arc::new(Scanner::new(
                sections.scanner.clone(),
                inspect::program(sections.has_inspect_faults),
                metrics,
            )),
            slots: sections.worker.slots,
            budget: ScanBudget::new(&sections.worker),
        })
    }
}

impl Role for WorkerRole {
    const NAME: &'static str = "worker";

    fn lmtp(&self) -> Vec<String> {
        Vec::new()
    }

    async fn serve(self, shutdown: Shutdown, readiness: Readiness) {
        let (scanner, budget, drain) = (self.scanner.clone(), self.budget, shutdown.drain.clone());
        let serving = self.bus.serve_scan(self.slots, shutdown.drain, move |work| {
            let scanner = scanner.clone();
            async move {
                match work {
                    Work::Scan(job) => {
                        let now = tokio::time::Instant::now().into_std();
                        scanner.scan(&job.mail, budget.deadline(job.deadline, now)).await
                    }
                    Work::Poisoned(job) => scanner.poisoned(&job.envelope),
                }
            }
        });
        let working = async {
            tokio::select! {
                () = follow(self.bus.reachability(), &readiness, |_| {}) => {}
                () = serving => {}
            }
        };
        Box::pin(scanning(&self.scanner, &drain, working)).await;
        self.bus.shutdown().await;
    }
}

/// Does `work`, with scanners that have proved themselves and go on doing so. Says at the start what mails are scanned by,
/// and that they are not scanned for viruses where that is so. No mail is taken before; but nobody waits long for a
/// scanner that does not answer, nor for children.
pub(super) async fn scanning(scanner: &Scanner, drain: &CancellationToken, work: impl Future) {
    let is_told = tokio::select! {
        told = timeout(PROOF_MAX, tell_hosts(scanner)) => told.is_ok(),
        () = drain.cancelled() => true,
    };
    if !is_told {
        tracing::warn!("scanners take long to prove themselves; mails are tempfailed until they have");
    }
    let working = async { tokio::join!(start_inspecting(scanner), work) };
    tokio::select! {
        _ = working => {}
        () = scanner.watch() => {}
    }
}

/// Starts the processes that parse and says what holds them.
async fn start_inspecting(scanner: &Scanner) {
    match scanner.start_inspecting().await {
        None => return,
        Some(Ok(in_force)) => {
            tracing::info!(
                in_force = inspect::described(&in_force),
                "mails are parsed in processes of their own"
            );
            for missing in in_force.missing {
                tracing::warn!(missing, "this system does not hold the processes that parse as it could");
            }
        }
        Some(Err(why)) => tracing::warn!("the inspecting process {why}"),
    }
    scanner.warm().await;
}

async fn tell_hosts(scanner: &Scanner) {
    if !scanner.looks_for_viruses() {
        tracing::warn!("no clamd is set: mails are not scanned for viruses, only the attachment rules run");
    }
    for host in scanner.check().await {
        let (scanner, endpoint) = (&host.scanner, &host.endpoint);
        match host.version {
            Ok(version) => tracing::info!(scanner, %endpoint, version, "a scanner answers"),
            Err(why) => tracing::warn!(scanner, %endpoint, why, "a scanner does not answer"),
        }
    }
}
