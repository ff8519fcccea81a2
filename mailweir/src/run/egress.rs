//! `mailweir egress`: takes judged mails from the queue and gives them to the next hop.

use std::sync::Arc;

use anyhow::Result;
use bus::{Bus, Hold};
use egress::{Claim, Fence, Relay, Results};
use prometheus_client::registry::Registry;
use proto::{Position, Reply};

use crate::admin::Readiness;
use crate::config::Sections;
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
                let fence = HoldFence(job.hold);
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

/// Grants as long as the queue's message is still ours: another egress may have it by now, and would deliver too.
struct HoldFence(Hold);

impl Fence for HoldFence {
    async fn claim(&self, _: &[Position]) -> Claim {
        if self.0.is_held() {
            Claim::Granted
        } else {
            Claim::Refused(Reply::enhanced(451, 4, 5, "given to another egress meanwhile, try again later"))
        }
    }

    async fn record(&self, _: &Results) {}
}
