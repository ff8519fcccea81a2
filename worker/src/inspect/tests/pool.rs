//! What becomes of mails and children, whatever a child says.

use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use proto::inspection::{AttachmentRules, Limits};
use proto::{Deadline, Unchecked};
use tokio::time::Instant;

use super::*;
use crate::Metrics;
use crate::inspect::{Part, Pool, Settings};

const PLAIN: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const BANNED: &[u8] = b"Content-Type: a/b; name=evil.exe\r\n\r\nx\r\n";

struct World {
    fake: Fake,
    registry: Registry,
    pool: Pool,
}

fn world(settings: Settings) -> World {
    world_of(Limits { content_bytes_max: 200_000, ..Limits::default() }, settings)
}

fn world_of(limits: Limits, settings: Settings) -> World {
    let fake = Fake::default();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let rules = AttachmentRules { limits, ..AttachmentRules::default() };
    let pool = Pool::new(Box::new(fake.clone()), rules, settings, metrics.inspect);
    World { fake, registry, pool }
}

impl World {
    async fn inspect(&self, content: &'static [u8]) -> Vec<Found> {
        self.findings(&Bytes::from_static(content), Duration::from_secs(60)).await
    }

    async fn findings(&self, content: &Bytes, time: Duration) -> Vec<Found> {
        self.pool.inspect(content, Wanted::Nothing, within(time)).await.findings
    }

    fn started(&self) -> usize {
        self.fake.started.load(Ordering::Relaxed)
    }

    #[track_caller]
    fn has(&self, line: &str) {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

fn within(time: Duration) -> Deadline {
    Deadline::after(Instant::now().into_std(), time)
}

#[track_caller]
fn failed(found: &[Found], why: &str) {
    let [Found { category, name }] = found else { panic!("{found:?}") };
    assert_eq!(*category, Category::Unchecked(Unchecked::Failed));
    assert_eq!(name, &format!("the inspecting process {why}"));
}

#[tokio::test]
async fn children_are_kept_and_take_turns() {
    let world = world(Settings { processes: 3, ..Settings::default() });
    assert!(world.pool.start().await.unwrap().seccomp);
    world.pool.warm().await;
    world.has("mailweir_worker_inspect_children 3");
    for _ in 0..30 {
        assert_eq!(world.inspect(PLAIN).await, []);
        assert_eq!(world.inspect(BANNED).await, [Found::new(Category::Banned, ".exe: evil.exe")]);
    }
    assert_eq!(world.started(), 3);
    world.has("mailweir_worker_inspect_children 3");
    world.has("mailweir_worker_inspect_seconds_count 60");
    world.has("mailweir_worker_inspect_parsing_seconds_sum 30.0");
}

#[tokio::test(start_paused = true)]
async fn whatever_else_a_child_says_is_failed_and_the_next_mail_has_another_child() {
    let cases = [
        (Behaviour::Hang, "did not answer within 60s", "timeout"),
        (Behaviour::Close, "closed the pipe", "garbage"),
        (Behaviour::Garbage, "answered garbage: not a frame of version 1", "garbage"),
        (Behaviour::Stale, "answered out of turn", "garbage"),
        (Behaviour::Twice, "answered out of turn", "garbage"),
        (Behaviour::Unasked, "answered garbage: message of kind 5 out of turn", "garbage"),
    ];
    for (behaviour, why, reason) in cases {
        let world = world(Settings { processes: 1, ..Settings::default() });
        assert_eq!(world.inspect(PLAIN).await, []);
        world.fake.behave(behaviour);
        failed(&world.inspect(BANNED).await, why);
        world.has(&format!("mailweir_worker_inspect_ended_total{{reason=\"{reason}\"}} 1"));
        world.has("mailweir_worker_inspect_children 0");
        world.fake.behave(Behaviour::Honest);
        assert_eq!(world.inspect(PLAIN).await, []);
        assert_eq!(world.started(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_mail_bounds_all() {
    let world = world(Settings { processes: 1, ..Settings::default() });
    world.fake.behave(Behaviour::Hang);
    let content = Bytes::from_static(PLAIN);
    let start = Instant::now();
    let (first, second) = tokio::join!(
        world.findings(&content, Duration::from_secs(7)),
        world.findings(&content, Duration::from_secs(3)),
    );
    failed(&first, "did not answer within 7s");
    failed(&second, "was not free in time");
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    world.has("mailweir_worker_inspect_ended_total{reason=\"busy\"} 1");
}

#[tokio::test(start_paused = true)]
async fn children_that_die_at_once_are_started_ever_more_slowly() {
    let world = world(Settings { processes: 1, ..Settings::default() });
    world.fake.behave(Behaviour::Mute);
    let start = Instant::now();
    for _ in 0..4 {
        failed(&world.inspect(PLAIN).await, "closed the pipe");
    }
    assert_eq!(world.started(), 12);
    assert!(start.elapsed() > Duration::from_secs(20), "{:?}", start.elapsed());
    world.fake.behave(Behaviour::Honest);
    assert_eq!(world.inspect(PLAIN).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_waits_for_a_start_takes_a_child_that_has_become_free() {
    let world = world(Settings { processes: 2, ..Settings::default() });
    world.pool.start().await.unwrap();
    world.fake.behave(Behaviour::Slow);
    let start = Instant::now();
    let other = async {
        // The clock moves only when the slow one is at work.
        sleep(Duration::from_millis(1)).await;
        world.fake.behave(Behaviour::Mute);
        for _ in 0..2 {
            failed(&world.inspect(PLAIN).await, "closed the pipe");
        }
        world.fake.behave(Behaviour::Honest);
        world.inspect(PLAIN).await
    };
    assert_eq!(tokio::join!(world.inspect(PLAIN), other), (vec![], vec![]));
    assert!(start.elapsed() > SLOW);
    assert_eq!(world.started(), 1 + 6, "no seventh was needed");
}

#[tokio::test]
async fn a_mail_that_is_given_up_takes_its_child_along() {
    let world = world(Settings { processes: 1, ..Settings::default() });
    assert_eq!(world.inspect(PLAIN).await, []);
    world.fake.behave(Behaviour::Hang);
    {
        let inspection = world.inspect(PLAIN);
        tokio::pin!(inspection);
        // Polled until it waits for the child.
        tokio::select! { biased; _ = &mut inspection => panic!(), () = std::future::ready(()) => {} }
        world.has("mailweir_worker_inspect_children 1");
    }
    world.has("mailweir_worker_inspect_children 0");
    world.fake.behave(Behaviour::Honest);
    assert_eq!(world.inspect(PLAIN).await, []);
}

#[tokio::test]
async fn a_child_is_replaced_after_so_many_mails() {
    let world = world(Settings { processes: 1, mails_max: 5, ..Settings::default() });
    for _ in 0..10 {
        assert_eq!(world.inspect(PLAIN).await, []);
    }
    assert_eq!(world.started(), 2);
    world.has("mailweir_worker_inspect_ended_total{reason=\"recycled\"} 2");
}

#[tokio::test]
async fn a_mail_beyond_the_limit_is_not_handed_over() {
    let world = world(Settings::default());
    let over =
        vec![Found::new(Category::Unchecked(Unchecked::OverLimit), "beyond the limit of content bytes")];
    let minute = Duration::from_secs(60);
    assert_eq!(world.findings(&vec![b'x'; 200_001].into(), minute).await, over);
    assert_eq!(world.started(), 0);
    assert_eq!(world.findings(&vec![b'x'; 200_000].into(), minute).await, []);
}

#[tokio::test]
async fn no_more_children_than_set() {
    let world = world(Settings { processes: 2, ..Settings::default() });
    let content = Bytes::from_static(BANNED);
    let mut mails = Vec::new();
    for _ in 0..50 {
        mails.push(world.findings(&content, Duration::from_secs(60)));
    }
    for mail in mails {
        assert_eq!(mail.await.len(), 1);
    }
    tokio::join!(world.pool.warm(), world.inspect(BANNED), world.inspect(BANNED), world.inspect(BANNED));
    world.has("mailweir_worker_inspect_children 2");
}

/// Parts of at most 10 bytes together, and at most 3.
fn world_with_parts() -> World {
    let limits = Limits { feed_bytes_max: 10, feed_parts_max: 3, ..Limits::default() };
    world_of(limits, Settings { processes: 1, ..Settings::default() })
}

#[tokio::test]
async fn contents_are_handed_back_as_they_are_wanted() {
    let world = world_with_parts();
    let mail = Bytes::from_static(b"a\n\nhidden\n\n\n\nrest");
    let minute = || within(Duration::from_secs(60));
    let part = |content: &'static [u8], is_hidden| Part { content: Bytes::from_static(content), is_hidden };
    let inspected = world.pool.inspect(&mail, Wanted::All, minute()).await;
    assert_eq!(inspected.parts, [part(b"a", false), part(b"hidden", true), part(b"", false)]);
    assert_eq!(world.pool.inspect(&mail, Wanted::Nothing, minute()).await.parts, []);
}

#[tokio::test]
async fn a_child_that_hands_back_too_much_or_something_else_is_failed() {
    let cases: [(Behaviour, &'static [u8], &str); 4] = [
        (Behaviour::Honest, b"1\n\n2\n\n3\n\n4\n\n", "answered garbage: message of kind 5 out of turn"),
        (Behaviour::Honest, b"12345\n\n123456\n\n", "answered garbage: content of 6 bytes"),
        (Behaviour::Honest, b"12345678901\n\n", "answered garbage: content of 11 bytes"),
        (Behaviour::EndlessPart, b"x", "answered garbage: content of 1000000 bytes"),
    ];
    for (behaviour, content, why) in cases {
        let world = world_with_parts();
        world.fake.behave(behaviour);
        let deadline = within(Duration::from_secs(60));
        let inspected = world.pool.inspect(&Bytes::from_static(content), Wanted::All, deadline).await;
        failed(&inspected.findings, why);
        assert_eq!(inspected.parts, []);
        world.has("mailweir_worker_inspect_children 0");
    }
}

#[tokio::test]
async fn a_content_that_ends_early_or_belongs_to_another_mail_is_failed() {
    let cases = [(Behaviour::StalePart, "answered out of turn"), (Behaviour::EndlessPart, "closed the pipe")];
    for (behaviour, why) in cases {
        let world = world(Settings { processes: 1, ..Settings::default() });
        world.fake.behave(behaviour);
        let deadline = within(Duration::from_secs(60));
        let inspected = world.pool.inspect(&Bytes::from_static(PLAIN), Wanted::Hidden, deadline).await;
        failed(&inspected.findings, why);
    }
}
