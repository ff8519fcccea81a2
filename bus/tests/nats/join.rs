//! A client that tries again: it is answered from the record, waits for what is under way, or is the next attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::{Client, Settings, Work};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use proto::ledger::State;
use proto::{Envelope, Mail, NoEarly, Reply, TxId, Verdict};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, Role, after, ask, clean, clean_streams, codes, holds, jetstream, large_content, line_of,
    mail_of, ok, relay_fenced, relay_fenced_ok, settings, text, with_ledger,
};

/// A worker that finds nothing and counts what it looked at.
pub(crate) fn counting(process: &Process) -> (Role, Arc<AtomicUsize>) {
    let scans = Arc::new(AtomicUsize::new(0));
    let counted = scans.clone();
    let worker = process.scan(move |work| {
        let counted = counted.clone();
        async move {
            let Work::Scan(job) = work else { panic!("poison") };
            counted.fetch_add(1, Ordering::AcqRel);
            clean(&job.mail.envelope)
        }
    });
    (worker, scans)
}

/// The same mail in a transaction of its own.
pub(crate) fn again(mail: &Mail) -> Mail {
    Mail { tx: TxId::new(Uuid::now_v7()), ..mail.clone() }
}

/// `mail` with another content.
fn with_content(mail: &Mail, content: Bytes) -> Mail {
    let envelope: Envelope = (*mail.envelope).clone();
    Mail::new(mail.tx, envelope, content)
}

async fn last_sequence(server: &Server, stream: &str) -> u64 {
    jetstream(server).await.get_stream(stream).await.unwrap().cached_info().state.last_sequence
}

#[tokio::test]
async fn the_retry_of_a_delivered_mail_gets_the_reply_of_the_first_and_no_scan() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let (first, second) = (Client::new(&process.bus), Client::new(&process.bus));
    let (_worker, scans) = counting(&process);
    let count = AtomicUsize::new(0);
    let _egress = process.relay(move |job| {
        let queue_id = count.fetch_add(1, Ordering::AcqRel);
        relay_fenced(job, async move || Reply::enhanced(250, 0, 0, format!("Ok: queued as {queue_id}")))
    });
    let mail = mail_of("4F", &["a", "b"]);
    let told = ask(&first, mail.clone()).await;
    assert_eq!(text(&told), "250 2.0.0 Ok: queued as 0");
    assert_eq!(ask(&first, again(&mail)).await, told);
    assert_eq!(ask(&second, again(&mail)).await, told, "at another ingress");
    assert_eq!(scans.load(Ordering::Acquire), 1);
    assert_eq!(process.metric("mailweir_bus_joins_total{end=\"answered\"}"), 2.0);
    // Another queue file with the same content is another mail.
    assert_eq!(text(&ask(&first, mail_of("50", &["a", "b"])).await), "250 2.0.0 Ok: queued as 1");
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_retry_of_a_mail_that_is_being_scanned_waits_for_it() {
    let server = Server::start().await;
    // A worker that a busy machine makes silent for a second must not be taken for dead here.
    let settings = Settings { ack_wait: Duration::from_secs(10), ..with_ledger(&server) };
    let process = Process::reachable(settings).await;
    let (first, second) = (Client::new(&process.bus), Client::new(&process.bus));
    let gate = Arc::new(Semaphore::new(0));
    let (started, mut starts) = mpsc::channel(4);
    let held = gate.clone();
    let _worker = process.scan(move |work| {
        let (held, started) = (held.clone(), started.clone());
        async move {
            let Work::Scan(job) = work else { panic!("poison") };
            started.send(()).await.unwrap();
            held.acquire().await.unwrap().forget();
            clean(&job.mail.envelope)
        }
    });
    let _egress = process.relay(relay_fenced_ok);
    let mail = mail_of("4F", &["a", "b"]);
    let published = async |jobs| {
        while process.metric("mailweir_bus_published_total{stream=\"mail\"}") < jobs {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let lost = ask(&first, mail.clone());
    let scanning = async {
        assert_eq!(timeout(PATIENCE, starts.recv()).await.unwrap(), Some(()));
        published(1.0).await;
    };
    tokio::select! {
        _ = lost => panic!("nobody could answer"),
        () = scanning => {}
    }
    // Its client is gone now, and comes to another ingress.
    let retried = ask(&second, again(&mail));
    tokio::pin!(retried);
    let attached = async {
        published(2.0).await;
        gate.add_permits(4);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcomes = &mut retried => assert_eq!(codes(&outcomes), [250, 250], "{}", text(&outcomes)),
        () = attached => {}
    }
    assert!(starts.try_recv().is_err(), "a second scan");
    assert_eq!(line_of(&server, &mail).await.len(), 1);
    let joins = |end| process.metric(&format!("mailweir_bus_joins_total{{end=\"{end}\"}}"));
    assert_eq!((joins("answered") + joins("attached"), joins("again")), (1.0, 0.0));
    clean_streams(&server).await;
}

#[tokio::test]
async fn what_the_next_hop_did_not_take_is_the_next_attempt() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let tries = AtomicUsize::new(0);
    let _egress = process.relay(move |job| {
        let is_first = tries.fetch_add(1, Ordering::AcqRel) == 0;
        let busy = Reply::enhanced(451, 3, 0, "busy");
        relay_fenced(job, async move || if is_first { busy } else { ok() })
    });
    let mail = mail_of("4F", &["a"]);
    assert_eq!(codes(&ask(&client, mail.clone()).await), [451]);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!(scans.load(Ordering::Acquire), 2);
    let line = line_of(&server, &mail).await;
    let attempts: Vec<_> = line.iter().map(|record| record.attempt).collect();
    assert_eq!(attempts, [0, 1]);
    assert_eq!(line[1].state, State::Done(vec![ok()]));
    assert_eq!(process.metric("mailweir_bus_joins_total{end=\"again\"}"), 1.0);
    clean_streams(&server).await;
}

#[tokio::test]
async fn what_ended_without_a_record_is_the_next_attempt() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let tries = AtomicUsize::new(0);
    let _egress = process.relay(move |job| {
        let is_first = tries.fetch_add(1, Ordering::AcqRel) == 0;
        async move {
            if is_first {
                // The next hop could not be reached: nothing was claimed.
                return proto::Outcomes::unknown(&job.mail.envelope);
            }
            relay_fenced_ok(job).await
        }
    });
    let mail = mail_of("4F", &["a"]);
    assert_eq!(codes(&ask(&client, mail.clone()).await), [451]);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!(scans.load(Ordering::Acquire), 2);
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_retry_that_names_fewer_recipients_is_delivered_to_those_without_an_answer() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, _) = counting(&process);
    let _egress = process.relay(relay_fenced_ok);
    assert_eq!(codes(&ask(&client, mail_of("4F", &["a"])).await), [250]);
    let more = mail_of("4F", &["b", "a"]);
    assert_eq!(codes(&ask(&client, more.clone()).await), [250, 250]);
    let line = line_of(&server, &more).await;
    let recipients: Vec<_> = line.iter().map(|record| record.recipients.len()).collect();
    assert_eq!(recipients, [1, 1], "a has one copy, and b");
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_mail_that_is_old_is_looked_up_before_it_is_queued() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let _egress = process.relay(relay_fenced_ok);
    let received = Timestamp::now() - Duration::from_secs(300);
    let received = DateTimePrinter::new().timestamp_to_string(&received).unwrap();
    let content = format!("Received: by mx.example.org (Postfix);\r\n\t{received}\r\n\r\nhello\r\n");
    let mail = with_content(&mail_of("4F", &["a"]), content.into());
    assert_eq!(codes(&ask(&client, mail.clone()).await), [250]);
    let queued = last_sequence(&server, "MAIL").await;
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!((scans.load(Ordering::Acquire), last_sequence(&server, "MAIL").await), (1, queued));
    assert_eq!(process.metric("mailweir_bus_published_total{stream=\"mail\"}"), 1.0);
}

#[tokio::test]
async fn the_retry_of_a_large_mail_does_not_send_its_chunks_again() {
    let server = Server::start().await;
    let settings = Settings { inline_bytes_max: 1_000, chunk_bytes: 10_000, ..with_ledger(&server) };
    let process = Process::reachable(settings).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let tries = AtomicUsize::new(0);
    let _egress = process.relay(move |job| {
        let is_first = tries.fetch_add(1, Ordering::AcqRel) == 0;
        let busy = Reply::enhanced(451, 3, 0, "busy");
        relay_fenced(job, async move || if is_first { busy } else { ok() })
    });
    let mail = with_content(&mail_of("4F", &["a"]), large_content(95_000));
    assert_eq!(codes(&ask(&client, mail.clone()).await), [451]);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    let sent = last_sequence(&server, "BODY").await;
    assert_eq!(sent, 20);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!((scans.load(Ordering::Acquire), last_sequence(&server, "BODY").await), (2, sent));
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_mail_with_an_ident_goes_on_behind_the_deadline_and_answers_the_retry() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let _worker = process.scan(move |work| {
        let held = held.clone();
        async move { held_verdict(work, &held).await }
    });
    let _egress = process.relay(relay_fenced_ok);
    let mail = mail_of("4F", &["a"]);
    let late = timeout(PATIENCE, client.ask(mail.clone(), after(3), Arc::new(NoEarly))).await.unwrap();
    assert_eq!(text(&late), "451 4.4.7 no outcome in time, try again later");
    gate.add_permits(1);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!(line_of(&server, &mail).await.len(), 1);
    clean_streams(&server).await;
}

async fn held_verdict(work: Work, held: &Semaphore) -> Verdict {
    let Work::Scan(job) = work else { panic!("poison") };
    held.acquire().await.unwrap().forget();
    clean(&job.mail.envelope)
}

#[tokio::test]
async fn what_two_clients_without_ident_send_at_once_is_two_mails() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let _egress = process.relay(relay_fenced_ok);
    let (one, two) = tokio::join!(ask(&client, crate::world::mail()), ask(&client, crate::world::mail()));
    assert_eq!((codes(&one), codes(&two)), (vec![250], vec![250]));
    assert_eq!(scans.load(Ordering::Acquire), 2);
    assert_eq!(process.metric("mailweir_bus_ledger_claims_total{result=\"granted\"}"), 2.0);
}

/// What a killed server may come back with: a job whose removal it forgot, acknowledged, its verdict gone.
#[tokio::test]
async fn a_job_that_nobody_works_on_holds_no_retry_up() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let mail = mail_of("4F", &["a"]);
    let late = timeout(PATIENCE, client.ask(mail.clone(), after(4), Arc::new(NoEarly)));
    assert_eq!(codes(&late.await.unwrap()), [451]);
    holds(&server, "VERDICT", 1).await;
    jetstream(&server).await.get_stream("VERDICT").await.unwrap().purge().await.unwrap();
    holds(&server, "MAIL", 1).await;
    let _egress = process.relay(relay_fenced_ok);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!(scans.load(Ordering::Acquire), 2);
    assert_eq!(process.metric("mailweir_bus_orphans_total"), 1.0);
    clean_streams(&server).await;
}

#[tokio::test]
async fn without_a_ledger_a_retry_is_a_job_of_its_own() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let (_worker, scans) = counting(&process);
    let _egress = process.relay(relay_fenced_ok);
    let mail = mail_of("4F", &["a"]);
    assert_eq!(codes(&ask(&client, mail.clone()).await), [250]);
    assert_eq!(codes(&ask(&client, again(&mail)).await), [250]);
    assert_eq!(scans.load(Ordering::Acquire), 2);
}
