//! The pool with a client that does as it is told, on paused time.

mod fake;

use std::time::Duration;

use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use proptest::prelude::*;
use tokio::time::{advance, timeout};

use self::fake::{Act, Fake, host};
use super::testing::{mail, minute, settings};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Hosts 1 to `count`, changed as the test wants.
fn pool(count: u16, change: impl FnOnce(&mut Settings)) -> (Pool<Fake>, Fake) {
    let hosts: Vec<_> = (1..=count).map(host).collect();
    let mut settings = settings(&hosts);
    change(&mut settings);
    let fake = Fake::default();
    let metrics = Metrics::register(&mut Registry::default());
    (Pool::new("fake", fake.clone(), settings, &metrics), fake)
}

async fn scan(pool: &Pool<Fake>) -> Result<Outcome, Failed> {
    let mail = mail(b"x");
    pool.scan(&Asked::head_of(&mail, usize::MAX), minute()).await
}

#[track_caller]
fn assert_failed(result: &Result<Outcome, Failed>, why: &str) {
    let Err(Failed(reason)) = result else { panic!("{result:?} is no failure") };
    assert!(reason.contains(why), "{reason:?} does not say {why:?}");
}

#[tokio::test(start_paused = true)]
async fn load_follows_the_weights() {
    let (pool, fake) = pool(3, |settings| {
        for (host, weight) in settings.hosts.iter_mut().zip([1, 2, 3]) {
            host.weight = weight;
        }
    });
    for number in 1..=3 {
        fake.script(number, vec![Act::After(SECOND); 30]);
    }
    join_all((0..30).map(|_| scan(&pool))).await.iter().for_each(|result| assert!(result.is_ok()));
    let asked = fake.numbers();
    let count = |number| asked.iter().filter(|asked| **asked == number).count();
    // The third would have been given 15; it may have 12 at a time.
    assert_eq!((count(1), count(2), count(3)), (6, 12, 12));
}

#[tokio::test(start_paused = true)]
async fn idle_hosts_that_are_alike_take_turns() {
    let (pool, fake) = pool(3, |_| {});
    for _ in 0..6 {
        assert_eq!(scan(&pool).await, Ok(Outcome::Clean));
    }
    assert_eq!(fake.numbers(), [1, 2, 3, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_full_is_asked_last() {
    let (pool, fake) = pool(2, |settings| {
        settings.connections_max = 1;
        settings.hosts[0].weight = 100;
    });
    fake.script(1, [Act::After(5 * SECOND)]);
    let (first, second) = tokio::join!(scan(&pool), scan(&pool));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(fake.numbers(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_cannot_be_connected_to_is_passed_over() {
    let (pool, fake) = pool(4, |_| {});
    for number in 1..=3 {
        fake.script(number, [Act::Down]);
    }
    assert_eq!(scan(&pool).await, Ok(Outcome::Clean));
    assert_eq!(fake.numbers(), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn one_other_host_is_asked_and_no_more() {
    let (pool, fake) = pool(3, |_| {});
    fake.script(1, [Act::Garbage]);
    fake.script(2, [Act::Lost]);
    assert_failed(&scan(&pool).await, "before any answer");
    assert_eq!(fake.numbers(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn no_other_host_is_asked_when_a_quarter_of_the_time_is_gone() {
    for (seconds, asked) in [(14, vec![1, 2]), (15, vec![1])] {
        let (pool, fake) = pool(2, |_| {});
        fake.script(1, [Act::GarbageAfter(seconds * SECOND)]);
        assert_eq!(scan(&pool).await.is_ok(), asked.len() == 2);
        assert_eq!(fake.numbers(), asked, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn second_tries_are_a_tenth_of_the_scans() {
    let (pool, fake) = pool(2, |settings| settings.breaker_failures = u32::MAX);
    fake.script(1, vec![Act::Garbage; 10_000]);
    fake.script(2, vec![Act::Garbage; 10_000]);
    for _ in 0..1_000 {
        assert_failed(&scan(&pool).await, "garbage");
    }
    // Eleven while the savings lasted, and a tenth of what came then.
    assert_eq!(fake.numbers().len(), 1_000 + 11 + 98);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_was_given_up_keeps_its_place_for_as_long_again() {
    let (pool, fake) = pool(1, |settings| {
        settings.connections_max = 1;
        settings.total_timeout = 10 * SECOND;
    });
    fake.script(1, [Act::Hang]);
    let begin = Instant::now();
    assert_failed(&scan(&pool).await, "no answer in time");
    assert_eq!(fake.numbers(), [1]);
    let mail = mail(b"x");
    let soon = Deadline::after(Instant::now().into_std(), 5 * SECOND);
    let result = pool.scan(&Asked::head_of(&mail, usize::MAX), soon).await;
    assert_failed(&result, "no connection became free");
    assert!(fake.numbers().is_empty());
    assert!(!pool.is_left_alone(0), "waiting is no fault of the host");
    assert_eq!(scan(&pool).await, Ok(Outcome::Clean));
    assert_eq!(begin.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_a_host_may_still_run_sends_load_to_the_others() {
    let (pool, fake) = pool(2, |settings| settings.connections_max = 3);
    fake.script(1, [Act::Hang]);
    // Its mail went away.
    assert!(timeout(SECOND, scan(&pool)).await.is_err());
    // The turns are the second's, the first's and the second's.
    for _ in 0..3 {
        assert_eq!(scan(&pool).await, Ok(Outcome::Clean));
    }
    assert_eq!(fake.numbers(), [1, 2, 2, 2]);
    for number in 1..=2 {
        fake.script(number, [Act::After(5 * SECOND); 3]);
    }
    assert!(join_all((0..5).map(|_| scan(&pool))).await.iter().all(Result::is_ok));
    let asked = fake.numbers();
    assert_eq!(asked.iter().filter(|number| **number == 1).count(), 2, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_started_anew_runs_nothing() {
    let (pool, fake) = pool(1, |settings| settings.connections_max = 2);
    fake.script(1, [Act::Hang, Act::Down]);
    assert!(timeout(SECOND, scan(&pool)).await.is_err());
    assert_failed(&scan(&pool).await, "cannot connect");
    fake.script(1, [Act::After(SECOND), Act::After(SECOND)]);
    let begin = Instant::now();
    let (one, two) = tokio::join!(scan(&pool), scan(&pool));
    assert!(one.is_ok() && two.is_ok());
    assert!(begin.elapsed() < 2 * SECOND, "one waited for the other");
}

#[tokio::test(start_paused = true)]
async fn one_caller_probes_and_the_others_fail_at_once() {
    let (pool, fake) = pool(1, |settings| settings.breaker_failures = 2);
    fake.script(1, [Act::Garbage, Act::Garbage]);
    for _ in 0..2 {
        assert_failed(&scan(&pool).await, "garbage");
    }
    assert_failed(&scan(&pool).await, "no fake host is usable");
    assert!(fake.probed().is_empty());

    advance(7 * SECOND).await;
    fake.script_probes(1, [Act::GarbageAfter(SECOND)]);
    let results = join_all((0..10).map(|_| scan(&pool))).await;
    results.iter().for_each(|result| assert_failed(result, "no fake host is usable"));
    assert_eq!(fake.probed(), [1]);

    advance(7 * SECOND).await;
    assert_eq!(scan(&pool).await, Ok(Outcome::Clean));
    assert!(!pool.is_left_alone(0));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_costs_twice_the_connect_time_out() {
    let (pool, fake) = pool(2, |settings| settings.breaker_failures = 1);
    fake.script(1, [Act::Garbage]);
    assert!(scan(&pool).await.is_ok());
    fake.script_probes(1, [Act::Hang]);
    let begin = Instant::now();
    let states = pool.check().await;
    assert_eq!(begin.elapsed(), 4 * SECOND);
    assert_eq!(states.iter().map(HostState::is_up).collect::<Vec<_>>(), [false, true]);
    assert_eq!((states[1].scanner.as_str(), states[1].version.as_deref()), ("fake", Ok("fake 1")));
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_used_until_it_is_lost_or_old() {
    let (pool, fake) = pool(1, |_| {});
    // The third is lost, and asked again on a fresh one.
    fake.script(1, [Act::Keep, Act::Keep, Act::Lost, Act::Keep]);
    for _ in 0..3 {
        assert_eq!(scan(&pool).await, Ok(Outcome::Clean));
    }
    assert_eq!(fake.asked(), [(1, false), (1, true), (1, true), (1, false)]);
    advance(20 * SECOND).await;
    assert_eq!(scan(&pool).await, Ok(Outcome::Clean));
    assert_eq!(fake.asked(), [(1, false)]);
}

#[tokio::test(start_paused = true)]
async fn signatures_are_those_of_all_hosts_since_the_last_doubt() {
    let (pool, fake) = pool(2, |_| {});
    fake.sign(1, "1.4/1");
    assert_eq!(pool.signatures(), None, "nothing is known of the second");
    fake.sign(2, "1.4/1");
    let mut seen = vec![pool.signatures().unwrap()];
    for (number, told) in [(1, "1.4/2"), (2, "1.4/2"), (2, "1.5/2")] {
        fake.sign(number, told);
        seen.push(pool.signatures().unwrap());
    }
    // A probe that passes, or finds nobody, is no doubt.
    fake.script_probes(1, [Act::Clean, Act::Down]);
    for _ in 0..2 {
        pool.check().await;
        assert_eq!(pool.signatures().as_ref(), seen.last());
    }
    // Before and after a doubt it says the same of itself.
    for _ in 0..2 {
        fake.script_probes(1, [Act::Garbage, Act::Garbage, Act::Clean]);
        pool.check().await;
        seen.push(pool.signatures().unwrap());
        pool.check().await;
        pool.check().await;
        assert_eq!(pool.signatures().as_ref(), seen.last());
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), count), (6, 6), "{seen:?}");
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Clean),
        Just(Act::Keep),
        Just(Act::Hang),
        Just(Act::Garbage),
        Just(Act::Lost),
        Just(Act::Down),
        (0u32..100).prop_map(|seconds| Act::After(seconds * SECOND)),
        (0u32..100).prop_map(|seconds| Act::GarbageAfter(seconds * SECOND)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever hosts do: a scan ends within its time, asks few, and all places are free again in the end.
    #[test]
    fn every_scan_ends(
        scripts in proptest::collection::vec(proptest::collection::vec(act(), 0..12), 1..4),
        scans in 1usize..20,
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let count = u16::try_from(scripts.len()).unwrap();
            let (pool, fake) = pool(count, |settings| settings.connections_max = 2);
            for (number, acts) in (1..).zip(scripts) {
                fake.script(number, acts);
            }
            let begin = Instant::now();
            join_all((0..scans).map(|_| scan(&pool))).await;
            assert!(begin.elapsed() <= 61 * SECOND);
            let asked = fake.asked();
            let fresh = asked.iter().filter(|(_, is_kept)| !is_kept).count();
            // Each host once where it cannot be reached, and one that fails.
            assert!(fresh <= scans * (usize::from(count) + 1), "{asked:?}");
            advance(121 * SECOND).await;
            for host in &pool.hosts {
                assert_eq!(host.slots.taken(), 0);
                assert_eq!((host.metrics.busy.get(), host.metrics.abandoned.get()), (0, 0));
            }
        });
    }
}
