//! Two egresses and an ingress want the same mail at the same moment: one of them gets it.
//!
//! And what a server that stood still must not bring about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use bus::{Client, RelayJob, Settings};
use futures_util::StreamExt as _;
use proto::wire::{Job, Judged, decode, encode};
use proto::{Mail, NoEarly, Outcomes, TxId};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::server::{PATIENCE, Server, cluster};
use crate::world::{
    Process, after, ask, clean, clean_streams, codes, jetstream, mail, ok, relay_fenced, scan_clean,
    with_ledger,
};

const ROUNDS: usize = 1_000;
/// Rounds at the same time.
const AT_ONCE: usize = 200;
/// From a round's begin until its ingress gives up.
const DEADLINE_SECONDS: u64 = 2;
/// The egresses claim that much before the deadline of their round, to that much behind it.
const SPREAD: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(20)];

/// What the next hop took, by transaction, and when the round of a transaction ends.
#[derive(Default)]
struct Rounds {
    dots: Mutex<HashMap<TxId, usize>>,
    ends: Mutex<HashMap<TxId, Instant>>,
}

impl Rounds {
    fn dot(&self, tx: TxId) {
        *self.dots.lock().unwrap().entry(tx).or_default() += 1;
    }

    fn dots(&self, tx: TxId) -> usize {
        self.dots.lock().unwrap().get(&tx).copied().unwrap_or(0)
    }

    /// An egress that claims around the end of the round, each a little apart from the others.
    async fn relay(self: Arc<Self>, job: RelayJob, number: usize) -> Outcomes {
        let tx = job.mail.tx;
        let end = self.ends.lock().unwrap().get(&tx).copied().unwrap();
        let [before, behind] = SPREAD;
        let step = (before + behind) / 100;
        sleep_until(end - before + step * u32::try_from(number % 100).unwrap()).await;
        relay_fenced(job, async || {
            self.dot(tx);
            ok()
        })
        .await
    }
}

/// A worker whose every verdict is stored twice, as by one that died before its ack.
async fn judge_twice(server: &Server) {
    let js = jetstream(server).await;
    let consumer: PullConsumer = js.get_consumer_from_stream("scan-s", "MAIL").await.unwrap();
    let mut jobs = consumer.messages().await.unwrap();
    while let Some(message) = jobs.next().await {
        let message = message.unwrap();
        let job_sequence = message.info().unwrap().stream_sequence;
        let (job, _) = decode::<Job>(&message.payload).unwrap();
        let subject = format!("mail.verdict.{}", job.tx);
        let judged = Judged { verdict: clean(&job.envelope), job, job_sequence };
        let verdict = encode(&judged, b"").unwrap();
        for _ in 0..2 {
            js.publish(subject.clone(), verdict.clone()).await.unwrap().await.unwrap();
        }
        message.ack().await.unwrap();
    }
}

async fn one_winner_in_each_round(server: &Server, settings: Settings) {
    let settings = Settings { notice_reserve: Duration::from_millis(1), ..settings };
    let ingress = Process::reachable(settings.clone()).await;
    let client = Client::new(&ingress.bus);
    let rounds = Arc::new(Rounds::default());
    let mut egresses = Vec::new();
    for _ in 0..2 {
        let process = Process::reachable(settings.clone()).await;
        let (rounds, counter) = (rounds.clone(), std::sync::atomic::AtomicUsize::new(0));
        let role = process.relay_with(2 * AT_ONCE, move |job| {
            let number = counter.fetch_add(7, std::sync::atomic::Ordering::Relaxed);
            rounds.clone().relay(job, number)
        });
        egresses.push((process, role));
    }
    let race = async {
        let (mut delivered, mut given_up) = (0, 0);
        for _ in 0..ROUNDS / AT_ONCE {
            let mut asked = JoinSet::new();
            for _ in 0..AT_ONCE {
                let (client, rounds, mail) = (client.clone(), rounds.clone(), mail());
                asked.spawn(async move { round(&client, &rounds, mail).await });
            }
            for (code, dots) in asked.join_all().await {
                match (code, dots) {
                    (250, 1) => delivered += 1,
                    (451, 0) => given_up += 1,
                    odd => panic!("the client was told {} and the next hop has {} copies", odd.0, odd.1),
                }
            }
        }
        // Who comes later still sends nothing.
        clean_streams(server).await;
        (delivered, given_up)
    };
    let (delivered, given_up) = tokio::select! {
        () = judge_twice(server) => panic!("no more jobs"),
        counts = race => counts,
    };
    assert_eq!(delivered + given_up, ROUNDS);
    assert!(delivered > 0 && given_up > 0, "no race: {delivered} delivered, {given_up} given up");
    assert!(rounds.dots.lock().unwrap().values().all(|dots| *dots == 1), "a second copy");
}

/// What the client is told, and how many copies there are then.
async fn round(client: &Client, rounds: &Rounds, mail: Mail) -> (u16, usize) {
    let (tx, deadline) = (mail.tx, after(DEADLINE_SECONDS));
    rounds.ends.lock().unwrap().insert(tx, deadline.at().into());
    let told = timeout(PATIENCE, client.ask(mail, deadline, Arc::new(NoEarly))).await.unwrap();
    (codes(&told)[0], rounds.dots(tx))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_egresses_and_an_ingress_gets_the_mail() {
    let server = Server::start().await;
    Box::pin(one_winner_in_each_round(&server, with_ledger(&server))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_egresses_and_an_ingress_gets_the_mail_of_three_servers() {
    let servers = cluster().await;
    let urls = servers.iter().map(Server::url).collect();
    let settings = Settings { servers: urls, replicas: 3, ..with_ledger(&servers[0]) };
    Box::pin(one_winner_in_each_round(&servers[0], settings)).await;
}

#[tokio::test]
async fn a_job_that_arrives_behind_its_deadline_is_fenced() {
    let server = Server::start().await;
    let process = Process::reachable(with_ledger(&server)).await;
    let client = Client::new(&process.bus);
    let rounds = Arc::new(Rounds::default());
    let _worker = process.scan(scan_clean);
    let noted = rounds.clone();
    let _egress = process.relay(move |job| {
        let (noted, tx) = (noted.clone(), job.mail.tx);
        relay_fenced(job, async move || {
            noted.dot(tx);
            ok()
        })
    });
    assert_eq!(codes(&ask(&client, mail()).await), [250]);
    // The job and the abort are in the socket of a server that stands still.
    server.signal("STOP").await;
    let mail = mail();
    let (tx, deadline) = (mail.tx, after(1));
    let asked = timeout(PATIENCE, client.ask(mail, deadline, Arc::new(NoEarly)));
    tokio::pin!(asked);
    tokio::select! {
        told = &mut asked => panic!("nobody could answer: {told:?}"),
        () = sleep_until(Instant::from_std(deadline.at()) + Duration::from_secs(1)) => {}
    }
    server.signal("CONT").await;
    let told = codes(&asked.await.unwrap())[0];
    clean_streams(&server).await;
    assert!(matches!((told, rounds.dots(tx)), (451, 0) | (250, 1)), "{told}, {} copies", rounds.dots(tx));
}
