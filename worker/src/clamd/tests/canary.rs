//! Clamds that must prove themselves, and what becomes of those that do not.

use super::*;

const FOUND: Act = Act::Say(b"#: stream: Eicar-Test-Signature FOUND\0");
const OVER_LIMIT: Act = Act::Say(b"#: stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\0");
const ENCRYPTED: Act = Act::Say(b"#: stream: Heuristics.Encrypted.Zip FOUND\0");
/// The answers of a good one to what is cheap, and to all that it is tried with at first.
const GOOD: [Act; 3] = [FOUND, OVER_LIMIT, ENCRYPTED];
const ALL_GOOD: [Act; 4] = [FOUND, OVER_LIMIT, ENCRYPTED, FOUND];
const BYTES_MAX: usize = 100_000;

struct World {
    asking: Asking,
    registry: Registry,
}

impl World {
    fn new(fake: &Fake, canary: Canary) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let clamd = Clamd::new(Options { canary, ..Options::default() }, BYTES_MAX, metrics.clamd("clamd"));
        let settings = Settings { breaker_pause: Duration::from_millis(1), ..settings(&[&fake.endpoint]) };
        Self { asking: Asking(Pool::new("clamd", clamd, settings.pool(), &metrics)), registry }
    }

    async fn scan(&self) -> Result<Outcome, Failed> {
        self.asking.scan(b"a mail", minute()).await
    }

    /// Goes on watching until that has come about.
    async fn watch_until(&self, is_left_alone: bool, scans: usize, fake: &Fake) {
        let reached = async {
            while self.asking.0.is_left_alone(0) != is_left_alone || fake.scans() < scans {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            () = self.asking.0.watch() => panic!("it ended"),
            reached = timeout(Duration::from_secs(60), reached) => reached.expect("it comes about"),
        }
    }

    /// What the metric says.
    fn is_failing(&self, fake: &Fake) -> bool {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let host = fake.endpoint.to_string();
        let mut lines =
            text.lines().filter(|line| line.starts_with("mailweir_worker_scanner_canary_failing{"));
        lines.find(|line| line.contains(&host)).unwrap().ends_with(" 1")
    }
}

fn mails(fake: &Fake) -> usize {
    fake.state.seen.lock().unwrap().iter().filter(|content| content.as_slice() == b"a mail").count()
}

#[tokio::test]
async fn a_host_gets_no_mail_before_it_has_found_the_test_file() {
    let fake = Fake::tcp(ALL_GOOD).await;
    let world = World::new(&fake, Canary::default());
    assert!(world.asking.0.is_left_alone(0));
    assert_eq!(world.scan().await, Ok(Outcome::Clean));
    let seen = fake.state.seen.lock().unwrap();
    assert_eq!(seen.len(), 5, "what it is tried with, and then the mail");
    assert!(seen[0] == crate::eicar::eicar() && seen[3].len() == BYTES_MAX && seen[4] == b"a mail");
}

#[tokio::test]
async fn one_that_finds_nothing_never_gets_a_mail() {
    let fake = Fake::tcp([]).await;
    let world = World::new(&fake, Canary::default());
    for _ in 0..3 {
        assert_failed(&world.scan().await, "no clamd host is usable");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(fake.scans() > 0);
    assert_eq!(mails(&fake), 0);
    let [state] = world.asking.0.check().await.try_into().unwrap();
    assert!(state.version.unwrap_err().contains("does not find the EICAR test file"));
    assert!(world.is_failing(&fake));
}

#[tokio::test]
async fn one_that_says_ok_to_the_large_mail_is_left_alone_until_it_does_not() {
    let script = [&GOOD[..], &[CLEAN], &GOOD[..], &[CLEAN], &ALL_GOOD[..]].concat();
    let fake = Fake::tcp(script).await;
    let world = World::new(&fake, Canary::default());
    // It finds the small ones each time, which is not enough.
    for tried in [4, 8] {
        assert_failed(&world.scan().await, "no clamd host is usable");
        assert_eq!(fake.scans(), tried);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(world.is_failing(&fake));
    assert_eq!(world.scan().await, Ok(Outcome::Clean));
    assert_eq!((fake.scans(), mails(&fake)), (13, 1));
    assert!(!world.is_failing(&fake));
}

#[tokio::test]
async fn one_that_stops_finding_is_left_alone_although_no_mail_noticed() {
    let fake = Fake::tcp([&ALL_GOOD[..], &GOOD[..], &[CLEAN]].concat()).await;
    let world = World::new(&fake, Canary { interval: Duration::from_millis(1), ..Canary::default() });
    world.asking.0.check().await;
    assert!(!world.asking.0.is_left_alone(0));
    world.watch_until(true, 8, &fake).await;
    assert_eq!(fake.state.seen.lock().unwrap()[3].len(), BYTES_MAX);
}

#[tokio::test]
async fn alerts_are_required_where_that_is_set() {
    let cases = [
        ([FOUND, CLEAN, ENCRYPTED, FOUND], "AlertExceedsMax"),
        ([FOUND, OVER_LIMIT, CLEAN, FOUND], "AlertEncrypted"),
    ];
    for (script, why) in cases {
        for alerts_required in [true, false] {
            let fake = Fake::tcp(script.clone()).await;
            let world = World::new(&fake, Canary { alerts_required, ..Canary::default() });
            let [state] = world.asking.0.check().await.try_into().unwrap();
            assert_eq!(
                state.version.as_ref().is_err_and(|told| told.contains(why)),
                alerts_required,
                "{state:?}"
            );
            assert_eq!(world.asking.0.is_left_alone(0), alerts_required);
        }
    }
}

#[tokio::test]
async fn one_that_does_not_answer_a_probe_is_not_doubted() {
    let mut script = [&ALL_GOOD[..], &[Act::Close, Act::Close, Act::Close]].concat();
    // Enough until somebody looks.
    script.extend((0..10_000).flat_map(|_| GOOD));
    let fake = Fake::tcp(script).await;
    let world = World::new(&fake, Canary { interval: Duration::from_millis(1), ..Canary::default() });
    world.asking.0.check().await;
    world.watch_until(false, 10, &fake).await;
    assert!(!world.is_failing(&fake));
}

#[tokio::test]
async fn without_a_canary_every_host_is_believed() {
    let fake = Fake::tcp([]).await;
    let world = World::new(&fake, Canary::off());
    assert!(!world.asking.0.is_left_alone(0));
    assert_eq!(world.scan().await, Ok(Outcome::Clean));
    assert_eq!(fake.scans(), 1);
    world.asking.0.check().await;
    assert_eq!(world.asking.0.signatures(), None, "nobody would notice new ones");
}

#[tokio::test]
async fn its_signatures_are_known_from_the_last_probe() {
    let script = [&ALL_GOOD[..], &GOOD[..], &[CLEAN], &[Act::Close]].concat();
    let fake = Fake::tcp(script).await;
    let world = World::new(&fake, Canary::default());
    let signatures = || world.asking.0.signatures();
    assert_eq!(signatures(), None);
    world.asking.0.check().await;
    let first = signatures().unwrap();
    assert!(first.contains("ClamAV 1.4.6/27000"), "{first}");
    *fake.state.version.lock().unwrap() = "ClamAV 1.4.6/27001";
    assert_eq!(signatures(), Some(first), "nobody has asked since");
    world.asking.0.check().await;
    let second = signatures().unwrap();
    assert!(second.contains("ClamAV 1.4.6/27001"), "{second}");
    // It does not find the test file any more, and has the same signatures.
    world.asking.0.check().await;
    let third = signatures().unwrap();
    assert_ne!(third, second);
    // What it has is known also where the probe does not come to an end.
    *fake.state.version.lock().unwrap() = "ClamAV 1.4.6/27002";
    world.asking.0.check().await;
    assert!(signatures().unwrap().contains("ClamAV 1.4.6/27002"));
}
