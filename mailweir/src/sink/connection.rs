//! One session of the sink: the ingress's own [`Session`] over a socket, with the misbehaviour that was asked for.
//!
//! The session knows nothing of recipients that do not exist. So command lines are fed to it one by one, and a RCPT that
//! is to be refused is answered here and never reaches it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ingress::session::{Action, Session, Submission, Wait};
use proto::{Outcomes, Reply, split_path};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::sockets::Stream;

use super::pattern::matches;
use super::server::Shared;
use super::totals::add;

/// How long a client may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(300);
/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
const NO_SUCH_USER: &[u8] = b"550 5.1.1 no such user here\r\n";

/// A socket with its session.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    session: Session,
    shared: Arc<Shared>,
    /// What the client sent and the session was not given yet.
    pending: BytesMut,
    /// What the session was given and has not used yet.
    input: BytesMut,
    /// What is to be written when there is nothing left to do.
    output: BytesMut,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, session: Session, shared: Arc<Shared>) -> Self {
        Self {
            stream,
            session,
            shared,
            pending: BytesMut::new(),
            input: BytesMut::new(),
            output: BytesMut::new(),
        }
    }

    /// Serves the client until it or we close.
    pub(super) async fn run(mut self, drain: CancellationToken) -> io::Result<()> {
        loop {
            match self.session.poll(&mut self.input) {
                Action::Send(bytes) => self.output.extend_from_slice(&bytes),
                Action::Report(_) => {}
                Action::Submit(submission) => {
                    if !self.submit(*submission).await? {
                        return Ok(());
                    }
                }
                Action::Wait(Wait::Command) => {
                    if !self.feed_line() && !self.read(&drain).await? {
                        return Ok(());
                    }
                }
                Action::Wait(Wait::Content) => {
                    if self.pending.is_empty() && !self.read(&drain).await? {
                        return Ok(());
                    }
                    self.input.unsplit(self.pending.split());
                }
                // Every submission is answered where it is made.
                Action::Wait(Wait::Outcomes) => self.session.answer_rest(&Reply::unknown()),
                Action::Close => return self.flush().await,
            }
        }
    }

    /// Gives the session the next command line, or answers it here; false when there is no whole line.
    fn feed_line(&mut self) -> bool {
        let line_bytes_max = self.shared.rules.settings().command_bytes_max;
        let end = self.pending.iter().position(|byte| *byte == b'\n');
        let line = match end {
            Some(end) => self.pending.split_to(end + 1),
            // Its own rules say what happens to an endless line.
            None if self.pending.len() > line_bytes_max => self.pending.split(),
            None => return false,
        };
        if self.is_refused(&line) {
            add(&self.shared.totals.refused_recipients, 1);
            self.output.extend_from_slice(NO_SUCH_USER);
            return true;
        }
        let is_data = line.len() >= 4 && line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"DATA"));
        self.input.extend_from_slice(&line);
        if is_data {
            // The session refuses a client that did not wait for 354, and must see that it did not.
            self.input.unsplit(self.pending.split());
        }
        true
    }

    fn is_refused(&self, line: &[u8]) -> bool {
        let Some(pattern) = &self.shared.settings.refuse_rcpt else {
            return false;
        };
        let Some(argument) = str::from_utf8(line).ok().and_then(rcpt_argument) else {
            return false;
        };
        let Ok((path, _)) = split_path(argument) else {
            return false;
        };
        self.session.is_in_transaction() && matches(pattern, path.trim_matches(['<', '>']))
    }

    /// Takes a mail and answers for it; false when the connection is to be dropped instead.
    async fn submit(&mut self, submission: Submission) -> io::Result<bool> {
        // Commands behind the content are lines again.
        let mut behind = self.input.split();
        behind.unsplit(self.pending.split());
        self.pending = behind;
        self.flush().await?;
        let Submission { envelope, content, permit } = submission;
        let settings = &self.shared.settings;
        if !settings.delay.is_zero() {
            // Not even for no time: the clock's tick is a millisecond.
            tokio::time::sleep(settings.delay).await;
        }
        let totals = &self.shared.totals;
        if settings.drop_after_dot {
            add(&totals.dropped, 1);
            return Ok(false);
        }
        let (recipients, bytes) = (envelope.recipients().len(), content.len());
        let reply = match settings.refuse_data {
            Some(code) => Reply::new(code, None, "refused, as the sink was told"),
            None => self.shared.keep(envelope.clone(), content).await,
        };
        if reply.is_positive() {
            add(&totals.mails, 1);
            add(&totals.recipients, recipients);
            add(&totals.bytes, bytes);
        } else {
            add(&totals.refused_mails, 1);
        }
        self.session.answer(&Outcomes::all(&envelope, &reply));
        drop(permit);
        Ok(true)
    }

    /// Writes what is due, then waits for bytes; false at the end, or when a drain finds nothing under way.
    async fn read(&mut self, drain: &CancellationToken) -> io::Result<bool> {
        self.flush().await?;
        let is_idle = !self.session.is_in_transaction();
        self.pending.reserve(READ_BYTES);
        let read = timeout(SILENCE_MAX, self.stream.read_buf(&mut self.pending));
        tokio::select! {
            read = read => match read {
                Ok(read) => Ok(read? > 0),
                Err(_) => {
                    self.session.timed_out();
                    Ok(true)
                }
            },
            () = drain.cancelled(), if is_idle => {
                self.session.stop();
                Ok(true)
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output: Bytes = self.output.split().freeze();
        timeout(SILENCE_MAX, self.stream.write_all(&output)).await??;
        self.stream.flush().await
    }
}

/// What stands behind `RCPT TO:`.
fn rcpt_argument(line: &str) -> Option<&str> {
    let verb = line.get(..8).filter(|verb| verb.eq_ignore_ascii_case("RCPT TO:"))?;
    line.get(verb.len()..).map(str::trim)
}
