//! Giving a mail up that has no IDENT: its retry could not be known, so nobody may deliver it any more.
//!
//! An abort is created where the line of the mail ends. If an egress claimed before, its outcome is what counts, and it
//! is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::ledger::{End, Record, State, Walk, Wanted};
use proto::{Envelope, Mail, MessageKey, Position, Reply, TxId};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::bus::Inner;
use crate::ledger::{Line, mint};
use crate::settings::LedgerSettings;

/// Who is given up.
#[derive(Clone)]
pub(crate) struct GivenUp {
    tx: TxId,
    key: MessageKey,
    envelope: Arc<Envelope>,
}

impl GivenUp {
    pub(crate) fn new(mail: &Mail) -> Self {
        Self { tx: mail.tx, key: mail.key, envelope: mail.envelope.clone() }
    }

    /// Forbids its delivery, and returns the results of those who were delivered nevertheless. Ends by `until`.
    pub(crate) async fn abort(
        &self,
        inner: &Inner,
        ledger: &LedgerSettings,
        until: Instant,
    ) -> Vec<(Position, Reply)> {
        let wanted = Wanted::all(&self.envelope);
        let draft = Record {
            tx: self.tx,
            owner: mint(),
            attempt: 0,
            recipients: wanted.iter().map(|wanted| wanted.id).collect(),
            state: State::Abort,
        };
        let mut walk = Walk::abort(self.tx, draft.owner, wanted);
        match Line::new(inner, ledger, self.key).walk(&mut walk, Some(&draft), until).await {
            Ok(End::Taken(results)) => results,
            Ok(End::Mine { .. }) => {
                inner.metrics.ledger_aborts.inc();
                walk.taken().to_vec()
            }
            Ok(End::Aborted | End::Looked { .. } | End::TooLong) => walk.taken().to_vec(),
            Err(error) => {
                tracing::warn!(tx = %self.tx, %error, "not given up in the ledger, a second copy is possible");
                walk.taken().to_vec()
            }
        }
    }
}

/// Gives a mail up when its future is dropped, as it is when the client is gone.
pub(crate) struct Abandon {
    inner: Arc<Inner>,
    mail: Option<GivenUp>,
    /// Whether there may be a job that somebody could deliver.
    pub(crate) may_be_stored: Arc<AtomicBool>,
}

impl Abandon {
    /// Only a mail without an IDENT is given up, and only where there is a ledger to write it down.
    pub(crate) fn new(inner: &Arc<Inner>, mail: &Mail) -> Self {
        let is_unknown = inner.settings.ledger.is_some() && mail.key.is_of(mail.tx);
        Self {
            inner: inner.clone(),
            mail: is_unknown.then(|| GivenUp::new(mail)),
            may_be_stored: Arc::default(),
        }
    }

    /// It has its answer: nothing is to be given up.
    pub(crate) fn disarm(&mut self) {
        self.mail = None;
    }

    /// What is to be given up now, if anything; afterwards nothing is.
    pub(crate) fn take(&mut self) -> Option<(GivenUp, LedgerSettings)> {
        let mail = self.mail.take()?;
        let ledger = self.inner.settings.ledger?;
        self.may_be_stored.load(Ordering::Acquire).then_some((mail, ledger))
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        let Some((mail, ledger)) = self.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        let inner = self.inner.clone();
        let until = Instant::now() + ledger.settle_timeout;
        let give_up = async move {
            tokio::select! {
                () = inner.stop.cancelled() => {}
                results = mail.abort(&inner, &ledger, until) => {
                    tracing::debug!(tx = %mail.tx, delivered = results.len(), "given up after its client");
                }
            }
        };
        self.inner.tasks.spawn_on(give_up, &runtime);
    }
}
