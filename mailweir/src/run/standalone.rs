//! `mailweir standalone`: all roles in one process, without a queue.

use std::sync::Arc;

use anyhow::Result;
use egress::Relay;
use ingress::{Listener, Server};
use prometheus_client::registry::Registry;
use worker::Scanner;

use crate::admin::{Readiness, State};
use crate::config::Sections;
use crate::pipeline::{Direct, Lanes, ScanBudget};
use crate::signals::Shutdown;

use super::Role;
use super::inherited::{Inherited, listeners};
use super::worker::tell_scanners;

/// Bound and ready to work.
pub(crate) struct Standalone {
    server: Server<Direct>,
    pipeline: Arc<Direct>,
    listeners: Vec<Listener>,
}

impl Standalone {
    /// Binds everything.
    ///
    /// # Errors
    /// When a listener cannot be bound.
    pub(crate) async fn bind(
        sections: &Sections,
        inherited: Vec<Inherited>,
        registry: &mut Registry,
    ) -> Result<Self> {
        let scanner = Scanner::new(sections.scanner.clone(), worker::Metrics::register(registry));
        let relay = Relay::new(sections.relay.clone(), egress::Metrics::register(registry));
        let pipeline = Arc::new(Direct {
            scanner,
            relay,
            lanes: Lanes::new(sections.worker.slots),
            budget: ScanBudget::new(&sections.worker),
        });
        let metrics = ingress::Metrics::register(registry);
        let server = Server::new(sections.ingress.server.clone(), pipeline.clone(), metrics);
        Ok(Self { server, pipeline, listeners: listeners(inherited, &sections.ingress.listen).await? })
    }
}

impl Role for Standalone {
    const NAME: &'static str = "standalone";

    fn lmtp(&self) -> Vec<String> {
        self.listeners.iter().map(|listener| listener.local().to_string()).collect()
    }

    async fn serve(self, shutdown: Shutdown, readiness: Readiness) {
        readiness.set(State::Ready);
        // Nobody waits for a clamd that does not answer.
        tokio::join!(
            tell_scanners(&self.pipeline.scanner),
            self.server.serve(self.listeners, shutdown.drain, shutdown.force)
        );
        self.pipeline.relay.shutdown().await;
    }
}
