//! Mails, verdicts, roles and questions to the server, as the tests need them.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream;
use bus::{Bus, Claimed, Client, LedgerSettings, Metrics, Reachability, RelayJob, Settings, Slots, Work};
use bytes::Bytes;
use prometheus_client::registry::Registry;
use proto::ledger::{Record, State};
use proto::wire::decode;
use proto::{
    Category, Deadline, Disposition, Early, Envelope, Finding, ForwardPath, Group, Mail, MailParams, NoEarly,
    Origin, Outcomes, Position, Recipient, Reply, ReversePath, TxId, Unchecked, Verdict,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::server::{PATIENCE, Server};

pub(crate) const SLOTS: Slots = Slots { small: 4, medium: 2, large: 1 };

/// Default settings, with times that let a test end soon.
pub(crate) fn settings(server: &Server) -> Settings {
    Settings {
        servers: vec![server.url()],
        ack_wait: Duration::from_secs(1),
        pull_expires: Duration::from_millis(400),
        retry_delay: Duration::from_millis(50),
        newer_delay: Duration::from_millis(200),
        notice_timeout: Duration::from_millis(500),
        request_timeout: Duration::from_secs(2),
        ..Settings::default()
    }
}

/// The same with a ledger whose claims become stale soon.
pub(crate) fn with_ledger(server: &Server) -> Settings {
    let ledger = LedgerSettings { claim_stale: Duration::from_millis(900), ..LedgerSettings::default() };
    Settings { ledger: Some(ledger), ..settings(server) }
}

/// A process: its bus and its metrics.
pub(crate) struct Process {
    pub(crate) bus: Bus,
    registry: Registry,
}

impl Process {
    pub(crate) async fn start(settings: Settings) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let bus = Bus::connect(settings, "test", metrics).await.unwrap();
        Self { bus, registry }
    }

    pub(crate) async fn reachable(settings: Settings) -> Self {
        let process = Self::start(settings).await;
        process.until(Reachability::is_reachable).await;
        process
    }

    /// Waits for a state.
    pub(crate) async fn until(&self, wanted: impl Fn(&Reachability) -> bool) -> Reachability {
        let mut state = self.bus.reachability();
        let found = timeout(PATIENCE, state.wait_for(wanted)).await;
        found.expect("not in that state in time").unwrap().clone()
    }

    /// The value of a metric's line that starts so.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let found = text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or(0.0)
    }

    pub(crate) fn scan<F, Fut>(&self, work: F) -> Role
    where
        F: Fn(Work) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Verdict> + Send + 'static,
    {
        self.scan_with(SLOTS, work)
    }

    pub(crate) fn scan_with<F, Fut>(&self, slots: Slots, work: F) -> Role
    where
        F: Fn(Work) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Verdict> + Send + 'static,
    {
        let bus = self.bus.clone();
        Role::spawn(move |drain| async move { bus.serve_scan(slots, drain, work).await })
    }

    pub(crate) fn relay<F, Fut>(&self, relay: F) -> Role
    where
        F: Fn(RelayJob) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcomes> + Send + 'static,
    {
        self.relay_with(4, relay)
    }

    /// With one slot it asks for nothing while it has a mail.
    pub(crate) fn relay_with<F, Fut>(&self, slots: usize, relay: F) -> Role
    where
        F: Fn(RelayJob) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcomes> + Send + 'static,
    {
        let bus = self.bus.clone();
        Role::spawn(move |drain| async move { bus.serve_relay(slots, drain, relay).await })
    }
}

/// A role that runs.
pub(crate) struct Role {
    drain: CancellationToken,
    task: JoinHandle<()>,
}

impl Role {
    fn spawn<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(CancellationToken) -> F) -> Self {
        let drain = CancellationToken::new();
        let task = TaskTracker::new().spawn(serve(drain.clone()));
        Self { drain, task }
    }

    /// As a killed process: nothing is finished, nothing is said.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    pub(crate) fn begin_drain(&self) {
        self.drain.cancel();
    }

    pub(crate) async fn drained(self) {
        self.drain.cancel();
        timeout(PATIENCE, self.task).await.expect("not drained in time").unwrap();
    }
}

pub(crate) fn mail_to(recipients: usize, content: impl Into<Bytes>) -> Mail {
    let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
    let sender = ReversePath::parse("<s@example.org>", false).unwrap();
    let envelope = Envelope::new(sender, MailParams::default(), vec![recipient; recipients]).unwrap();
    Mail::new(TxId::new(Uuid::now_v7()), envelope, content.into())
}

/// A mail of the client's queue file `ident` to `<name@example.org>` each.
pub(crate) fn mail_of(ident: &str, names: &[&str]) -> Mail {
    let recipient =
        |name: &&str| Recipient::new(ForwardPath::parse(&format!("<{name}@example.org>"), false).unwrap());
    let sender = ReversePath::parse("<s@example.org>", false).unwrap();
    let recipients = names.iter().map(recipient).collect();
    let envelope = Envelope::new(sender, MailParams::default(), recipients).unwrap();
    let envelope = envelope.with_origin(Origin { ident: Some(ident.into()), ..Origin::default() });
    Mail::new(TxId::new(Uuid::now_v7()), envelope, Bytes::from_static(b"subject: x\r\n\r\nhello\r\n"))
}

pub(crate) fn mail() -> Mail {
    mail_to(1, "subject: x\r\n\r\nhello\r\n")
}

/// Bytes that a wrong order of chunks would change.
pub(crate) fn large_content(bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    for (index, chunk) in content.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&index.to_le_bytes()[..chunk.len()]);
    }
    content.into()
}

pub(crate) fn after(seconds: u64) -> Deadline {
    Deadline::after(tokio::time::Instant::now().into_std(), Duration::from_secs(seconds))
}

pub(crate) fn clean(envelope: &Envelope) -> Verdict {
    let group = Group { disposition: Disposition::Pass, reply: None, edits: Vec::new() };
    Verdict::uniform(envelope, Vec::new(), group)
}

/// What policy makes of a mail that nobody could look into.
pub(crate) fn failed(envelope: &Envelope) -> Verdict {
    let finding = Finding {
        check: "test".into(),
        category: Category::Unchecked(Unchecked::Failed),
        name: "poison".into(),
    };
    let group = Group { disposition: Disposition::Tempfail, reply: None, edits: Vec::new() };
    Verdict::uniform(envelope, vec![finding], group)
}

/// A worker that finds nothing.
pub(crate) async fn scan_clean(work: Work) -> Verdict {
    match work {
        Work::Scan(job) => clean(&job.mail.envelope),
        Work::Poisoned(job) => failed(&job.envelope),
    }
}

pub(crate) fn ok() -> Reply {
    Reply::enhanced(250, 0, 0, "Ok: queued as TEST")
}

/// An egress whose next hop takes everything.
pub(crate) async fn relay_ok(job: RelayJob) -> Outcomes {
    Outcomes::all(&job.mail.envelope, &ok())
}

/// An egress that asks before the dot, for all recipients at once. `dot` is the next hop's answer to it.
pub(crate) async fn relay_fenced(job: RelayJob, dot: impl AsyncFnOnce() -> Reply) -> Outcomes {
    let mut open: Vec<Position> = job.mail.envelope.positions().collect();
    let mut outcomes = Outcomes::unknown(&job.mail.envelope);
    let mut dot = Some(dot);
    while !open.is_empty() {
        let results = match job.claims.claim(&open).await {
            Claimed::Granted => {
                let reply = dot.take().expect("one dot for each")().await;
                let results: Vec<_> = open.iter().map(|position| (*position, reply.clone())).collect();
                job.claims.record(&results).await;
                results
            }
            Claimed::AlreadyDone(results) => results,
            Claimed::Refused(reply) => open.iter().map(|position| (*position, reply.clone())).collect(),
        };
        for (position, reply) in results {
            open.retain(|open| *open != position);
            outcomes.set(position, reply);
        }
    }
    outcomes
}

/// An egress that asks before the dot and whose next hop takes everything.
pub(crate) async fn relay_fenced_ok(job: RelayJob) -> Outcomes {
    relay_fenced(job, async || ok()).await
}

/// The line of a mail as it stands.
pub(crate) async fn line_of(server: &Server, mail: &Mail) -> Vec<Record> {
    let js = jetstream(server).await;
    let stream = js.get_stream("LEDGER").await.unwrap();
    let mut line = Vec::new();
    loop {
        let subject = format!("mail.led.{}.{}", mail.key, line.len());
        match stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => line.push(decode::<Record>(&message.payload).unwrap().0),
            Err(_) => return line,
        }
    }
}

/// An outcome with these codes.
pub(crate) fn is_done(record: &Record, wanted: &[u16]) -> bool {
    match &record.state {
        State::Done(replies) => replies.iter().map(Reply::code).eq(wanted.iter().copied()),
        State::Claim { .. } | State::Abort => false,
    }
}

/// Waits until the line of a mail is such.
pub(crate) async fn line_until(
    server: &Server,
    mail: &Mail,
    wanted: impl Fn(&[Record]) -> bool,
) -> Vec<Record> {
    let found = async {
        loop {
            let line = line_of(server, mail).await;
            if wanted(&line) {
                return line;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("the line does not get so")
}

/// An egress that answers with the category of the verdict.
pub(crate) async fn relay_category(job: RelayJob) -> Outcomes {
    let reply = Reply::enhanced(250, 0, 0, job.verdict.category().name());
    Outcomes::all(&job.mail.envelope, &reply)
}

pub(crate) async fn ask(client: &Client, mail: Mail) -> Outcomes {
    timeout(PATIENCE, client.ask(mail, after(25), Arc::new(NoEarly))).await.unwrap()
}

pub(crate) fn codes(outcomes: &Outcomes) -> Vec<u16> {
    outcomes.iter().map(|(_, reply)| reply.code()).collect()
}

/// The only reply.
pub(crate) fn text(outcomes: &Outcomes) -> String {
    outcomes.get(Position::new(0)).to_string()
}

/// Remembers early replies and tells when they come.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) replies: Mutex<Vec<(usize, u16)>>,
    pub(crate) wake: tokio::sync::Notify,
}

impl Early for Heard {
    fn known(&self, position: Position, reply: &Reply) {
        self.replies.lock().unwrap().push((position.index(), reply.code()));
        self.wake.notify_one();
    }
}

/// A connection of the test's own.
pub(crate) async fn jetstream(server: &Server) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

/// Waits until a stream holds that many messages.
pub(crate) async fn holds(server: &Server, stream: &str, messages: u64) {
    let js = jetstream(server).await;
    let found = async {
        loop {
            let stream = js.get_stream(stream).await.unwrap();
            let state = &stream.cached_info().state;
            if state.messages == messages {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, found).await.is_ok(), "{stream} does not get to hold {messages}");
}

/// Nothing was left behind.
pub(crate) async fn clean_streams(server: &Server) {
    for stream in ["MAIL", "BODY", "VERDICT"] {
        holds(server, stream, 0).await;
    }
}
