//! Claims and outcomes: nobody delivers what another has delivered, and nobody waits for the dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;

use bus::{Claimed, Client, LedgerSettings, Settings};
use proto::failpoint::{Action, Failpoints};
use proto::ledger::{Record, State};
use proto::wire::{ContentAt, Job, encode};
use proto::{Mail, Outcomes, Position, Reply};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, ask, clean_streams, codes, holds, is_done, jetstream, line_of, line_until, mail_of, ok,
    relay_fenced, relay_fenced_ok, scan_clean, text, with_ledger,
};

fn beat_of(record: &Record) -> Option<u32> {
    match record.state {
        State::Claim { beat } => Some(beat),
        State::Abort | State::Done(_) => None,
    }
}

/// Puts a job into the queue as an ingress that never joins does.
pub(crate) async fn put(server: &Server, mail: &Mail) {
    let job = Job {
        tx: mail.tx,
        key: mail.key,
        envelope: (*mail.envelope).clone(),
        bytes: mail.content.len() as u64,
        digest: mail.digest,
        content: ContentAt::Inline,
        reply_to: format!("_INBOX.gone.{}", mail.tx),
        remaining_ms: 60_000,
        attempt: 0,
    };
    let message = encode(&job, &mail.content).unwrap();
    let subject = format!("mail.job.s.{}", mail.tx);
    jetstream(server).await.publish(subject, message).await.unwrap().await.unwrap();
}

#[tokio::test]
async fn a_mail_is_claimed_once_and_its_outcome_is_recorded_with_its_text() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_fenced_ok);
    let mail = mail_of("4F", &["a", "b"]);
    assert_eq!(codes(&ask(&client, mail.clone()).await), [250, 250]);
    clean_streams(&server).await;
    let line = line_of(&server, &mail).await;
    assert_eq!((line.len(), line[0].tx), (1, mail.tx));
    assert_eq!(line[0].state, State::Done(vec![ok(), ok()]));
    assert_eq!(process.metric("mailweir_bus_ledger_claims_total{result=\"granted\"}"), 1.0);
    assert_eq!(process.metric("mailweir_bus_ledger_ambiguous_total"), 0.0);
}

#[tokio::test]
async fn an_egress_that_dies_behind_the_record_is_followed_by_one_that_sends_nothing() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (recorded, mut records) = mpsc::channel(1);
    let _worker = process.scan(scan_clean);
    let doomed = process.relay(move |job| {
        let recorded = recorded.clone();
        async move {
            assert_eq!(job.claims.claim(&[Position::new(0)]).await, Claimed::Granted);
            job.claims.record(&[(Position::new(0), Reply::enhanced(250, 0, 0, "from the first"))]).await;
            recorded.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let asked = ask(&client, mail_of("4F", &["a"]));
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        record = timeout(PATIENCE, records.recv()) => assert_eq!(record.unwrap(), Some(())),
    }
    doomed.kill().await;
    let _egress = process.relay(|job| relay_fenced(job, async || panic!("a second copy")));
    assert_eq!(text(&asked.await), "250 2.0.0 from the first");
    assert_eq!(process.metric("mailweir_bus_ledger_claims_total{result=\"done\"}"), 1.0);
    assert_eq!(process.metric("mailweir_bus_panicked_total"), 0.0);
    clean_streams(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_egress_that_was_paused_too_long_sends_nothing_and_tells_nobody() {
    let server = Server::start().await;
    let ingress = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&ingress.bus);
    let slow = Process::reachable(with_ledger(&server)).await;
    let _worker = ingress.scan(scan_clean);
    let (started, mut starts) = mpsc::channel(1);
    let (go_on, waiting) = std_mpsc::channel::<()>();
    let waiting = Arc::new(std::sync::Mutex::new(waiting));
    let (refused, mut refusals) = mpsc::channel(1);
    let _slow = slow.relay_with(1, move |job| {
        let (started, waiting, refused) = (started.clone(), waiting.clone(), refused.clone());
        async move {
            started.send(()).await.unwrap();
            block_in_place(|| waiting.lock().unwrap().recv_timeout(PATIENCE).unwrap());
            let claimed = job.claims.claim(&[Position::new(0)]).await;
            job.early.known(Position::new(0), &Reply::unknown());
            refused.send(claimed).await.unwrap();
            Outcomes::unknown(&job.mail.envelope)
        }
    });
    let asked = ask(&client, mail_of("4F", &["a"]));
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        start = timeout(PATIENCE, starts.recv()) => assert_eq!(start.unwrap(), Some(())),
    }
    // The heir does not answer before the paused one has tried to.
    let gate = Arc::new(Semaphore::new(0));
    let (heir_at_dot, mut at_dot) = mpsc::channel(1);
    let held = gate.clone();
    let _heir = ingress.relay(move |job| {
        let (held, heir_at_dot) = (held.clone(), heir_at_dot.clone());
        async move {
            assert_eq!(job.deliveries, 2);
            relay_fenced(job, async || {
                heir_at_dot.send(()).await.unwrap();
                held.acquire().await.unwrap().forget();
                ok()
            })
            .await
        }
    });
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        dot = timeout(PATIENCE, at_dot.recv()) => assert_eq!(dot.unwrap(), Some(())),
    }
    go_on.send(()).unwrap();
    let claimed = timeout(PATIENCE, refusals.recv()).await.unwrap().unwrap();
    let elsewhere = Reply::enhanced(451, 4, 5, "given to another egress meanwhile, try again later");
    assert_eq!(claimed, Claimed::Refused(elsewhere));
    let muted = async {
        while slow.metric("mailweir_bus_muted_total") < 1.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, muted).await.unwrap();
    holds(&server, "MAIL", 1).await;
    gate.add_permits(1);
    assert_eq!(codes(&asked.await), [250]);
    for end in ["taken", "late", "unknown", "no-ingress"] {
        assert_eq!(slow.metric(&format!("mailweir_bus_notices_total{{end=\"{end}\"}}")), 0.0, "{end}");
    }
    clean_streams(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_claim_of_an_egress_that_was_paused_behind_it_is_withdrawn() {
    let server = Server::start().await;
    let ingress = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&ingress.bus);
    let (stopped, mut stops) = mpsc::channel(1);
    let (go_on, waiting) = std_mpsc::channel::<()>();
    let waiting = std::sync::Mutex::new(waiting);
    let act = move |action| {
        assert_eq!(action, Action::Stop);
        stopped.try_send(()).unwrap();
        block_in_place(|| waiting.lock().unwrap().recv_timeout(PATIENCE).unwrap());
    };
    let failpoints = Failpoints::parse("after_claim=stop", Arc::new(act)).unwrap();
    // Its claim would stay fresh for longer than the test may take.
    let ledger = LedgerSettings { claim_stale: 4 * PATIENCE, ..LedgerSettings::default() };
    let slow = Settings { failpoints, ledger: Some(ledger), ..with_ledger(&server) };
    let slow = Process::reachable(slow).await;
    let heir = Process::reachable(Settings { ledger: Some(ledger), ..with_ledger(&server) }).await;
    let _worker = ingress.scan(scan_clean);
    let _slow = slow.relay_with(1, |job| relay_fenced(job, async || panic!("a second copy")));
    let mail = mail_of("4F", &["a"]);
    let asked = ask(&client, mail.clone());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        stop = timeout(PATIENCE, stops.recv()) => assert_eq!(stop.unwrap(), Some(())),
    }
    let (came, mut comes) = mpsc::channel(1);
    let _heir = heir.relay(move |job| {
        let came = came.clone();
        async move {
            came.send(()).await.unwrap();
            relay_fenced_ok(job).await
        }
    });
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        come = timeout(PATIENCE, comes.recv()) => assert_eq!(come.unwrap(), Some(())),
    }
    go_on.send(()).unwrap();
    assert_eq!(codes(&asked.await), [250]);
    let line = line_of(&server, &mail).await;
    assert!(is_done(&line[0], &[]) && is_done(&line[1], &[250]), "{line:?}");
    assert_eq!(heir.metric("mailweir_bus_ledger_ambiguous_total"), 0.0);
    assert_eq!(slow.metric("mailweir_bus_panicked_total"), 0.0);
    clean_streams(&server).await;
}

#[tokio::test]
async fn the_claim_of_a_dead_egress_is_watched_until_it_is_stale() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let (claimed, mut claims) = mpsc::channel(1);
    let doomed = process.relay(move |job| {
        let claimed = claimed.clone();
        async move {
            assert_eq!(job.claims.claim(&[Position::new(0)]).await, Claimed::Granted);
            claimed.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let mail = mail_of("4F", &["a"]);
    let asked = ask(&client, mail.clone());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        claim = timeout(PATIENCE, claims.recv()) => assert_eq!(claim.unwrap(), Some(())),
    }
    doomed.kill().await;
    let _egress = process.relay(relay_fenced_ok);
    assert_eq!(codes(&asked.await), [250]);
    assert_eq!(process.metric("mailweir_bus_ledger_ambiguous_total"), 1.0);
    let line = line_of(&server, &mail).await;
    assert!(beat_of(&line[0]).is_some() && is_done(&line[1], &[250]), "{line:?}");
    clean_streams(&server).await;
}

#[tokio::test]
async fn an_egress_that_waits_for_a_slow_next_hop_is_not_taken_for_dead() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let rival = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let dots = Arc::new(AtomicU64::new(0));
    let (counted, relays) = (dots.clone(), Arc::new(Semaphore::new(0)));
    let begun = relays.clone();
    let _egress = rival.relay(move |job| {
        let (held, counted, begun) = (held.clone(), counted.clone(), begun.clone());
        async move {
            begun.add_permits(1);
            relay_fenced(job, async || {
                counted.fetch_add(1, Ordering::AcqRel);
                held.acquire().await.unwrap().forget();
                ok()
            })
            .await
        }
    });
    let mail = mail_of("4F", &["a"]);
    let asked = ask(&client, mail.clone());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        line = line_until(&server, &mail, |line| !line.is_empty()) => assert_eq!(line.len(), 1),
    }
    // The same mail once more, in another transaction.
    let again = mail_of("4F", &["a"]);
    assert_eq!(again.key, mail.key);
    put(&server, &again).await;
    timeout(PATIENCE, relays.acquire_many(2)).await.unwrap().unwrap().forget();
    let seen = line_of(&server, &mail).await.first().and_then(beat_of).unwrap();
    // Three beats are the time after which a silent claim is stale.
    let beaten = |line: &[Record]| line.len() > 1 || beat_of(&line[0]).is_none_or(|beat| beat >= seen + 6);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        line = line_until(&server, &mail, beaten) => assert_eq!(line.len(), 1, "{line:?}"),
    }
    gate.add_permits(2);
    assert_eq!(codes(&asked.await), [250]);
    clean_streams(&server).await;
    assert_eq!(dots.load(Ordering::Acquire), 1);
    assert_eq!(rival.metric("mailweir_bus_ledger_ambiguous_total"), 0.0);
    // Once for the other transaction, and once more for each delivery that a slow machine repeated.
    assert!(rival.metric("mailweir_bus_ledger_claims_total{result=\"done\"}") >= 1.0);
}

#[tokio::test]
async fn groups_and_split_transactions_do_not_touch_each_other() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(|job| async move {
        let claims = &job.claims;
        let mut outcomes = Outcomes::unknown(&job.mail.envelope);
        let group = async |at: usize, code: u16| {
            let reply = Reply::new(code, None, "x");
            assert_eq!(claims.claim(&[Position::new(at)]).await, Claimed::Granted);
            claims.record(&[(Position::new(at), reply.clone())]).await;
            reply
        };
        let (one, two) = tokio::join!(group(0, 250), group(1, 550));
        outcomes.set(Position::new(0), one);
        outcomes.set(Position::new(1), two);
        outcomes
    });
    let (first, second) = (mail_of("4F", &["a", "b"]), mail_of("4F", &["c", "d"]));
    assert_eq!(first.key, second.key);
    let (one, two) = tokio::join!(ask(&client, first.clone()), ask(&client, second));
    assert_eq!((codes(&one), codes(&two)), (vec![250, 550], vec![250, 550]));
    let line = line_of(&server, &first).await;
    let mut outcomes: Vec<_> = line.iter().map(|record| is_done(record, &[250])).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [false, false, true, true]);
}

#[tokio::test]
async fn a_claim_that_nobody_waits_for_any_more_is_withdrawn() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(|job| async move {
        let all: Vec<_> = job.mail.envelope.positions().collect();
        // Polled once: what is to be created is on its way.
        tokio::select! {
            biased;
            claimed = job.claims.claim(&all) => panic!("{claimed:?} without the server's word"),
            () = std::future::ready(()) => {}
        }
        relay_fenced_ok(job).await
    });
    let mail = mail_of("4F", &["a"]);
    assert_eq!(codes(&ask(&client, mail.clone()).await), [250]);
    let done = |line: &[Record]| line.iter().all(|record| matches!(record.state, State::Done(_)));
    let line = line_until(&server, &mail, done).await;
    assert!(is_done(&line[0], &[]) && is_done(&line[1], &[250]), "{line:?}");
    assert_eq!(process.metric("mailweir_bus_ledger_ambiguous_total"), 0.0);
}
