//! The whole ledger, with work that is told what to do.

mod failure;
mod flight;
mod retry;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use proto::failpoint::Failpoints;
use proto::{
    Deadline, Envelope, ForwardPath, Mail, MailParams, NoEarly, Origin, Outcomes, Position, Recipient, Reply,
    ReversePath, TxId,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::{Claimed, Ledger, Metrics, Settings, Sync, Work};

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings(directory: &Path) -> Settings {
    Settings {
        directory: directory.to_owned(),
        sync: Sync::Lazy,
        max_age: Duration::from_secs(3_600),
        records_max: 10_000,
        run_on: PATIENCE,
        settle: PATIENCE,
        run_on_bytes_max: 1 << 20,
        failpoints: Failpoints::default(),
    }
}

fn open_with(settings: Settings) -> Ledger {
    Ledger::open(settings, Metrics::register(&mut Registry::default())).unwrap()
}

/// A new ledger and its directory.
fn begun() -> (TempDir, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open_with(settings(directory.path()));
    (directory, ledger)
}

/// One attempt to send a mail of that IDENT.
fn mail(ident: &str, recipients: &[&str]) -> Mail {
    let recipient = |path: &&str| Recipient::new(ForwardPath::parse(path, false).unwrap());
    let recipients = recipients.iter().map(recipient).collect();
    let envelope = Envelope::new(ReversePath::Null, MailParams::default(), recipients).unwrap();
    let origin = Origin { ident: Some(ident.into()), ..Origin::default() };
    Mail::new(
        TxId::new(Uuid::now_v7()),
        envelope.with_origin(origin),
        Bytes::from_static(b"A: b\r\n\r\nc\r\n"),
    )
}

fn within(limit: Duration) -> Deadline {
    Deadline::after(Instant::now().into_std(), limit)
}

/// What a next hop does, and how often it was asked.
#[derive(Clone)]
struct Hop(Arc<State>);

struct State {
    /// By recipient, the code; 250 for those that are not listed.
    refused: Vec<(&'static str, u16)>,
    /// Permits to begin, and to answer the dot.
    begin: Semaphore,
    dot: Semaphore,
    begun: AtomicUsize,
    /// Recipients of all work.
    offered: AtomicUsize,
    /// Recipients of all copies.
    delivered: std::sync::Mutex<Vec<String>>,
}

impl Hop {
    /// Answers at once.
    fn open() -> Self {
        Self::refusing(&[])
    }

    fn refusing(refused: &[(&'static str, u16)]) -> Self {
        Self::built(refused, Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS)
    }

    /// Begins with nothing before it is told.
    fn shut() -> Self {
        Self::built(&[], 0, Semaphore::MAX_PERMITS)
    }

    /// Does not answer dots before it is told.
    fn silent() -> Self {
        Self::built(&[], Semaphore::MAX_PERMITS, 0)
    }

    fn built(refused: &[(&'static str, u16)], begin: usize, dot: usize) -> Self {
        Self(Arc::new(State {
            refused: refused.to_vec(),
            begin: Semaphore::new(begin),
            dot: Semaphore::new(dot),
            begun: AtomicUsize::new(0),
            offered: AtomicUsize::new(0),
            delivered: std::sync::Mutex::default(),
        }))
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Acquire)
    }

    fn delivered(&self) -> Vec<String> {
        self.0.delivered.lock().unwrap().clone()
    }

    /// Everything but the ledger: what scanner and relay would do with one group.
    async fn work(self, work: Work) -> Outcomes {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        self.0.offered.fetch_add(work.mail.envelope.recipients().len(), Ordering::AcqRel);
        let _begin = self.0.begin.acquire().await.unwrap();
        let Work { mail, claims, early, deadline: _ } = work;
        let mut outcomes = Outcomes::unknown(&mail.envelope);
        let mut open: Vec<Position> = mail.envelope.positions().collect();
        while !open.is_empty() {
            match claims.claim(&open).await {
                Claimed::Granted => {
                    let _dot = self.0.dot.acquire().await.unwrap();
                    let results: Vec<_> = open.drain(..).map(|at| (at, self.answer(&mail, at))).collect();
                    for (at, reply) in &results {
                        early.known(*at, reply);
                        outcomes.set(*at, reply.clone());
                    }
                    claims.record(&results).await;
                }
                Claimed::AlreadyDone(results) => {
                    for (at, reply) in results {
                        open.retain(|open| *open != at);
                        outcomes.set(at, reply);
                    }
                }
                Claimed::Refused(reply) => return Outcomes::all(&mail.envelope, &reply),
            }
        }
        outcomes
    }

    fn answer(&self, mail: &Mail, at: Position) -> Reply {
        let path = format!("<{}>", mail.envelope.recipient(at).unwrap().path.as_str());
        let code = self.0.refused.iter().find(|(refused, _)| *refused == path).map_or(250, |(_, code)| *code);
        if code == 250 {
            self.0.delivered.lock().unwrap().push(path.clone());
        }
        Reply::new(code, None, format!("{path} in {}", mail.tx))
    }
}

async fn submit_by(ledger: &Ledger, mail: &Mail, hop: &Hop, deadline: Deadline) -> Outcomes {
    let hop = hop.clone();
    let submitted = ledger.submit(mail.clone(), deadline, Arc::new(NoEarly), |work| hop.work(work));
    timeout(PATIENCE, submitted).await.unwrap()
}

async fn submit(ledger: &Ledger, mail: &Mail, hop: &Hop) -> Outcomes {
    submit_by(ledger, mail, hop, within(PATIENCE)).await
}

fn codes(outcomes: &Outcomes) -> Vec<u16> {
    outcomes.iter().map(|(_, reply)| reply.code()).collect()
}

/// Lets other tasks go on until it is so. Everything that is waited for here happens without an event for us.
async fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
}

/// How many mails are at the dot.
fn at_the_dot(ledger: &Ledger) -> usize {
    let flights = ledger.shared.flights.all();
    flights.iter().filter(|flight| flight.progress().borrow().is_at_the_dot()).count()
}
