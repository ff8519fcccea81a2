//! Several that want the same at the same time.

use std::future::pending;

use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;

fn after(time: Duration) -> Deadline {
    Deadline::after(Instant::now().into_std(), time)
}

#[tokio::test(start_paused = true)]
async fn one_scan_serves_all_that_ask_meanwhile() {
    let world = Arc::new(usual());
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for _ in 0..100 {
        let world = Arc::clone(&world);
        tasks.spawn(async move { world.ask("x", Some("1"), &Ok(Outcome::Infected("v".into()))).await });
    }
    for outcome in tasks.join_all().await {
        assert_eq!(outcome, Ok(Outcome::Infected("v".into())));
    }
    assert_eq!((world.scans(), world.counted()), (1, (0, 1, 99)));
    assert_eq!(begin.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn when_the_first_goes_away_another_scans() {
    let world = usual();
    let answer = failed();
    let first = timeout(SECOND / 2, world.ask("x", Some("1"), &answer));
    let others = join_all((0..5).map(|_| world.ask_clean("x")));
    let begin = Instant::now();
    let (first, _) = tokio::join!(first, others);
    assert!(first.is_err(), "it was dropped");
    assert_eq!((world.scans(), world.counted()), (2, (0, 2, 4)));
    assert_eq!(begin.elapsed(), SECOND * 3 / 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_nobody_else() {
    let world = usual();
    let answers = [failed(), Ok(Outcome::Clean), Ok(Outcome::Clean), Ok(Outcome::Clean)];
    let asked = answers.iter().map(|answer| world.ask("x", Some("1"), answer));
    assert_eq!(join_all(asked).await, answers);
    assert_eq!((world.scans(), world.counted()), (2, (0, 2, 2)));
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_half_of_its_time_scans_by_itself() {
    let world = usual();
    let content = Bytes::from_static(b"x");
    let hangs = world.cache.scan(&content, Some("1"), minute(), pending());
    let waits = async {
        let begin = Instant::now();
        world.ask_clean("x").await;
        begin.elapsed()
    };
    let late = async {
        // Its time is over, and its scan says so.
        let outcome = world.cache.scan(&content, Some("1"), after(Duration::ZERO), async { failed() });
        assert_eq!(timeout(SECOND, outcome).await, Ok(failed()));
    };
    let others = async { tokio::join!(waits, late).0 };
    tokio::select! {
        biased;
        _ = hangs => panic!("it ended"),
        took = others => assert_eq!(took, 31 * SECOND),
    }
    assert_eq!((world.scans(), world.counted()), (1, (0, 3, 0)));
}

/// Somebody who wants the one content scanned.
#[derive(Clone, Copy, Debug)]
struct Asking {
    begins: u32,
    /// How long a scan of it takes, and whether it fails.
    takes: u32,
    fails: bool,
    deadline: u32,
    /// When it goes away, where it does.
    leaves: Option<u32>,
}

fn asking() -> impl Strategy<Value = Asking> {
    let leaves = proptest::option::of(0u32..20);
    (0u32..20, 0u32..10, any::<bool>(), 1u32..200, leaves).prop_map(
        |(begins, takes, fails, deadline, leaves)| Asking { begins, takes, fails, deadline, leaves },
    )
}

/// Its answer, where it stayed, and that it came in time.
async fn play(world: &World, asking: Asking, number: usize) -> Option<Result<Outcome, Failed>> {
    sleep(asking.begins * SECOND).await;
    let scan = async {
        world.scans.fetch_add(1, Ordering::Relaxed);
        sleep(asking.takes * SECOND).await;
        if asking.fails { Err(Failed(number.to_string())) } else { Ok(Outcome::Infected("v".into())) }
    };
    let begin = Instant::now();
    let content = Bytes::from_static(b"x");
    let scan = world.cache.scan(&content, Some("1"), after(asking.deadline * SECOND), scan);
    let limit = asking.leaves.unwrap_or(1_000);
    let outcome = timeout(limit * SECOND, scan).await.ok()?;
    let longest = asking.deadline * SECOND / 2 + asking.takes * SECOND;
    assert!(begin.elapsed() <= longest + Duration::from_millis(5), "{:?} of {asking:?}", begin.elapsed());
    if let Err(Failed(whose)) = &outcome {
        assert_eq!(*whose, number.to_string(), "a failure of somebody else");
    }
    Some(outcome)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whoever comes, fails and goes away: everybody gets an answer in time, and nobody is left waiting in the end.
    #[test]
    fn everybody_is_answered(all in proptest::collection::vec(asking(), 1..12)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(10, 5 * SECOND);
            let played = all.iter().enumerate().map(|(number, asking)| play(&world, *asking, number));
            let answered = join_all(played).await.into_iter().flatten().count();
            let (hits, misses, joined) = world.counted();
            assert!(answered as u64 <= hits + misses + joined);
            assert_eq!(world.scans() as u64, misses);
            advance(5 * SECOND).await;
            let begin = Instant::now();
            world.ask_clean("x").await;
            assert_eq!(begin.elapsed(), SECOND, "it neither waits for anybody nor uses what is too old");
        });
    }
}
