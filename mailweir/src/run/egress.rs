//! `mailweir egress`: takes judged mails from the queue and gives them to the next hop.

use std::sync::Arc;

use anyhow::Result;
use bus::Bus;
use egress::Relay;
use prometheus_client::registry::Registry;

use crate::admin::Readiness;
use crate::config::Sections;
use crate::fence::Claims;
use crate::signals::Shutdown;

use super::Role;
use super::queue::{connect, follow};

/// Connected and ready to work.
pub(crate) struct EgressRole {
    bus: Bus,
    relay: Arc<Relay>,
    slots: usize,
}

impl EgressRole {
    /// Sets everything up.
    ///
    /// # Errors
    /// When the queue's settings cannot work.
    pub(crate) async fn bind(sections: &Sections, registry: &mut Registry) -> Result<Self> {
        let metrics = egress::Metrics::register(registry);
        Ok(Self {
            bus: connect(sections, Self::NAME, registry).await?,
            relay: Arc::new(Relay::new(sections.relay.clone(), metrics)),
            slots: sections.relay_slots,
        })
    }
}

impl Role for EgressRole {
    const NAME: &'static str = "egress";

    fn lmtp(&self) -> Vec<String> {
        Vec::new()
    }

    async fn serve(self, shutdown: Shutdown, readiness: Readiness) {
        let relay = self.relay.clone();
        let serving = self.bus.serve_relay(self.slots, shutdown.drain, move |job| {
            let relay = relay.clone();
            async move {
                let fence = Claims(job.claims);
                relay.deliver(&job.mail, &job.verdict, &fence, &*job.early, job.deadline).await
            }
        });
        tokio::select! {
            () = follow(self.bus.reachability(), &readiness, |_| {}) => {}
            () = serving => {}
        }
        self.relay.shutdown().await;
        self.bus.shutdown().await;
    }
}
