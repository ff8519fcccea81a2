//! A mail between its final dot and its last reply: the pipeline at work, how long it may take, and the log line that
//! tells of it.
//!
//! The pipeline runs as a task of its own, so that its panic is a reply like any other, and ends with the transaction.

use std::sync::Arc;

use proto::{Class, Deadline, Mail, MessageKey, ReversePath, TxId};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::early::EarlyReplies;
use crate::metrics::{Metrics, ReplyLabel};
use crate::session::{ContentRefusal, Session, Tally};
use crate::{Permit, Pipeline};

use super::Context;

/// One mail that is being worked on. Dropping it drops the work.
pub(super) struct Transaction {
    pub(super) task: AbortOnDropHandle<proto::Outcomes>,
    pub(super) early: Arc<EarlyReplies>,
    /// When nobody waits for the pipeline any more.
    pub(super) give_up_at: Instant,
    pub(super) mail: Facts,
    received: Instant,
    _permit: Permit,
}

/// What the log line says of a mail.
pub(super) struct Facts {
    pub(super) tx: TxId,
    key: MessageKey,
    class: Class,
    bytes: usize,
    recipients: usize,
    ident: Option<String>,
    sender_domain: Option<String>,
}

impl Facts {
    fn of(mail: &Mail) -> Self {
        Self {
            tx: mail.tx,
            key: mail.key,
            class: mail.class(),
            bytes: mail.content.len(),
            recipients: mail.envelope.recipients().len(),
            ident: mail.envelope.origin().ident.clone(),
            sender_domain: domain_of(mail.envelope.sender()),
        }
    }

    /// Whether a retry of it can be known.
    pub(super) fn has_ident(&self) -> bool {
        self.ident.is_some()
    }
}

fn domain_of(sender: &ReversePath) -> Option<String> {
    match sender {
        ReversePath::Null => None,
        ReversePath::Mailbox(mailbox) => {
            let (_, domain) = mailbox.key().rsplit_once('@')?;
            Some(domain.to_owned())
        }
    }
}

impl Transaction {
    /// Hands `mail`, whose final dot came at `received`, to the pipeline.
    pub(super) fn start<P: Pipeline>(
        context: &Arc<Context<P>>,
        mail: Mail,
        permit: Permit,
        received: Instant,
    ) -> Self {
        let (reply_deadline, grace) = context.rules.settings().reply_times();
        let facts = Facts::of(&mail);
        let early = Arc::new(EarlyReplies::new(&mail.envelope));
        let deadline = Deadline::after(received.into_std(), reply_deadline);
        let pipeline = context.pipeline.clone();
        let told = early.clone();
        let work = async move { pipeline.submit(mail, deadline, told).await };
        Self {
            task: AbortOnDropHandle::new(context.tasks.spawn(work)),
            early,
            give_up_at: received + reply_deadline + grace,
            mail: facts,
            received,
            _permit: permit,
        }
    }

    /// Passes on what was told early and not taken yet: it is final, whatever comes after.
    pub(super) fn tell_early(&self, session: &mut Session) {
        for (position, reply) in self.early.take() {
            session.known(position, &reply);
        }
    }

    pub(super) fn log_answered(&self, peer: &str, tally: &Tally, metrics: &Metrics) {
        for (code, count) in tally.iter() {
            metrics.replies.inc_by(ReplyLabel::of(code), count as u64);
        }
        let elapsed = self.received.elapsed();
        metrics.seconds(self.mail.class).observe(elapsed.as_secs_f64());
        self.log(peer, tally, "mail answered");
    }

    pub(super) fn log_lost(&self, peer: &str) {
        self.log(peer, &Tally::default(), "client lost before it was answered");
    }

    fn log(&self, peer: &str, replies: &Tally, message: &'static str) {
        let mail = &self.mail;
        tracing::info!(
            tx = %mail.tx,
            mk = %mail.key,
            ident = mail.ident,
            peer,
            class = mail.class.letter(),
            bytes = mail.bytes,
            recipients = mail.recipients,
            sender_domain = mail.sender_domain,
            %replies,
            ms = self.received.elapsed().as_millis() as u64,
            "{message}"
        );
    }
}

/// The log line of a mail that was refused after its content.
pub(super) fn log_refused(
    peer: &str,
    ident: Option<&str>,
    bytes: u64,
    recipients: usize,
    reason: ContentRefusal,
) {
    let tx = TxId::new(Uuid::now_v7());
    tracing::info!(%tx, ident, peer, bytes, recipients, ?reason, "content refused");
}
