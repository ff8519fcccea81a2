//! A record that stands and is not shown: by a replica that is behind, or by a leader that does not know of the next.
//!
//! Who was refused a creation knows that there is a record, so "not found" is no answer to it; and who was shown nothing
//! and creates is refused. Reads go to the leader, since a replica that was cut off shows nothing for as long as it
//! likes. A leader that was cut off does so for some seconds, and what a claim was like then is no proof that its owner
//! is dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::jetstream;
use async_nats::jetstream::stream::DirectGetErrorKind;
use bus::{Client, Settings};
use proto::ledger::{Record, State};
use proto::{Mail, Reply};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::behind::Behind;
use crate::join::{again, counting};
use crate::ledger::put;
use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, Role, ask, clean_streams, is_done, line_of, line_until, mail_of, relay_fenced, scan_clean, text,
    with_ledger,
};

fn is_claim(record: &Record) -> bool {
    matches!(record.state, State::Claim { .. })
}

/// Reads in a row that find nothing.
const HIDDEN: usize = 3;

/// A process that sees what `behind` lets it see.
async fn through(behind: &Behind, server: &Server) -> Process {
    Process::reachable(Settings { servers: vec![behind.url()], ..with_ledger(server) }).await
}

/// A replica shows no record through `behind`, though there is one.
async fn a_replica_shows_nothing(behind: &Behind, server: &Server, mail: &Mail) {
    assert!(!line_of(server, mail).await.is_empty(), "nothing to be shown");
    let js = jetstream::new(async_nats::connect(behind.url()).await.unwrap());
    let stream = js.get_stream_no_info("LEDGER").await.unwrap();
    let read = stream.direct_get_last_for_subject(format!("mail.led.{}.0", mail.key)).await;
    assert_eq!(read.unwrap_err().kind(), DirectGetErrorKind::NotFound);
}

/// An egress that is at the dot until it is let go on, and another one.
struct Egresses {
    dots: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    at_dot: mpsc::Receiver<()>,
    _first: Role,
}

impl Egresses {
    fn first(process: &Process) -> Self {
        let (dots, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (came, at_dot) = mpsc::channel(1);
        let (counted, held) = (dots.clone(), gate.clone());
        // With one slot it asks for no other mail while it has this one.
        let first = process.relay_with(1, move |job| {
            let (held, counted, came) = (held.clone(), counted.clone(), came.clone());
            relay_fenced(job, async move || {
                counted.fetch_add(1, Ordering::AcqRel);
                came.send(()).await.unwrap();
                held.acquire().await.unwrap().forget();
                Reply::enhanced(250, 0, 0, "from the first")
            })
        });
        Self { dots, gate, at_dot, _first: first }
    }

    fn second(&self, process: &Process) -> Role {
        let counted = self.dots.clone();
        process.relay(move |job| {
            let counted = counted.clone();
            relay_fenced(job, async move || {
                counted.fetch_add(1, Ordering::AcqRel);
                Reply::enhanced(250, 0, 0, "from the second")
            })
        })
    }

    fn dots(&self) -> usize {
        self.dots.load(Ordering::Acquire)
    }
}

#[tokio::test]
async fn a_claim_that_is_not_shown_is_not_taken_for_free() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let mut egresses = Egresses::first(&process);
    let mail = mail_of("4F", &["a"]);
    let asked = ask(&client, mail.clone());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        dot = timeout(PATIENCE, egresses.at_dot.recv()) => assert_eq!(dot.unwrap(), Some(())),
    }
    let behind = Behind::start(&server, "LEDGER", HIDDEN).await;
    a_replica_shows_nothing(&behind, &server, &mail).await;
    let rival = through(&behind, &server).await;
    let _second = egresses.second(&rival);
    // The same mail once more, in another transaction: the second is the only one who asks for it.
    put(&server, &again(&mail)).await;
    let shown = async {
        while behind.leader_reads().1 == 0 && egresses.dots() == 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        shown = timeout(PATIENCE, shown) => shown.expect("the leader is not asked, or not again"),
    }
    assert_eq!(egresses.dots(), 1, "a second copy");
    egresses.gate.add_permits(1);
    assert_eq!(text(&asked.await), "250 2.0.0 from the first");
    clean_streams(&server).await;
    assert_eq!((behind.leader_reads().0, scans.load(Ordering::Acquire)), (HIDDEN, 2));
    let claims = |end| rival.metric(&format!("mailweir_bus_ledger_claims_total{{result=\"{end}\"}}"));
    assert_eq!((claims("done"), claims("granted")), (1.0, 0.0));
    assert_eq!(rival.metric("mailweir_bus_ledger_ambiguous_total"), 0.0);
    let line = line_of(&server, &mail).await;
    assert!(line.len() == 1 && is_done(&line[0], &[250]), "{line:?}");
    assert_eq!(egresses.dots(), 1, "a second copy");
}

#[tokio::test]
async fn a_claim_that_is_shown_as_it_was_is_not_taken_for_dead() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let mut egresses = Egresses::first(&process);
    let mail = mail_of("4F", &["a"]);
    let asked = ask(&client, mail.clone());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        dot = timeout(PATIENCE, egresses.at_dot.recv()) => assert_eq!(dot.unwrap(), Some(())),
    }
    let behind = Behind::start(&server, "LEDGER", 0).await;
    behind.cut_off(&server, &format!("mail.led.{}.0", mail.key)).await;
    let rival = through(&behind, &server).await;
    let _second = egresses.second(&rival);
    put(&server, &again(&mail)).await;
    // It sees no beat, takes the first for dead, and tries to claim behind it, which only a leader of others can grant.
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        () = behind.join_again() => {}
    }
    let withdrawn = line_until(&server, &mail, |line| line.len() > 1 && !is_claim(&line[1]));
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        line = withdrawn => assert!(is_done(&line[1], &[]), "{line:?}"),
    }
    egresses.gate.add_permits(1);
    assert_eq!(text(&asked.await), "250 2.0.0 from the first");
    clean_streams(&server).await;
    assert_eq!(rival.metric("mailweir_bus_ledger_ambiguous_total"), 0.0);
    assert_eq!(egresses.dots(), 1, "a second copy");
}

#[tokio::test]
async fn an_ingress_that_is_shown_nothing_costs_a_scan_and_no_second_copy() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let dots = Arc::new(AtomicUsize::new(0));
    let counted = dots.clone();
    let _egress = process.relay(move |job| {
        let counted = counted.clone();
        relay_fenced(job, async move || {
            let number = counted.fetch_add(1, Ordering::AcqRel);
            Reply::enhanced(250, 0, 0, format!("Ok: queued as {number}"))
        })
    });
    let mail = mail_of("4F", &["a", "b"]);
    let told = ask(&client, mail.clone()).await;
    clean_streams(&server).await;
    let behind = Behind::start(&server, "LEDGER", usize::MAX).await;
    a_replica_shows_nothing(&behind, &server, &mail).await;
    let other = through(&behind, &server).await;
    assert_eq!(ask(&Client::new(&other.bus), again(&mail)).await, told);
    assert!(behind.leader_reads().0 > 0, "it did not ask");
    assert_eq!((scans.load(Ordering::Acquire), dots.load(Ordering::Acquire)), (2, 1));
    clean_streams(&server).await;
}
