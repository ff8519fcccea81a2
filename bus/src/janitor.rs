//! Removes what nobody removed: jobs and chunks of transactions whose end was lost, and orphans of killed servers.
//!
//! It asks each stream for its last sequence once a round and remembers the answers; what was there a hard limit ago
//! is older than that limit, by our own monotonic clock. So no message is read and no clock is compared. The streams'
//! `max_age` stands behind it.
//!
//! Deliberately absent: a purge of a stream that consumers pull from. A purge up to a sequence leaves them stuck on
//! 2.9.10, nobody is given a message any more until the next one, and the server forgets the message ids with it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::api;
use crate::bus::Inner;
use crate::link::Unanswered;

/// Messages removed one by one in a round; the rest is for the next.
const REMOVED_MAX: u64 = 2_000;

/// What was seen of one stream.
struct Marks {
    /// When, and the last sequence then.
    seen: VecDeque<(Instant, u64)>,
}

impl Marks {
    fn new() -> Self {
        Self { seen: VecDeque::new() }
    }

    /// Remembers the last sequence, and returns the newest one that was seen at least `age` ago.
    fn note(&mut self, now: Instant, last: u64, age: Duration) -> Option<u64> {
        if self.seen.back().is_some_and(|(_, seen)| last < *seen) {
            // The stream was made anew; what was known is of another.
            self.seen.clear();
        }
        self.seen.push_back((now, last));
        let mut old = None;
        while let Some((at, last)) = self.seen.front().copied()
            && now.saturating_duration_since(at) >= age
        {
            old = Some(last);
            self.seen.pop_front();
        }
        old
    }
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(default)]
    success: bool,
}

#[derive(Deserialize)]
struct Purged {
    purged: u64,
}

/// Sweeps once a round, for ever.
pub(crate) async fn sweep(inner: &Inner) -> Infallible {
    let streams = [&inner.names.mail, &inner.names.body, &inner.names.verdict];
    let mut marks = streams.map(|_| Marks::new());
    let mut rounds = interval(inner.settings.janitor_interval);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        for (stream, marks) in streams.into_iter().zip(&mut marks) {
            if let Err(error) = sweep_stream(inner, stream, marks).await {
                tracing::debug!(%error, stream, "janitor had no answer");
            }
        }
    }
}

async fn sweep_stream(inner: &Inner, stream: &str, marks: &mut Marks) -> Result<(), Unanswered> {
    let state = api::stream_state(inner, stream).await?;
    let old = marks.note(Instant::now(), state.last_seq, inner.settings.janitor_age);
    let Some(old) = old.filter(|old| state.messages > 0 && state.first_seq <= *old) else {
        return Ok(());
    };
    let removed = if *stream == inner.names.body {
        purge(inner, stream, old).await?
    } else {
        remove_each(inner, stream, state.first_seq, old).await?
    };
    inner.metrics.janitor_removed.inc_by(removed);
    if removed > 0 {
        tracing::warn!(stream, removed, "messages were left behind and removed");
    }
    Ok(())
}

/// All up to `old` at once, for a stream without consumers; how many that were.
async fn purge(inner: &Inner, stream: &str, old: u64) -> Result<u64, Unanswered> {
    // `seq` is the first that stays.
    let up_to = format!(r#"{{"seq":{}}}"#, old.saturating_add(1));
    let purged: Purged = api::ask(inner, &format!("STREAM.PURGE.{stream}"), up_to).await?;
    Ok(purged.purged)
}

/// Each from `first` to `old`; how many that were.
async fn remove_each(inner: &Inner, stream: &str, mut first: u64, old: u64) -> Result<u64, Unanswered> {
    let mut removed = 0;
    while first <= old && removed < REMOVED_MAX {
        let which = format!(r#"{{"seq":{first},"no_erase":true}}"#);
        let deleted: Deleted = api::ask(inner, &format!("STREAM.MSG.DELETE.{stream}"), which).await?;
        removed += u64::from(deleted.success);
        let state = api::stream_state(inner, stream).await?;
        if state.messages == 0 || state.first_seq <= first {
            break;
        }
        first = state.first_seq;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_a_limit_ago_is_old() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let age = Duration::from_secs(100);
        let mut marks = Marks::new();
        assert_eq!(marks.note(at(0), 5, age), None);
        assert_eq!(marks.note(at(60), 9, age), None);
        assert_eq!(marks.note(at(99), 12, age), None);
        assert_eq!(marks.note(at(100), 12, age), Some(5));
        assert_eq!(marks.note(at(101), 12, age), None);
        assert_eq!(marks.note(at(300), 20, age), Some(12));
    }

    #[test]
    fn a_stream_that_was_made_anew_has_no_past() {
        let start = Instant::now();
        let age = Duration::from_secs(1);
        let mut marks = Marks::new();
        assert_eq!(marks.note(start, 1_000, age), None);
        assert_eq!(marks.note(start + Duration::from_secs(2), 3, age), None);
        assert_eq!(marks.note(start + Duration::from_secs(4), 3, age), Some(3));
    }
}
