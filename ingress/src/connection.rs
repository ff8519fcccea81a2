//! One connection: drives a [`Session`] over a stream, with the clock, the pipeline and the end of the server as its
//! other inputs.
//!
//! Nothing of the protocol is decided here. A read that brings a burst is answered by one write; the read buffer is
//! small and used again for everything that the connection brings.

mod transaction;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use proto::{Mail, Reply, TxId};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::metrics::Unanswered;
use crate::pace::Pace;
use crate::session::{Action, Closing, Event, Rules, Session, Submission, Wait};
use crate::{Admission, ClientLoss, Metrics, Pipeline};

use transaction::{Transaction, log_refused};

/// What one read brings at most, and what a client may send ahead while it waits for replies.
const READ_BYTES: usize = 32 * 1024;
/// Above this a content is hashed off the runtime's threads: it takes longer than a small mail in all.
const HASH_BYTES_MAX: usize = 1024 * 1024;
/// What a client gets to take its last replies and close, so that no reset takes them from it.
const LINGER: Duration = Duration::from_secs(1);

/// What all connections of one server share.
pub(crate) struct Context<P> {
    pub(crate) rules: Arc<Rules>,
    pub(crate) pipeline: Arc<P>,
    pub(crate) admission: Admission,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: TaskTracker,
    /// No new mails; sessions end when they are out of a transaction.
    pub(crate) drain: CancellationToken,
    /// Everything ends now.
    pub(crate) stop: CancellationToken,
}

/// One client.
pub(crate) struct Connection<S, P> {
    stream: S,
    input: BytesMut,
    session: Session,
    context: Arc<Context<P>>,
    peer: Arc<str>,
    /// When the last command came to its end, and how many there were.
    idle_since: (Instant, u64),
    pace: Option<Pace>,
    transaction: Option<Transaction>,
    is_draining: bool,
    /// The client closed its side, but had sent commands ahead that it may want answers to.
    is_half_closed: bool,
    closing: Closing,
}

impl<S, P> Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Pipeline,
{
    pub(crate) fn new(stream: S, peer: &str, context: Arc<Context<P>>) -> Self {
        let session = Session::new(context.rules.clone(), context.admission.session(), peer);
        Self {
            stream,
            input: BytesMut::with_capacity(READ_BYTES),
            session,
            context,
            peer: peer.into(),
            idle_since: (Instant::now(), 0),
            pace: None,
            transaction: None,
            is_draining: false,
            is_half_closed: false,
            closing: Closing::Lost,
        }
    }

    /// Serves the client to the end.
    pub(crate) async fn run(mut self) {
        self.context.metrics.sessions_opened.inc();
        let closing = match self.converse().await {
            Ok(()) => self.closing,
            Err(closing) => closing,
        };
        self.context.metrics.sessions_closed.inc(closing);
        tracing::debug!(peer = %self.peer, reason = ?closing, "session closed");
        if let Some(transaction) = self.transaction.take() {
            self.abandon(transaction).await;
        }
        if closing != Closing::Lost {
            linger(self.stream).await;
        }
    }

    /// Until the session closes, or the reason why the connection cannot be used any more.
    async fn converse(&mut self) -> Result<(), Closing> {
        loop {
            match self.session.poll(&mut self.input) {
                Action::Send(bytes) => self.send(&bytes).await?,
                Action::Submit(submission) => self.submit(*submission).await,
                Action::Report(event) => self.report(event),
                Action::Wait(Wait::Command) => self.wait_for_command().await?,
                Action::Wait(Wait::Content) => self.wait_for_content().await?,
                Action::Wait(Wait::Outcomes) => self.wait_for_outcomes().await?,
                Action::Close => return Ok(()),
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Closing> {
        let stop = &self.context.stop;
        let stopped = async {
            stop.cancelled().await;
            sleep(LINGER).await;
        };
        tokio::select! {
            biased;
            written = self.stream.write_all(bytes) => written.map_err(|_| Closing::Lost),
            () = sleep(self.context.rules.settings().idle) => Err(Closing::WriteTimeout),
            () = stopped => Err(Closing::Drain),
        }
    }

    async fn wait_for_command(&mut self) -> Result<(), Closing> {
        if self.idle_since.1 != self.session.progress() {
            self.idle_since = (Instant::now(), self.session.progress());
        }
        let deadline = self.idle_since.0 + self.context.rules.settings().idle;
        self.read(deadline).await?;
        Ok(())
    }

    async fn wait_for_content(&mut self) -> Result<(), Closing> {
        let pace = self.pace.get_or_insert_with(|| Pace::start(Instant::now()));
        let deadline = pace.deadline(self.context.rules.settings());
        let bytes = self.read(deadline).await?;
        if let Some(pace) = &mut self.pace {
            pace.received(Instant::now(), bytes);
        }
        Ok(())
    }

    /// Reads once; zero bytes when it was something else that happened.
    async fn read(&mut self, deadline: Instant) -> Result<usize, Closing> {
        if self.is_half_closed {
            return Err(Closing::Lost);
        }
        self.input.reserve(READ_BYTES.saturating_sub(self.input.len()));
        tokio::select! {
            biased;
            () = self.context.stop.cancelled() => self.session.stop(),
            () = self.context.drain.cancelled(), if !self.is_draining => {
                self.is_draining = true;
                self.session.drain();
            }
            read = self.stream.read_buf(&mut self.input) => {
                return read.ok().filter(|bytes| *bytes > 0).ok_or(Closing::Lost);
            }
            () = sleep_until(deadline) => self.session.timed_out(),
        }
        Ok(0)
    }

    async fn submit(&mut self, submission: Submission) {
        let received = Instant::now();
        let Submission { envelope, content, permit } = submission;
        let tx = TxId::new(Uuid::now_v7());
        let mail = if content.len() <= HASH_BYTES_MAX {
            Ok(Mail::new(tx, envelope, content))
        } else {
            let hashing = move || Mail::new(tx, envelope, content);
            self.context.tasks.spawn_blocking(hashing).await
        };
        match mail {
            Ok(mail) => {
                self.context.metrics.content_bytes.inc_by(mail.content.len() as u64);
                self.transaction = Some(Transaction::start(&self.context, mail, permit, received));
            }
            Err(error) => {
                tracing::error!(%tx, %error, "mail could not be hashed");
                self.session.answer_rest(&Reply::unknown());
            }
        }
    }

    async fn wait_for_outcomes(&mut self) -> Result<(), Closing> {
        let Some(transaction) = &mut self.transaction else {
            self.session.answer_rest(&Reply::unknown());
            return Ok(());
        };
        let may_read = !self.is_half_closed && self.input.len() < READ_BYTES;
        self.input.reserve(READ_BYTES.saturating_sub(self.input.len()));
        let unanswered = tokio::select! {
            biased;
            () = self.context.stop.cancelled() => {
                transaction.tell_early(&mut self.session);
                self.session.stop();
                Unanswered::Stopped
            }
            outcomes = &mut transaction.task => {
                transaction.tell_early(&mut self.session);
                match outcomes {
                    Ok(outcomes) => {
                        self.session.answer(&outcomes);
                        return Ok(());
                    }
                    Err(error) => {
                        tracing::error!(tx = %transaction.mail.tx, %error, "pipeline failed");
                        self.session.answer_rest(&Reply::unknown());
                        Unanswered::Panic
                    }
                }
            }
            replies = transaction.early.next() => {
                for (position, reply) in &replies {
                    self.session.known(*position, reply);
                }
                return Ok(());
            }
            () = sleep_until(transaction.give_up_at) => {
                transaction.tell_early(&mut self.session);
                self.session.timed_out();
                Unanswered::Deadline
            }
            read = self.stream.read_buf(&mut self.input), if may_read => {
                self.is_half_closed = !read.is_ok_and(|bytes| bytes > 0);
                let is_gone = self.is_half_closed && self.input.is_empty();
                return if is_gone { Err(Closing::Lost) } else { Ok(()) };
            }
        };
        self.context.metrics.unanswered.inc(unanswered);
        Ok(())
    }

    /// The client is gone, and with it everybody who could be told.
    async fn abandon(&mut self, mut transaction: Transaction) {
        self.context.metrics.unanswered.inc(Unanswered::ClientLost);
        let finishes = self.context.rules.settings().client_loss == ClientLoss::Finish;
        if finishes && transaction.mail.has_ident() {
            tokio::select! {
                biased;
                _outcomes = &mut transaction.task => {}
                () = sleep_until(transaction.give_up_at) => {}
                () = self.context.stop.cancelled() => {}
            }
        }
        transaction.log_lost(&self.peer);
    }

    fn report(&mut self, event: Event) {
        let metrics = &self.context.metrics;
        match event {
            Event::MailRefused(reason) => {
                metrics.mail_refused.inc(reason);
                tracing::debug!(peer = %self.peer, ?reason, "mail refused");
            }
            Event::BareNewlines(count) => {
                metrics.bare_newlines.inc_by(count);
                metrics.bare_newline_mails.inc();
            }
            Event::ContentRefused { reason, bytes, recipients, ident } => {
                self.pace = None;
                metrics.content_refused.inc(reason);
                log_refused(&self.peer, ident.as_deref(), bytes, recipients, reason);
            }
            Event::Answered(tally) => {
                self.pace = None;
                if let Some(transaction) = self.transaction.take() {
                    transaction.log_answered(&self.peer, &tally, metrics);
                }
            }
            Event::Closing(why) => self.closing = why,
        }
    }
}

/// Closes so that what was written arrives: bytes that nobody reads would make the system reset the connection.
pub(crate) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let until_closed = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut discarded = [0; 512];
        while stream.read(&mut discarded).await.is_ok_and(|bytes| bytes > 0) {}
    };
    // Whether the client closed in time makes no difference any more.
    timeout(LINGER, until_closed).await.unwrap_or_default();
}

#[cfg(test)]
mod tests;
