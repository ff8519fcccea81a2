//! Messages in the streams that are none of this release's.

use bus::{Client, Reachability, Settings};
use futures_util::StreamExt as _;
use proto::wire::{ContentAt, Job, VERSION, encode};

use crate::server::Server;
use crate::world::{
    Process, ask, codes, holds, jetstream, mail, relay_category, relay_ok, scan_clean, settings,
};

fn job(reply_to: &str, content: ContentAt) -> Job {
    let mail = mail();
    Job {
        tx: mail.tx,
        key: mail.key,
        envelope: (*mail.envelope).clone(),
        bytes: mail.content.len() as u64,
        digest: mail.digest,
        content,
        reply_to: reply_to.into(),
        remaining_ms: 60_000,
        attempt: 0,
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(crate::server::PATIENCE, held).await.is_ok(), "{what}");
}

#[tokio::test]
async fn a_newer_version_is_left_alone_and_others_pass_it() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let js = jetstream(&server).await;
    let newer = vec![VERSION + 1, 1, 2, 3];
    js.publish("mail.job.s.x", newer.clone().into()).await.unwrap().await.unwrap();
    js.publish("mail.verdict.x", newer.into()).await.unwrap().await.unwrap();
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    let counter = "mailweir_bus_put_aside_total{reason=\"newer\"}";
    // Offered again and again, and never judged.
    until("offered again", || process.metric(counter) >= 4.0).await;
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
    holds(&server, "MAIL", 1).await;
    holds(&server, "VERDICT", 1).await;
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 0.0);
}

#[tokio::test]
async fn garbage_is_parked_and_never_offered_again() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let client = Client::new(&process.bus);
    let js = jetstream(&server).await;
    for garbage in [&b""[..], b"\0", b"\x01\xff\xff\xff\xff", b"hello"] {
        js.publish("mail.job.s.x", garbage.into()).await.unwrap().await.unwrap();
    }
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_ok);
    let counter = "mailweir_bus_put_aside_total{reason=\"alien\"}";
    // A first byte above our version is what a newer release would write: `hello` is left, not parked.
    until("three parked", || process.metric(counter) == 3.0).await;
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
    assert_eq!(process.metric(counter), 3.0);
    holds(&server, "MAIL", 4).await;
}

#[tokio::test]
async fn a_wrong_digest_or_an_absurd_length_is_given_up_and_nobody_is_written_to() {
    let server = Server::start().await;
    let process = Process::reachable(settings(&server)).await;
    let js = jetstream(&server).await;
    let mut victim = js.client().subscribe("victim").await.unwrap();
    let hostile = [
        (job("victim", ContentAt::Inline), &b"other bytes\r\n"[..]),
        (Job { bytes: 1 << 30, ..job("_INBOX.gone", ContentAt::Chunks(Vec::new())) }, b""),
    ];
    for (job, content) in hostile {
        let message = encode(&job, content).unwrap();
        js.publish("mail.job.s.x", message).await.unwrap().await.unwrap();
    }
    let _worker = process.scan(scan_clean);
    let _egress = process.relay(relay_category);
    holds(&server, "MAIL", 0).await;
    holds(&server, "VERDICT", 0).await;
    js.client().publish("victim", "the first".into()).await.unwrap();
    assert_eq!(victim.next().await.unwrap().payload, "the first");
    assert_eq!(process.metric("mailweir_bus_poisoned_total"), 2.0);
    assert_eq!(process.metric("mailweir_bus_put_aside_total{reason=\"corrupt\"}"), 8.0);
    assert!(process.until(Reachability::is_reachable).await.is_reachable());
}

#[tokio::test]
async fn options_that_cannot_work_are_refused_at_once() {
    use prometheus_client::registry::Registry;
    let check = async |change: fn(&mut Settings), expected: &str| {
        let mut settings = Settings::default();
        change(&mut settings);
        let metrics = bus::Metrics::register(&mut Registry::default());
        let error = bus::Bus::connect(settings, "test", metrics).await.err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected));
    };
    check(|s| s.servers.clear(), "no NATS server is configured").await;
    check(|s| s.servers = vec!["nats://u:p@h:x".into()], "`nats://h:x` is not a NATS server address").await;
    check(|s| s.credentials = Some("/nowhere".into()), "reading NATS credentials from /nowhere").await;
    check(|s| s.tls_ca = Some("/dev/null".into()), "reading root certificates from /dev/null").await;
    check(|s| s.user = Some("u".into()), "NATS user and password go together").await;
    check(|s| s.prefix = "A.b".into(), "`A.b` is no prefix: use 1 to 32 of a-z, 0-9, - and _").await;
    check(|s| s.replicas = 0, "replicas must be 1 to 5").await;
    check(|s| s.replicas = 6, "replicas must be 1 to 5").await;
}
