//! `mailweir ingress`: takes mails, asks the queue, answers.
//!
//! While the queue cannot be used, is too full, or mails wait in it for too long, every MAIL gets 451 before its content travels. The port stays open: a mail server
//! takes a closed one for a dead filter and stops feeding it.

use std::sync::Arc;

use anyhow::Result;
use bus::{Bus, Client, Fill};
use ingress::overload::{Limits, Load, Overload};
use ingress::{Gate, Listener, Server};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::admin::Readiness;
use crate::config::Sections;
use crate::pipeline::Queued;
use crate::signals::Shutdown;

use super::Role;
use super::inherited::{Inherited, listeners};
use super::queue::{connect, follow};

/// Bound and ready to work.
pub(crate) struct IngressRole {
    bus: Bus,
    server: Server<Queued>,
    fill: watch::Receiver<Fill>,
    overload: Limits,
    listeners: Vec<Listener>,
}

impl IngressRole {
    /// Binds everything.
    ///
    /// # Errors
    /// When a listener cannot be bound, or the queue's settings cannot work.
    pub(crate) async fn bind(
        sections: &Sections,
        inherited: Vec<Inherited>,
        registry: &mut Registry,
    ) -> Result<Self> {
        let listeners = listeners(inherited, &sections.ingress.listen).await?;
        let bus = connect(sections, Self::NAME, registry).await?;
        let client = Client::new(&bus);
        let (fill, overload) = (client.fill(), sections.ingress.overload);
        let pipeline = Arc::new(Queued(client));
        let metrics = ingress::Metrics::register(registry);
        let server = Server::new(sections.ingress.server.clone(), pipeline, metrics);
        Ok(Self { bus, server, fill, overload, listeners })
    }
}

impl Role for IngressRole {
    const NAME: &'static str = "ingress";

    fn lmtp(&self) -> Vec<String> {
        self.listeners.iter().map(|listener| listener.local().to_string()).collect()
    }

    async fn serve(self, shutdown: Shutdown, readiness: Readiness) {
        let gate = self.server.gate();
        let following = follow(self.bus.reachability(), &readiness, |now| {
            if now.is_reachable() {
                gate.open();
            } else {
                gate.close("the queue cannot be reached");
            }
        });
        tokio::select! {
            () = following => {}
            () = shed(self.fill, self.overload, self.server.gate()) => {}
            () = self.server.serve(self.listeners, shutdown.drain, shutdown.force) => {}
        }
        self.bus.shutdown().await;
    }
}

/// Closes `gate` while mails wait too long or the queue is too full; ends with the queue.
async fn shed(mut fill: watch::Receiver<Fill>, limits: Limits, gate: Gate) {
    let mut overload = Overload::new(limits);
    while fill.changed().await.is_ok() {
        let Fill { fill, wait } = *fill.borrow_and_update();
        match overload.observe(&Load { wait, fill }) {
            Some(reason) => gate.close(reason),
            None => gate.open(),
        }
    }
}
