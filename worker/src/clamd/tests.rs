//! The client against a clamd that does as it is told.

mod canary;
mod fake;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use tokio::time::Instant;

use proto::{Deadline, Endpoint};

use self::fake::{Act, CLEAN, Fake};
use super::*;
use crate::Metrics;
use crate::pool::testing::mail;
use crate::pool::{Asked, Failed, Pool};

fn settings(hosts: &[&Endpoint]) -> Settings {
    Settings { hosts: hosts.iter().map(|host| (*host).clone()).collect(), ..Settings::default() }
}

/// A pool of clamds.
struct Asking(Pool<Clamd>);

impl Asking {
    async fn scan(&self, content: &[u8], deadline: Deadline) -> Result<Outcome, Failed> {
        self.0.scan(&Asked::head_of(&mail(content), usize::MAX), deadline).await
    }
}

fn client(settings: Settings) -> Asking {
    client_by(Way::Fildes, settings)
}

fn client_by(way: Way, settings: Settings) -> Asking {
    Asking(Pool::new(
        "clamd",
        Clamd { way, ..Clamd::default() },
        settings.pool(),
        &Metrics::register(&mut Registry::default()),
    ))
}

fn minute() -> Deadline {
    Deadline::after(Instant::now().into_std(), Duration::from_secs(60))
}

#[track_caller]
fn assert_failed(outcome: &Result<Outcome, Failed>, why: &str) {
    let Err(Failed(reason)) = outcome else {
        panic!("{outcome:?} is not a failure");
    };
    assert!(reason.contains(why), "{reason:?} does not say {why:?}");
}

#[tokio::test]
async fn every_answer_has_its_outcome() {
    let long: &'static [u8] = vec![b'x'; 10_000].leak();
    let over_limit = Outcome::OverLimit("stream size limit of clamd".into());
    let cases = [
        (CLEAN, Ok(Outcome::Clean)),
        (
            Act::Say(b"#: stream: Eicar-Test-Signature FOUND\0"),
            Ok(Outcome::Infected("Eicar-Test-Signature".into())),
        ),
        (
            Act::Say(b"#: stream: Heuristics.Encrypted.Zip FOUND\0"),
            Ok(Outcome::Encrypted("Heuristics.Encrypted.Zip".into())),
        ),
        (
            Act::Say(b"#: stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"),
            Ok(Outcome::OverLimit("Heuristics.Limits.Exceeded.MaxFileSize".into())),
        ),
        (Act::SayAndClose(b"#: INSTREAM size limit exceeded. ERROR\0"), Ok(over_limit.clone())),
        (Act::Interrupt(b"#: INSTREAM size limit exceeded. ERROR\0"), Ok(over_limit)),
        (Act::Say(b"#: stream: no memory ERROR\0"), Err("no memory")),
        (Act::Interrupt(b"#: no temporary file ERROR\0"), Err("no temporary file")),
        (Act::Interrupt(b"#: stream: OK\0"), Err("before the end of the content")),
        (Act::Interrupt(b"#: stream: x FOUND\0"), Err("before the end of the content")),
        (Act::Close, Err("before any answer")),
        (Act::SayAndClose(b"#: stream: OK"), Err("within the answer")),
        (Act::SayAndClose(b"#"), Err("within the answer")),
        (Act::Say(b"#: stream: OK\0#: stream: OK\0"), Err("behind the answer")),
        (Act::Say(b"#: stream: OK\0\n"), Err("behind the answer")),
        (Act::Say(b"#: stream: OK\n\0"), Err("cannot read the answer")),
        (Act::Say(b"stream: OK\0"), Err("not to request 1")),
        (Act::Say(b"7: stream: OK\0"), Err("not to request 1")),
        (Act::Say(b"#: PONG\0"), Err("neither OK, FOUND nor ERROR")),
        (Act::Say(b"\0"), Err("not to request 1")),
        (Act::Say(b"\xff\xfe\0"), Err("no text")),
        (Act::Say(long), Err("longer than 4096")),
    ];
    // More than the socket buffers hold, so that an interruption comes while the client writes.
    let content = vec![b'x'; 8 * 1024 * 1024];
    for (act, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let local = Fake::unix(&directory.path().join("clamd"), [act.clone()]);
        for fake in [Fake::tcp([act.clone()]).await, local] {
            let outcome = client(settings(&[&fake.endpoint])).scan(&content, minute()).await;
            match (&fake.endpoint, &expected) {
                // A file needs no reading before the answer: this one did not come early.
                (Endpoint::Unix(_), Err("before the end of the content")) => {
                    assert!(outcome.is_ok(), "{act:?}")
                }
                (_, Ok(expected)) => assert_eq!(outcome, Ok(expected.clone()), "{act:?}"),
                (_, Err(why)) => assert_failed(&outcome, why),
            }
        }
    }
}

#[tokio::test]
async fn the_whole_content_arrives_over_one_session() {
    let contents: Vec<Vec<u8>> = [0, 1, 1000, 1024 * 1024, 3 * 1024 * 1024 + 1]
        .iter()
        .map(|size| (0..*size).map(|i| (i % 251) as u8).collect())
        .collect();
    for (way, files) in [(Way::Fildes, contents.len()), (Way::Instream, 0)] {
        let directory = tempfile::tempdir().unwrap();
        let fake = Fake::unix(&directory.path().join("clamd"), []);
        let client = client_by(way, settings(&[&fake.endpoint]));
        for content in &contents {
            assert_eq!(client.scan(content, minute()).await, Ok(Outcome::Clean));
        }
        assert!(*fake.state.seen.lock().unwrap() == contents);
        assert_eq!(fake.connections(), 1);
        assert_eq!(*fake.state.files.lock().unwrap(), files);
    }
}

#[tokio::test]
async fn a_host_that_says_nothing_costs_the_time_out() {
    let fake = Fake::tcp([Act::Hang]).await;
    let mut settings = settings(&[&fake.endpoint]);
    settings.total_timeout = Duration::from_millis(50);
    settings.breaker_failures = 1;
    let client = client(settings);
    assert_failed(&client.scan(b"x", minute()).await, "no answer in time");
    assert!(client.0.is_left_alone(0));
}

#[tokio::test]
async fn the_deadline_of_the_mail_comes_first() {
    let fake = Fake::tcp([Act::Hang]).await;
    let deadline = Deadline::after(Instant::now().into_std(), Duration::from_millis(50));
    let mut settings = settings(&[&fake.endpoint]);
    settings.breaker_failures = 1;
    let client = client(settings);
    assert_failed(&client.scan(b"x", deadline).await, "no answer in time");
    assert!(!client.0.is_left_alone(0), "the host had too little time to be blamed");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_not_noticed_by_the_mail() {
    let fake = Fake::tcp([Act::CleanThenClose, CLEAN]).await;
    let client = client(settings(&[&fake.endpoint]));
    assert_eq!(client.scan(b"1", minute()).await, Ok(Outcome::Clean));
    fake.state.closed.notified().await;
    assert_eq!(client.scan(b"2", minute()).await, Ok(Outcome::Clean));
    assert_eq!(fake.connections(), 2);
}

#[tokio::test]
async fn a_pooled_connection_that_breaks_is_tried_again_on_a_fresh_one_once() {
    let fake = Fake::tcp([CLEAN, Act::Close, Act::Say(b"#: stream: x FOUND\0")]).await;
    let first = client(settings(&[&fake.endpoint]));
    assert_eq!(first.scan(b"1", minute()).await, Ok(Outcome::Clean));
    assert_eq!(first.scan(b"2", minute()).await, Ok(Outcome::Infected("x".into())));
    assert_eq!(fake.connections(), 2);

    let fake = Fake::tcp([CLEAN, Act::Close, Act::Close, CLEAN]).await;
    let second = client(settings(&[&fake.endpoint]));
    assert_eq!(second.scan(b"1", minute()).await, Ok(Outcome::Clean));
    assert_failed(&second.scan(b"2", minute()).await, "before any answer");
    assert_eq!(fake.scans(), 3);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_never_asked_for_again() {
    let fake = Fake::tcp([CLEAN, Act::SayAndClose(b"#: str"), CLEAN]).await;
    let client = client(settings(&[&fake.endpoint]));
    assert_eq!(client.scan(b"1", minute()).await, Ok(Outcome::Clean));
    assert_failed(&client.scan(b"2", minute()).await, "within the answer");
    assert_eq!(fake.scans(), 2);
}

#[tokio::test]
async fn an_old_idle_connection_is_not_used_again() {
    let fake = Fake::tcp([]).await;
    let mut settings = settings(&[&fake.endpoint]);
    settings.idle_max = Duration::ZERO;
    let client = client(settings);
    for _ in 0..3 {
        assert_eq!(client.scan(b"x", minute()).await, Ok(Outcome::Clean));
    }
    assert_eq!(fake.connections(), 3);
}

/// A port on which nobody listens.
async fn refusing() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Endpoint::Tcp { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() }
}

#[tokio::test]
async fn another_host_takes_over_when_the_first_fails_early() {
    let down = refusing().await;
    let ill = Fake::tcp([Act::Say(b"garbage\0")]).await;
    let well = Fake::tcp([Act::Say(b"#: stream: x FOUND\0")]).await;
    let client = client(settings(&[&down, &ill.endpoint, &well.endpoint]));
    assert_eq!(client.scan(b"x", minute()).await, Ok(Outcome::Infected("x".into())));
    assert_eq!((ill.scans(), well.scans()), (1, 1));
}

#[tokio::test]
async fn no_other_host_is_asked_when_it_is_late() {
    let slow = Fake::tcp([Act::Hang]).await;
    let well = Fake::tcp([]).await;
    let mut settings = settings(&[&slow.endpoint, &well.endpoint]);
    settings.total_timeout = Duration::from_millis(50);
    assert_failed(&client(settings).scan(b"x", minute()).await, "no answer in time");
    assert_eq!(well.scans(), 0);
}

#[tokio::test]
async fn no_other_host_is_asked_after_a_quarter_of_the_time() {
    let late = Fake::tcp([Act::Late(Duration::from_millis(600), b"garbage\0")]).await;
    let well = Fake::tcp([]).await;
    let mut settings = settings(&[&late.endpoint, &well.endpoint]);
    settings.total_timeout = Duration::from_secs(2);
    assert_failed(&client(settings).scan(b"x", minute()).await, "127.0.0.1:");
    assert_eq!(well.scans(), 0);
}

#[tokio::test]
async fn when_all_hosts_fail_the_scan_has_failed() {
    let (one, two) = (refusing().await, refusing().await);
    let client = client(settings(&[&one, &two]));
    assert_failed(&client.scan(b"x", minute()).await, "cannot connect");
    assert_failed(&client_without_hosts().scan(b"x", minute()).await, "no clamd host");
}

fn client_without_hosts() -> Asking {
    client(settings(&[]))
}

#[tokio::test]
async fn a_failing_host_is_left_alone_and_probed_later() {
    let garbage = || Act::Say(b"garbage\0");
    let fake = Fake::tcp([garbage(), garbage(), garbage()]).await;
    let mut settings = settings(&[&fake.endpoint]);
    settings.breaker_failures = 3;
    settings.breaker_pause = Duration::from_secs(3600);
    let first = client(settings.clone());
    for _ in 0..3 {
        assert_failed(&first.scan(b"x", minute()).await, "not to request");
    }
    assert_failed(&first.scan(b"x", minute()).await, "no clamd host is usable");
    assert_eq!(fake.scans(), 3);

    *fake.state.script.lock().unwrap() = [garbage(), garbage(), garbage()].into();
    settings.breaker_pause = Duration::ZERO;
    let second = client(settings);
    for _ in 0..3 {
        assert_failed(&second.scan(b"x", minute()).await, "not to request");
    }
    assert_eq!(second.scan(b"x", minute()).await, Ok(Outcome::Clean));
}

#[tokio::test]
async fn a_host_that_is_left_alone_stays_so_while_its_probes_fail() {
    let down = refusing().await;
    let mut settings = settings(&[&down]);
    settings.breaker_failures = 1;
    settings.breaker_pause = Duration::ZERO;
    let client = client(settings);
    assert_failed(&client.scan(b"x", minute()).await, "cannot connect");
    assert_failed(&client.scan(b"x", minute()).await, "no clamd host is usable");
}

#[tokio::test]
async fn no_more_scans_at_once_than_allowed() {
    let fake = Fake::tcp(vec![Act::Gate; 6]).await;
    let mut settings = settings(&[&fake.endpoint]);
    settings.connections_max = 2;
    let client = Arc::new(client(settings));
    let mut scans = JoinSet::new();
    for _ in 0..6 {
        let client = Arc::clone(&client);
        scans.spawn(async move { client.scan(b"x", minute()).await });
    }
    fake.state.arrived.notified().await;
    fake.state.gate.add_permits(6);
    while let Some(outcome) = scans.join_next().await {
        assert_eq!(outcome.unwrap(), Ok(Outcome::Clean));
    }
    let most = fake.state.busy.lock().unwrap().1;
    assert!(most <= 2, "{most}");
    assert!(fake.connections() <= 2);
}

#[tokio::test]
async fn waiting_for_a_connection_ends_with_the_deadline_and_is_not_the_hosts_fault() {
    let fake = Fake::tcp([Act::Gate]).await;
    let mut settings = settings(&[&fake.endpoint]);
    settings.connections_max = 1;
    settings.breaker_failures = 1;
    let client = Arc::new(client(settings));
    let mut scans = JoinSet::new();
    let other = Arc::clone(&client);
    scans.spawn(async move { other.scan(b"x", minute()).await });
    fake.state.arrived.notified().await;
    let soon = Deadline::after(Instant::now().into_std(), Duration::from_millis(20));
    assert_failed(&client.scan(b"x", soon).await, "no connection became free");
    assert!(!client.0.is_left_alone(0));
    fake.state.gate.add_permits(1);
    assert_eq!(scans.join_next().await.unwrap().unwrap(), Ok(Outcome::Clean));
    assert_eq!(client.scan(b"x", minute()).await, Ok(Outcome::Clean));
}

#[tokio::test]
async fn load_goes_to_the_host_with_the_most_room() {
    let busy = Fake::tcp([Act::Gate]).await;
    let idle = Fake::tcp([]).await;
    let client = Arc::new(client(settings(&[&busy.endpoint, &idle.endpoint])));
    let mut scans = JoinSet::new();
    let other = Arc::clone(&client);
    scans.spawn(async move { other.scan(b"x", minute()).await });
    busy.state.arrived.notified().await;
    assert_eq!(client.scan(b"y", minute()).await, Ok(Outcome::Clean));
    assert_eq!(idle.scans(), 1);
    busy.state.gate.add_permits(1);
    assert_eq!(scans.join_next().await.unwrap().unwrap(), Ok(Outcome::Clean));
}

#[tokio::test]
async fn a_check_tells_versions_and_reasons() {
    let (fake, down) = (Fake::tcp([]).await, refusing().await);
    let states = client(settings(&[&fake.endpoint, &down])).0.check().await;
    let [up, lost] = states.as_slice() else { panic!("{states:?}") };
    assert_eq!(up.version.as_deref(), Ok("ClamAV 1.4.6/27000"));
    assert!(up.is_up() && !lost.is_up());
    assert!(lost.version.as_ref().unwrap_err().starts_with("cannot connect: "));
}
