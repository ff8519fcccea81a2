//! What is kept and shared and what is not, on paused time.

mod flights;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use tokio::time::{advance, sleep};

use super::*;
use crate::Metrics;
use crate::pool::testing::minute;

const SECOND: Duration = Duration::from_secs(1);

/// A cache, and how often a scanner was asked behind it.
struct World {
    cache: Cache,
    metrics: CacheMetrics,
    scans: AtomicUsize,
}

impl World {
    fn new(entries_max: usize, age_max: Duration) -> Self {
        let metrics = Metrics::register(&mut Registry::default()).cache("clamd");
        let cache = Cache::new(Settings { entries_max, age_max }, metrics.clone());
        Self { cache, metrics, scans: AtomicUsize::new(0) }
    }

    /// Asks for that content; a scan takes a second.
    async fn ask(
        &self,
        content: &'static str,
        signatures: Option<&str>,
        answer: &Result<Outcome, Failed>,
    ) -> Result<Outcome, Failed> {
        let scan = async {
            self.scans.fetch_add(1, Ordering::Relaxed);
            sleep(SECOND).await;
            answer.clone()
        };
        self.cache.scan(&Bytes::from_static(content.as_bytes()), signatures, minute(), scan).await
    }

    /// The same of a content that is clean, by the usual signatures.
    async fn ask_clean(&self, content: &'static str) {
        assert_eq!(self.ask(content, Some("1"), &Ok(Outcome::Clean)).await, Ok(Outcome::Clean));
    }

    fn scans(&self) -> usize {
        self.scans.load(Ordering::Relaxed)
    }

    /// Hits, misses and joined.
    fn counted(&self) -> (u64, u64, u64) {
        (self.metrics.hit.get(), self.metrics.miss.get(), self.metrics.joined.get())
    }
}

fn usual() -> World {
    let Settings { entries_max, age_max } = Settings::default();
    World::new(entries_max, age_max)
}

fn failed() -> Result<Outcome, Failed> {
    Err(Failed("no answer in time".into()))
}

#[tokio::test(start_paused = true)]
async fn what_is_known_is_not_scanned_again() {
    let all = [
        Outcome::Clean,
        Outcome::Infected("Eicar".into()),
        Outcome::OverLimit("Heuristics.Limits.Exceeded".into()),
        Outcome::Encrypted("x".repeat(NAME_BYTES_MAX)),
    ];
    for outcome in all {
        let world = usual();
        // What would come out of another scan is something else.
        for answer in [Ok(outcome.clone()), failed(), failed()] {
            assert_eq!(world.ask("x", Some("1"), &answer).await, Ok(outcome.clone()));
        }
        assert_eq!((world.scans(), world.counted()), (1, (2, 1, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn another_content_or_other_signatures_are_another_matter() {
    let world = usual();
    let all = [("x", "1"), ("y", "1"), ("x", "2"), ("", "1"), ("ab", "c"), ("b", "ca"), ("", "cab")];
    for number in [1, 2] {
        for (content, signatures) in all {
            let own = Ok(Outcome::Infected(format!("{content} {signatures}")));
            let answer = if number == 1 { own.clone() } else { failed() };
            assert_eq!(world.ask(content, Some(signatures), &answer).await, own);
        }
    }
    assert_eq!(world.scans(), all.len());
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_used_for_its_time_from_the_start_of_its_scan() {
    let world = World::new(10, 10 * SECOND);
    let ends = [(0, 1), (8_999, 1), (1, 2), (8_999, 2), (1, 3)];
    for (milliseconds, scans) in ends {
        advance(Duration::from_millis(milliseconds)).await;
        world.ask_clean("x").await;
        assert_eq!(world.scans(), scans, "{milliseconds}");
    }
    assert_eq!(world.counted(), (2, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_scores_and_long_names_are_not_kept() {
    let long = Outcome::Infected("x".repeat(NAME_BYTES_MAX + 1));
    for answer in [failed(), Ok(Outcome::Score(Box::default())), Ok(long)] {
        let world = usual();
        for _ in 0..3 {
            assert_eq!(world.ask("x", Some("1"), &answer).await, answer);
        }
        assert_eq!((world.scans(), world.counted()), (3, (0, 3, 0)));
        world.ask_clean("x").await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_or_shared_where_the_signatures_are_not_known_or_it_is_switched_off() {
    for (world, signatures) in [(usual(), None), (World::new(0, 60 * SECOND), Some("1"))] {
        let answers = [Ok(Outcome::Clean), failed(), Ok(Outcome::Infected("x".into()))];
        let asked = answers.iter().map(|answer| world.ask("x", signatures, answer));
        assert_eq!(join_all(asked).await, answers);
        assert_eq!(world.ask("x", signatures, &failed()).await, failed());
        assert_eq!((world.scans(), world.counted()), (4, (0, 0, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_verdicts_are_kept_than_may_be() {
    for entries_max in [2, 10, 100] {
        let world = World::new(entries_max, 3_600 * SECOND);
        let verdicts = world.cache.verdicts.as_ref().unwrap();
        for number in 0..10 * entries_max {
            world.ask("x", Some(&number.to_string()), &Ok(Outcome::Clean)).await.unwrap();
            assert!(verdicts.len() <= entries_max, "{} of {entries_max}", verdicts.len());
        }
        assert_eq!(verdicts.len(), entries_max);
        // One of the last is still there.
        let last = (10 * entries_max - 1).to_string();
        assert_eq!(world.ask("x", Some(&last), &failed()).await, Ok(Outcome::Clean), "{entries_max}");
    }
}
