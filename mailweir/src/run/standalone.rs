//! `mailweir standalone`: all roles in one process, without a queue.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use egress::Relay;
use ingress::{Gate, Listener, Server};
use ledger::Ledger;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use worker::Scanner;

use crate::admin::{Readiness, State};
use crate::config::Sections;
use crate::inspect;
use crate::pipeline::{Direct, Filter, Lanes, ScanBudget};
use crate::signals::Shutdown;

use super::inherited::{Inherited, listeners};
use super::worker::scanning;
use super::{Role, warn_of_no_ledger};

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
    /// When a listener cannot be bound, or the ledger cannot be opened.
    pub(crate) async fn bind(
        sections: &Sections,
        inherited: Vec<Inherited>,
        registry: &mut Registry,
    ) -> Result<Self> {
        let listeners = listeners(inherited, &sections.ingress.listen).await?;
        let filter = Filter {
            scanner: Scanner::new(
                sections.scanner.clone(),
                inspect::program(sections.has_inspect_faults),
                worker::Metrics::register(registry),
            ),
            relay: Relay::new(sections.relay.clone(), egress::Metrics::register(registry)),
            lanes: Lanes::new(sections.worker.slots),
            budget: ScanBudget::new(&sections.worker),
        };
        let pipeline = Arc::new(Direct {
            filter: Arc::new(filter),
            ledger: open_ledger(sections, registry).await?,
            failpoints: sections.failpoints.clone(),
        });
        let metrics = ingress::Metrics::register(registry);
        let server = Server::new(sections.ingress.server.clone(), pipeline.clone(), metrics);
        Ok(Self { server, pipeline, listeners })
    }
}

/// The ledger, unless it is switched off.
async fn open_ledger(sections: &Sections, registry: &mut Registry) -> Result<Option<Ledger>> {
    let in_flight = sections.ingress.server.in_flight_bytes_max;
    let Some(settings) = sections.ledger.standalone(in_flight, &sections.failpoints) else {
        warn_of_no_ledger();
        return Ok(None);
    };
    let metrics = ledger::Metrics::register(registry);
    let opening = tokio::task::spawn_blocking(move || Ledger::open(settings, metrics));
    Ok(Some(opening.await.context("opening the ledger")??))
}

impl Role for Standalone {
    const NAME: &'static str = "standalone";

    fn lmtp(&self) -> Vec<String> {
        self.listeners.iter().map(|listener| listener.local().to_string()).collect()
    }

    async fn serve(self, shutdown: Shutdown, readiness: Readiness) {
        let (gate, drain) = (self.server.gate(), shutdown.drain.clone());
        let serving = self.server.serve(self.listeners, shutdown.drain, shutdown.force.clone());
        let filter = self.pipeline.filter.clone();
        tokio::select! {
            () = follow(self.pipeline.ledger.as_ref().map(Ledger::is_writable), &gate, &readiness) => {}
            () = scanning(&filter.scanner, &drain, serving) => {}
        }
        if let Some(ledger) = Arc::into_inner(self.pipeline).and_then(|pipeline| pipeline.ledger) {
            // What goes on without a client that waits for it.
            tokio::select! {
                () = ledger.finished() => {}
                () = shutdown.force.cancelled() => {}
            }
            ledger.close().await;
        }
        filter.relay.shutdown().await;
    }
}

/// Keeps mails out while the ledger cannot be written; never ends by itself.
async fn follow(is_writable: Option<watch::Receiver<bool>>, gate: &Gate, readiness: &Readiness) {
    let Some(mut is_writable) = is_writable else {
        readiness.set(State::Ready);
        return std::future::pending().await;
    };
    loop {
        if *is_writable.borrow_and_update() {
            gate.open();
            readiness.set(State::Ready);
        } else {
            gate.close("the ledger cannot be written");
            readiness.set(State::Unwritable);
        }
        if is_writable.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
