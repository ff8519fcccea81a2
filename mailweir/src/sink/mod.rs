//! `mailweir sink`: a next hop that counts, and can be told to store, refuse, delay or drop.
//!
//! It speaks SMTP and LMTP by the ingress's own session, so it is as strict as the filter itself.

mod connection;
mod pattern;
mod server;
mod store;
mod totals;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use proto::Endpoint;

use crate::config::{Node, Sink};
use crate::output;
use crate::ports::Ports;
use crate::signals::Shutdown;

pub(crate) use server::SinkServer;
pub(crate) use store::Keeper;

use store::Store;

/// Runs the command until a signal, then prints the totals.
///
/// # Errors
/// When it cannot listen or store.
pub(crate) async fn command(mut settings: Sink, node: &Node, shutdown: &Shutdown) -> Result<ExitCode> {
    if settings.any_port {
        settings.listen = vec![Endpoint::Tcp { host: "127.0.0.1".into(), port: 0 }];
    }
    let as_json = settings.json;
    let keeper = match &settings.store {
        Some(directory) => {
            let store = Store::open(directory).with_context(|| format!("opening {}", directory.display()))?;
            Some(Arc::new(store) as Arc<dyn Keeper>)
        }
        None => None,
    };
    let server = SinkServer::bind(settings, keeper).await.context("listening")?;
    let ports =
        Ports { pid: std::process::id(), lmtp: server.local().context("asking for the ports")?, admin: None };
    if let Some(path) = &node.ports_file {
        ports.write(path).with_context(|| format!("writing {}", path.display()))?;
    }
    for endpoint in &ports.lmtp {
        if as_json {
            output::result(serde_json::json!({ "listening": endpoint }));
        } else {
            output::result(format_args!("listening on {endpoint}"));
        }
    }
    let totals = server.totals();
    server.serve(shutdown.clone()).await;
    let counted = totals.counted();
    if as_json {
        output::result(serde_json::to_string(&counted).context("writing the totals")?);
    } else {
        output::result(counted);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
