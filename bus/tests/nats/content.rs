//! Contents above the inline limit.

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::PullConsumer;
use bus::{Client, Settings, Work};
use futures_util::StreamExt as _;
use proto::Outcomes;

use crate::server::Server;
use crate::world::{
    Process, ask, clean, clean_streams, codes, holds, jetstream, large_content, mail, mail_to, ok,
    relay_category, relay_ok, scan_clean, settings, text, with_ledger,
};

#[tokio::test]
async fn fifty_megabytes_pass_with_the_servers_default_max_payload() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let content = large_content(50 * 1024 * 1024);
    let (scanned, relayed) = (content.clone(), content.clone());
    let _worker = process.scan(move |work| {
        let expected = scanned.clone();
        async move {
            let Work::Scan(job) = work else { panic!("poisoned") };
            assert!(job.mail.content == expected);
            clean(&job.mail.envelope)
        }
    });
    let _egress = process.relay(move |job| {
        let expected = relayed.clone();
        async move {
            assert!(job.mail.content == expected);
            Outcomes::all(&job.mail.envelope, &ok())
        }
    });
    assert_eq!(codes(&ask(&client, mail_to(1, content)).await), [250]);
    clean_streams(&server).await;
    assert_eq!(process.metric("mailweir_bus_published_total{stream=\"body\"}"), 59.0);
}

/// On both sides of the limit, and of a whole number of chunks.
#[tokio::test]
async fn contents_around_the_inline_limit_pass() {
    let server = Server::start().await;
    let limits = Settings { inline_bytes_max: 20_000, chunk_bytes: 10_000, ..settings(&server) };
    let process = Process::reachable(limits).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(|job| async move {
        let whole = proto::Digest::of(&job.mail.content) == job.mail.digest;
        assert!(whole);
        relay_ok(job).await
    });
    let body = "mailweir_bus_published_total{stream=\"body\"}";
    let mut chunks = 0.0;
    for (bytes, more) in [(0, 0.0), (19_000, 0.0), (20_000, 2.0), (20_001, 3.0), (30_000, 3.0)] {
        let outcomes = ask(&client, mail_to(1, large_content(bytes))).await;
        assert_eq!(codes(&outcomes), [250], "{bytes}");
        chunks += more;
        assert_eq!(process.metric(body), chunks, "{bytes}");
    }
    clean_streams(&server).await;
}

#[tokio::test]
async fn a_mail_that_the_queue_can_never_hold_is_552_and_a_full_store_is_452() {
    let server = Server::start().await;
    let limits =
        Settings { inline_bytes_max: 1_000, chunk_bytes: 10_000, body_messages_max: 3, ..settings(&server) };
    let process = Process::reachable(limits).await;
    let client = Client::new(&process.bus);
    let outcomes = ask(&client, mail_to(1, large_content(30_001))).await;
    assert_eq!(text(&outcomes), "552 5.3.4 message too large for the mail queue");
    let js = jetstream(&server).await;
    js.publish("mail.body.other", "x".into()).await.unwrap().await.unwrap();
    let outcomes = ask(&client, mail_to(1, large_content(30_000))).await;
    assert_eq!(text(&outcomes), "452 4.3.1 mail queue is full, try again later");
    holds(&server, "BODY", 1).await;
    holds(&server, "MAIL", 0).await;
}

#[tokio::test]
async fn an_envelope_that_no_message_can_carry_is_452() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let outcomes = ask(&client, mail_to(20_000, "x: y\r\n")).await;
    assert_eq!(text(&outcomes), "452 4.5.3 envelope too large for the mail queue");
}

#[tokio::test]
async fn a_mail_with_a_missing_chunk_is_never_clean() {
    let server = Server::start().await;
    let limits = Settings { inline_bytes_max: 1_000, chunk_bytes: 10_000, ..settings(&server) };
    let process = Process::reachable(limits).await;
    let client = Client::new(&process.bus);
    let asked = ask(&client, mail_to(1, large_content(30_000)));
    tokio::pin!(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        () = holds(&server, "MAIL", 1) => {}
    }
    let body = jetstream(&server).await.get_stream("BODY").await.unwrap();
    assert!(body.delete_message(2).await.unwrap());
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_category);
    // Given up as poison; the egress cannot read it either, and says so at once.
    let outcomes = asked.await;
    assert_eq!(text(&outcomes), "451 4.3.0 content was damaged on its way, try again");
    clean_streams(&server).await;
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 1.0);
    assert_eq!(process.metric("mailweir_bus_put_aside_total{reason=\"missing\"}"), 4.0);
}

/// An egress died before its dot, and somebody deleted the job: the ledger knows that nobody else can have finished it.
#[tokio::test]
async fn a_mail_that_lost_its_content_and_that_nobody_claimed_is_told_so_at_once() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let asked = ask(&client, mail());
    tokio::pin!(asked);
    let streams = jetstream(&server).await;
    let lost = async {
        holds(&server, "VERDICT", 1).await;
        let verdicts = streams.get_stream("VERDICT").await.unwrap();
        let relay: PullConsumer = verdicts.get_consumer("relay").await.unwrap();
        let verdict = relay.fetch().max_messages(1).messages().await.unwrap().next().await.unwrap().unwrap();
        assert!(streams.get_stream("MAIL").await.unwrap().delete_message(1).await.unwrap());
        verdict.ack_with(AckKind::Nak(None)).await.unwrap();
    };
    tokio::select! {
        _ = &mut asked => panic!("nobody could answer"),
        () = lost => {}
    }
    let _egress = process.relay(|job| async move { panic!("{} has no content", job.mail.tx) });
    assert_eq!(text(&asked.await), "451 4.3.0 content was damaged on its way, try again");
    holds(&server, "VERDICT", 0).await;
    assert_eq!(process.metric("mailweir_bus_put_aside_total{reason=\"missing\"}"), 1.0);
}
