//! Jobs that draining workers hand back, and how they differ from jobs that kill theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::{Client, Settings, Slots, Work};
use proto::wire::VERSION;
use proto::{Mail, Outcomes};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, Role, ask, clean, clean_streams, codes, failed, jetstream, line_of, mail, relay_category,
    relay_fenced_ok, relay_ok, scan_clean, settings, text, with_ledger,
};

/// One request asks for that many.
const SLOTS: Slots = Slots { small: 8, medium: 0, large: 0 };
/// All of its request but the one that it works on; more than poison needs.
const TIMES: u64 = 7;

/// A worker that drains, has one mail that does not end, and whose request for more still stands.
struct Draining {
    process: Process,
    role: Role,
    gate: Arc<Semaphore>,
    busy: JoinHandle<Outcomes>,
}

impl Draining {
    async fn start(client: &Client, settings: Settings) -> Self {
        let process = Process::reachable(settings).await;
        let gate = Arc::new(Semaphore::new(0));
        let (started, mut starts) = mpsc::channel(4);
        let held = gate.clone();
        let role = process.scan_with(SLOTS, move |work| {
            let (held, started) = (held.clone(), started.clone());
            async move {
                started.send(()).await.unwrap();
                held.acquire().await.unwrap().forget();
                scan_clean(work).await
            }
        });
        let busy = submit(client, mail());
        timeout(PATIENCE, starts.recv()).await.unwrap().unwrap();
        role.begin_drain();
        Self { process, role, gate, busy }
    }

    async fn handed_back(&self, times: u64) {
        until(&self.process, "mailweir_bus_handed_back_total", times).await;
    }

    /// Lets it end.
    async fn finish(self) -> Process {
        self.gate.add_permits(1);
        answer(self.busy).await;
        self.role.drained().await;
        self.process
    }
}

fn submit(client: &Client, mail: Mail) -> JoinHandle<Outcomes> {
    let client = client.clone();
    TaskTracker::new().spawn(async move { ask(&client, mail).await })
}

async fn answer(asked: JoinHandle<Outcomes>) -> Outcomes {
    timeout(PATIENCE, asked).await.expect("no answer").unwrap()
}

async fn until(process: &Process, counter: &str, value: u64) {
    let reached = async {
        while process.metric(counter) < value as f64 {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, reached).await.is_ok(), "{counter} does not get to {value}");
}

/// Its request stands until it is filled, and half of its time is enough to write a note on any machine.
fn patient(server: &Server) -> Settings {
    Settings {
        pull_expires: Duration::from_secs(20),
        ack_wait: Duration::from_secs(2),
        ..with_ledger(server)
    }
}

/// The subject of the note on a mail's job.
fn note_of(mail: &Mail) -> String {
    format!("mail.led.{}.back", mail.tx)
}

#[tokio::test]
async fn a_job_is_handed_back_however_often_and_then_scanned() {
    let server = Server::start().await;
    let process = Process::reachable(patient(&server)).await;
    let client = Client::new(&process.bus);
    let _egress = process.relay(relay_fenced_ok);
    let draining = Draining::start(&client, patient(&server)).await;
    let mail = mail();
    let asked = submit(&client, mail.clone());
    draining.handed_back(TIMES).await;
    let deliveries = Arc::new(AtomicU64::new(0));
    let noted = deliveries.clone();
    let _worker = process.scan(move |work| {
        let noted = noted.clone();
        async move {
            match work {
                Work::Scan(job) => {
                    noted.store(job.deliveries, Ordering::Release);
                    clean(&job.mail.envelope)
                }
                Work::Poisoned(job) => failed(&job.envelope),
            }
        }
    });
    assert_eq!(codes(&answer(asked).await), [250]);
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 0.0);
    assert_eq!(deliveries.load(Ordering::Acquire), TIMES + 1);
    assert_eq!(line_of(&server, &mail).await.len(), 1, "the note is no generation");
    draining.finish().await;
    clean_streams(&server).await;
}

#[tokio::test]
async fn one_that_was_handed_back_and_then_kills_its_workers_is_poison_all_the_same() {
    let server = Server::start().await;
    let process = Process::reachable(patient(&server)).await;
    let client = Client::new(&process.bus);
    let _egress = process.relay(relay_category);
    let draining = Draining::start(&client, patient(&server)).await;
    let asked = submit(&client, mail());
    draining.handed_back(TIMES).await;
    let tries = Arc::new(AtomicU64::new(0));
    let tried = tries.clone();
    let _worker = process.scan(move |work| {
        let tried = tried.clone();
        async move {
            match work {
                Work::Scan(_) => {
                    tried.fetch_add(1, Ordering::AcqRel);
                    panic!("the scanner dies");
                }
                Work::Poisoned(job) => {
                    assert_eq!(job.deliveries, TIMES + 4);
                    failed(&job.envelope)
                }
            }
        }
    });
    assert_eq!(text(&answer(asked).await), "250 2.0.0 unchecked-failed");
    assert_eq!(tries.load(Ordering::Acquire), 3);
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 1.0);
}

#[tokio::test]
async fn while_the_note_cannot_be_read_nobody_decides() {
    let server = Server::start().await;
    let process = Process::reachable(patient(&server)).await;
    let client = Client::new(&process.bus);
    let _egress = process.relay(relay_category);
    let draining = Draining::start(&client, patient(&server)).await;
    let mail = mail();
    let asked = submit(&client, mail.clone());
    draining.handed_back(TIMES).await;
    draining.finish().await;
    let js = jetstream(&server).await;
    js.publish(note_of(&mail), vec![VERSION + 1, 1, 2, 3].into()).await.unwrap().await.unwrap();
    let _worker = process.scan(scan_clean);
    until(&process, "mailweir_bus_redelivered_total", 4).await;
    assert!(!asked.is_finished(), "decided without knowing");
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 0.0);
    // Without any note each delivery counts.
    let ledger = js.get_stream("LEDGER").await.unwrap();
    ledger.purge().filter(note_of(&mail)).await.unwrap();
    assert_eq!(text(&answer(asked).await), "250 2.0.0 unchecked-failed");
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 1.0);
}

#[tokio::test]
async fn without_a_ledger_a_draining_worker_hands_a_job_back_once() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let _egress = process.relay(relay_ok);
    let short = Settings { pull_expires: Duration::from_secs(1), ..settings(&server) };
    let draining = Draining::start(&client, short).await;
    let asked = submit(&client, mail());
    draining.handed_back(1).await;
    let _worker = process.scan(scan_clean);
    assert_eq!(codes(&answer(asked).await), [250]);
    let drained = draining.finish().await;
    assert_eq!(drained.metric("mailweir_bus_handed_back_total"), 1.0);
    assert_eq!(process.metric("mailweir_bus_redelivered_total"), 1.0);
    clean_streams(&server).await;
}
