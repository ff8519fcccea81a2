//! The right to a delivered message, as this process can know it.
//!
//! The server gives a message to somebody else when it hears nothing for `ack_wait`, and an ack, nak or progress that
//! arrives after that counts against the new owner (nats-server issue 4786). So the right is measured here, on the
//! monotonic clock, from the moment a progress that the server answered was sent; whoever lost it is mute.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Whether the message is still ours. A clone asks about the same message.
#[derive(Clone, Debug)]
pub struct Hold {
    since: Instant,
    /// Milliseconds after `since` at which the right ends.
    until_ms: Arc<AtomicU64>,
    /// What one sign of life is worth: `ack_wait` less a tenth, for clocks and the way.
    worth: Duration,
}

impl Hold {
    /// The right to a message received `now`.
    pub(crate) fn new(now: Instant, ack_wait: Duration) -> Self {
        let worth = ack_wait - ack_wait / 10;
        Self { since: now, until_ms: Arc::new(AtomicU64::new(millis(worth))), worth }
    }

    /// The server answered a progress that was sent at `sent`.
    pub(crate) fn renew(&self, sent: Instant) {
        let until = sent.saturating_duration_since(self.since) + self.worth;
        self.until_ms.fetch_max(millis(until), Ordering::AcqRel);
    }

    /// Whether it holds at `now`.
    pub(crate) fn is_held_at(&self, now: Instant) -> bool {
        now < self.until()
    }

    /// When it ends, unless it is renewed.
    pub(crate) fn until(&self) -> Instant {
        self.since + Duration::from_millis(self.until_ms.load(Ordering::Acquire))
    }

    /// Whether the message is ours at this moment. `false` means that another process may be working on it: begin
    /// nothing that cannot be taken back.
    pub fn is_held(&self) -> bool {
        self.is_held_at(Instant::now())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK_WAIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn the_right_ends_before_the_server_gives_the_message_away() {
        let start = Instant::now();
        let hold = Hold::new(start, ACK_WAIT);
        assert!(hold.is_held_at(start + Duration::from_millis(4_499)));
        assert!(!hold.is_held_at(start + Duration::from_millis(4_500)));
        tokio::time::advance(Duration::from_millis(4_500)).await;
        assert!(!hold.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_counted_from_when_the_sign_of_life_was_sent() {
        let start = Instant::now();
        let hold = Hold::new(start, ACK_WAIT);
        hold.renew(start + Duration::from_secs(2));
        assert!(hold.is_held_at(start + Duration::from_millis(6_499)));
        assert!(!hold.is_held_at(start + Duration::from_millis(6_500)));
        hold.renew(start + Duration::from_secs(1));
        assert_eq!(hold.until(), start + Duration::from_millis(6_500), "an older sign takes nothing away");
    }
}
