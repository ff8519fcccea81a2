//! A ledger that is away, holds what cannot be read, or is switched off.

use std::sync::Arc;

use bus::{Claimed, Client, Settings};
use proto::{NoEarly, Outcomes};
use tokio::time::timeout;

use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, after, ask, clean_streams, codes, holds, is_done, jetstream, line_of, mail, mail_of, ok,
    relay_fenced, relay_fenced_ok, scan_clean, settings, text, with_ledger,
};

#[tokio::test]
async fn the_ingress_is_told_while_the_record_is_still_being_written() {
    let server = Server::start().await;
    let strict = Settings { create_streams: false, ..with_ledger(&server) };
    let process = Process::start(strict).await;
    process.bus.topology().await.unwrap();
    process.bus.apply_topology().await.unwrap();
    process.until(bus::Reachability::is_reachable).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let js = jetstream(&server).await;
    let gone = js.clone();
    let _egress = process.relay(move |job| {
        let gone = gone.clone();
        async move {
            let all: Vec<_> = job.mail.envelope.positions().collect();
            assert_eq!(job.claims.claim(&all).await, Claimed::Granted);
            gone.delete_stream("LEDGER").await.unwrap();
            let results: Vec<_> = all.iter().map(|position| (*position, ok())).collect();
            for (position, reply) in &results {
                job.early.known(*position, reply);
            }
            job.claims.record(&results).await;
            Outcomes::all(&job.mail.envelope, &ok())
        }
    });
    let mail = mail_of("4F", &["a", "b"]);
    assert_eq!(codes(&ask(&client, mail.clone()).await), [250, 250]);
    // Nothing is removed before the outcome is written.
    holds(&server, "MAIL", 1).await;
    process.bus.apply_topology().await.unwrap();
    clean_streams(&server).await;
    assert!(is_done(&line_of(&server, &mail).await[0], &[250, 250]));
}

#[tokio::test]
async fn a_claim_waits_for_a_ledger_that_is_not_there() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let js = jetstream(&server).await;
    let _egress = process.relay(move |job| {
        let js = js.clone();
        async move {
            js.delete_stream("LEDGER").await.unwrap();
            relay_fenced_ok(job).await
        }
    });
    let mail = mail_of("4F", &["a"]);
    assert_eq!(codes(&ask(&client, mail.clone()).await), [250]);
    assert!(is_done(&line_of(&server, &mail).await[0], &[250]));
    assert!(process.metric("mailweir_bus_publish_retries_total") >= 1.0);
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_451() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(|job| relay_fenced(job, async || panic!("a copy that nobody may send")));
    let mail = mail_of("4F", &["a"]);
    let subject = format!("mail.led.{}.0", mail.key);
    jetstream(&server).await.publish(subject, "garbage".into()).await.unwrap().await.unwrap();
    assert_eq!(text(&ask(&client, mail).await), "451 4.3.0 its record cannot be read, try again later");
    assert_eq!(process.metric("mailweir_bus_ledger_unreadable_total"), 1.0);
    assert_eq!(process.metric("mailweir_bus_ledger_claims_total{result=\"refused\"}"), 1.0);
    clean_streams(&server).await;
}

#[tokio::test]
async fn without_a_ledger_a_claim_is_granted_and_nothing_is_kept() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_fenced_ok);
    let asked = timeout(PATIENCE, client.ask(mail(), after(25), Arc::new(NoEarly)));
    assert_eq!(codes(&asked.await.unwrap()), [250]);
    clean_streams(&server).await;
    assert!(jetstream(&server).await.get_stream("LEDGER").await.is_err());
    assert_eq!(process.metric("mailweir_bus_published_total{stream=\"ledger\"}"), 0.0);
}
