//! The demonstration's own next hop: the sink, keeping what it gets in memory.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use proto::{Endpoint, Envelope};
use tokio::task::JoinSet;

use crate::config::Sink;
use crate::signals::Shutdown;
use crate::sink::{Keeper, SinkServer};

use super::cases::REFUSED;

/// One mail at the next hop.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) envelope: Envelope,
    pub(super) content: Bytes,
}

/// All mails so far.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Received>>);

impl Keeper for Kept {
    fn keep(&self, envelope: &Envelope, content: &Bytes) -> io::Result<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Received { envelope: envelope.clone(), content: content.clone() });
        Ok(())
    }
}

/// A running next hop; its sessions are cut when it is dropped.
pub(super) struct NextHop {
    pub(super) endpoint: Endpoint,
    kept: Arc<Kept>,
    _tasks: JoinSet<()>,
}

impl NextHop {
    /// Listens on `port` of 127.0.0.1; 0 is any.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) async fn start(port: u16, settings: &Sink) -> Result<Self> {
        let settings = Sink {
            listen: vec![super::loopback(port)],
            refuse_rcpt: Some(REFUSED.trim_matches(['<', '>']).to_owned()),
            ..settings.clone()
        };
        let kept = Arc::new(Kept::default());
        let server = SinkServer::bind(settings, Some(kept.clone())).await;
        let server = server.context("starting the next hop (--any-port takes free ports)")?;
        let endpoint = server.local()?.pop().context("a bound next hop")?.parse()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(server.serve(Shutdown::default()));
        Ok(Self { endpoint, kept, _tasks: tasks })
    }

    /// Everything from the mail number `from` on.
    pub(super) fn received(&self, from: usize) -> Vec<Received> {
        let all = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(from..).unwrap_or_default().to_vec()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.kept.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
