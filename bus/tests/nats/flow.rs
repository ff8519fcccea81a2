//! The way of a mail without faults.

use std::sync::Arc;
use std::time::Duration;

use bus::Client;
use proto::{NoEarly, Outcomes, Position, Reply};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::server::{PATIENCE, Server};
use crate::world::{
    Heard, Process, after, ask, clean, clean_streams, codes, holds, mail, mail_to, ok, relay_ok, scan_clean,
    settings, text,
};

#[tokio::test]
async fn a_small_mail_makes_the_round_and_leaves_nothing_behind() {
    let server = Server::start().await;
    let process = Process::start(settings(&server)).await;
    let client = Client::new(&process.bus);
    let (saw, mut seen) = mpsc::channel(4);
    let worker = process.scan(scan_clean);
    let egress = process.relay(move |job| {
        let saw = saw.clone();
        async move {
            saw.send(job.mail.clone()).await.unwrap();
            relay_ok(job).await
        }
    });
    let mail = mail_to(2, "subject: x\r\n\r\nhello\r\n");
    let outcomes = ask(&client, mail.clone()).await;
    assert_eq!(outcomes, Outcomes::all(&mail.envelope, &ok()));
    let got = seen.recv().await.unwrap();
    assert_eq!((got.tx, got.key, &got.content), (mail.tx, mail.key, &mail.content));
    assert_eq!(got.envelope, mail.envelope);
    clean_streams(&server).await;
    worker.drained().await;
    egress.drained().await;
    assert_eq!(process.metric("mailweir_bus_notices_total{end=\"taken\"}"), 1.0);
    assert_eq!(process.metric("mailweir_bus_in_work"), 0.0);
    assert_eq!(process.metric("mailweir_bus_waiting"), 0.0);
    drop(client);
    timeout(PATIENCE, process.bus.shutdown()).await.unwrap();
}

#[tokio::test]
async fn many_mails_at_once_all_get_their_own_outcome() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(|job| async move {
        let reply = Reply::enhanced(250, 0, 0, job.mail.tx.to_string());
        Outcomes::all(&job.mail.envelope, &reply)
    });
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let client = client.clone();
        asked.spawn(async move {
            let mail = mail();
            let tx = mail.tx.to_string();
            assert!(text(&ask(&client, mail).await).ends_with(&tx));
        });
    }
    while let Some(done) = asked.join_next().await {
        done.unwrap();
    }
    clean_streams(&server).await;
}

#[tokio::test]
async fn early_replies_come_before_the_outcome() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let gate = Arc::new(Semaphore::new(0));
    let _worker = process.scan(scan_clean);
    let held = gate.clone();
    let _egress = process.relay(move |job| {
        let held = held.clone();
        async move {
            job.early.known(Position::new(1), &ok());
            held.acquire().await.unwrap().forget();
            let mut outcomes = Outcomes::unknown(&job.mail.envelope);
            outcomes.set(Position::new(1), ok());
            outcomes.set(Position::new(0), Reply::enhanced(550, 1, 1, "no such user"));
            outcomes
        }
    });
    let heard = Arc::new(Heard::default());
    let asked = client.ask(mail_to(3, "a: b\r\n"), after(25), heard.clone());
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("the outcome came first"),
        woken = timeout(PATIENCE, heard.wake.notified()) => woken.unwrap(),
    }
    assert_eq!(*heard.replies.lock().unwrap(), [(1, 250)]);
    gate.add_permits(1);
    let outcomes = timeout(PATIENCE, asked).await.unwrap();
    assert_eq!(codes(&outcomes), [550, 250, 451]);
}

#[tokio::test]
async fn a_full_queue_is_452_and_nothing_is_stored() {
    let server = Server::start().await;
    let settings = bus::Settings { queue_messages_max: 2, ..settings(&server) };
    let process = Process::reachable(settings).await;
    let client = Client::new(&process.bus);
    let waiting = || client.ask(mail(), after(25), Arc::new(NoEarly));
    let (first, second) = (waiting(), waiting());
    tokio::pin!(first, second);
    tokio::select! {
        _ = &mut first => panic!("nobody could answer"),
        _ = &mut second => panic!("nobody could answer"),
        () = holds(&server, "MAIL", 2) => {}
    }
    assert_eq!(text(&ask(&client, mail()).await), "452 4.3.1 mail queue is full, try again later");
    // Room again: the two are worked off, and the next one passes.
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    assert_eq!(codes(&timeout(PATIENCE, first).await.unwrap()), [250]);
    assert_eq!(codes(&timeout(PATIENCE, second).await.unwrap()), [250]);
    clean_streams(&server).await;
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
}

#[tokio::test]
async fn without_a_worker_the_deadline_answers_and_the_job_is_dropped_unscanned() {
    let server = Server::start().await;
    let settings = bus::Settings { notice_reserve: Duration::ZERO, ..settings(&server) };
    let process = Process::reachable(settings).await;
    let client = Client::new(&process.bus);
    let outcomes = timeout(PATIENCE, client.ask(mail(), after(1), Arc::new(NoEarly))).await.unwrap();
    assert_eq!(text(&outcomes), "451 4.4.7 no outcome in time, try again later");
    holds(&server, "MAIL", 1).await;
    let worker = process.scan(|_| async { panic!("an expired job was scanned") });
    clean_streams(&server).await;
    worker.drained().await;
    assert_eq!(process.metric("mailweir_bus_expired_total"), 1.0);
    assert_eq!(process.metric("mailweir_bus_panicked_total"), 0.0);
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_leaves_the_rest_to_others() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let gate = Arc::new(Semaphore::new(0));
    let (started, mut starts) = mpsc::channel(4);
    let held = gate.clone();
    let _egress = process.relay(relay_ok);
    let draining = process.scan(move |work| {
        let (held, started) = (held.clone(), started.clone());
        async move {
            started.send(()).await.unwrap();
            held.acquire().await.unwrap().forget();
            scan_clean(work).await
        }
    });
    let first = client.ask(mail(), after(25), Arc::new(NoEarly));
    tokio::pin!(first);
    tokio::select! {
        _ = &mut first => panic!("nobody could answer"),
        start = timeout(PATIENCE, starts.recv()) => assert_eq!(start.unwrap(), Some(())),
    }
    // Its other slots still have a request standing: what comes to it now is handed back.
    draining.begin_drain();
    let other = Process::reachable(settings(&server)).await;
    let worker = other.scan(|work| async move {
        let bus::Work::Scan(job) = work else { panic!("poisoned by a drain") };
        clean(&job.mail.envelope)
    });
    for _ in 0..3 {
        assert_eq!(codes(&ask(&client, mail()).await), [250]);
    }
    assert!(starts.try_recv().is_err(), "a draining worker began something");
    gate.add_permits(1);
    assert_eq!(codes(&timeout(PATIENCE, first).await.unwrap()), [250]);
    draining.drained().await;
    worker.drained().await;
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_deadline_that_has_passed_publishes_nothing() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let outcomes = timeout(PATIENCE, client.ask(mail(), after(0), Arc::new(NoEarly))).await.unwrap();
    assert_eq!(codes(&outcomes), [451]);
    assert_eq!(process.metric("mailweir_bus_published_total{stream=\"mail\"}"), 0.0);
    holds(&server, "MAIL", 0).await;
}
