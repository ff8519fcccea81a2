//! What every role does around its work: bind, announce, work, drain.
//!
//! Everything is bound before anything is announced, so a port that is taken ends the start and nothing else. A drain
//! ends when the role says that it is finished, or when its time is up; a second signal ends it at once.

mod egress;
mod ingress;
mod inherited;
mod queue;
mod standalone;
mod topology;
mod worker;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use prometheus_client::registry::Registry;
use proto::Endpoint;
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{AdminServer, Readiness, State};
use crate::config::{Admin, Node};
use crate::ports::Ports;
use crate::signals::Shutdown;

pub(crate) use egress::EgressRole;
pub(crate) use ingress::IngressRole;
pub(crate) use inherited::{Inherited, take as take_inherited};
pub(crate) use standalone::Standalone;
pub(crate) use topology::{apply as topology_apply, show as topology_show};
pub(crate) use worker::WorkerRole;

/// How long a forced role may take to let go of its sockets.
const FORCED_MAX: Duration = Duration::from_secs(1);

/// A role that is bound and has not begun.
pub(crate) trait Role: Send {
    /// In the log.
    const NAME: &'static str;

    /// Where it takes mails; nowhere for those that do not.
    fn lmtp(&self) -> Vec<String>;

    /// Works until it is drained. `readiness` is told whether mails should be sent here.
    fn serve(self, shutdown: Shutdown, readiness: Readiness) -> impl Future<Output = ()> + Send;
}

/// Announces a role, lets it work and drains it. 1 when it was cut short.
///
/// # Errors
/// When the admin port or the ports file cannot be had.
pub(crate) async fn service<R: Role>(
    role: R,
    registry: Registry,
    node: &Node,
    admin: &Admin,
    shutdown: Shutdown,
) -> Result<ExitCode> {
    let readiness = Readiness::new();
    let (tasks, admin_stop) = (TaskTracker::new(), CancellationToken::new());
    let admin_at = match &admin.listen {
        Some(endpoint) => {
            let server = bind_admin(endpoint, admin, registry, readiness.clone()).await?;
            let at = server.local().context("asking for the admin port")?;
            tasks.spawn(server.serve(admin_stop.clone()));
            Some(at)
        }
        None => None,
    };
    let ports = Ports { pid: std::process::id(), lmtp: role.lmtp(), admin: admin_at };
    if let Some(path) = &node.ports_file {
        ports.write(path).with_context(|| format!("writing {}", path.display()))?;
    }
    let admin_at = ports.admin.as_deref().unwrap_or("off");
    tracing::info!(role = R::NAME, lmtp = ports.lmtp.join(" "), admin = admin_at, "started");
    notify(&[NotifyState::Ready]);
    let code = work(role, readiness, node.drain, &shutdown).await;
    admin_stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(code)
}

async fn bind_admin(
    endpoint: &Endpoint,
    admin: &Admin,
    registry: Registry,
    readiness: Readiness,
) -> Result<AdminServer> {
    AdminServer::bind(endpoint, admin.clone(), Arc::new(registry), readiness)
        .await
        .with_context(|| format!("binding the admin port {endpoint}"))
}

async fn work<R: Role>(role: R, readiness: Readiness, drain_max: Duration, shutdown: &Shutdown) -> ExitCode {
    let mut serving = Box::pin(role.serve(shutdown.clone(), readiness.clone()));
    tokio::select! {
        () = &mut serving => return ended(shutdown),
        () = shutdown.drain.cancelled() => {}
        () = shutdown.force.cancelled() => {}
    }
    readiness.set(State::Draining);
    notify(&[NotifyState::Stopping]);
    tokio::select! {
        () = &mut serving => return ended(shutdown),
        () = shutdown.force.cancelled() => {}
        () = tokio::time::sleep(drain_max) => {
            tracing::warn!(limit = ?drain_max, "drain took too long, leaving what is not finished");
            shutdown.force.cancel();
        }
    }
    // Whatever is cut now, the client's server still has.
    if tokio::time::timeout(FORCED_MAX, serving).await.is_err() {
        tracing::debug!("left without waiting");
    }
    ExitCode::FAILURE
}

/// A role that ends although nobody asked it to has failed, and said why.
fn ended(shutdown: &Shutdown) -> ExitCode {
    if shutdown.force.is_cancelled() || !shutdown.drain.is_cancelled() {
        return ExitCode::FAILURE;
    }
    tracing::info!("drained");
    ExitCode::SUCCESS
}

/// Says at the start what is given up.
fn warn_of_no_ledger() {
    tracing::warn!(
        "no ledger: a mail server that tries again after a lost reply brings a second copy of a delivered mail"
    );
}

/// Tells systemd, where it is there.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}
