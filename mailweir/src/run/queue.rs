//! What the three distributed roles share: the connection to the queue, and what its state means for readiness.

use anyhow::{Context as _, Result};
use bus::{Bus, Reachability, Settings};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::admin::{Readiness, State};
use crate::config::Sections;

use super::warn_of_no_ledger;

/// Connects in the background: a queue that is down keeps nobody from starting.
///
/// # Errors
/// For settings that cannot work.
pub(super) async fn connect(sections: &Sections, role: &str, registry: &mut Registry) -> Result<Bus> {
    let metrics = bus::Metrics::register(registry);
    let hostname = &sections.ingress.server.hostname;
    let name = format!("mailweir {role} {hostname} {}", std::process::id());
    if !sections.ledger.enabled {
        warn_of_no_ledger();
    }
    let settings = Settings { failpoints: sections.failpoints.clone(), ..sections.bus.clone() };
    Bus::connect(settings, &name, metrics).await.context("setting up the queue")
}

/// Keeps `readiness` in step with the queue, and tells `changed` of each change; never ends by itself.
pub(super) async fn follow(
    mut reachability: watch::Receiver<Reachability>,
    readiness: &Readiness,
    changed: impl Fn(&Reachability),
) {
    loop {
        {
            let now = reachability.borrow_and_update();
            changed(&now);
            readiness.set(if now.is_reachable() { State::Ready } else { State::Unreachable });
        }
        if reachability.changed().await.is_err() {
            // The bus is gone, and so is whoever waits for us.
            return std::future::pending().await;
        }
    }
}
