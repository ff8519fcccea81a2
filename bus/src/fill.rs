//! How full the queue is, for an ingress that refuses before the content travels.

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::api;
use crate::bus::Inner;

/// Mails in flight in the whole installation, and the most that there may be. Stays as it was last seen while the
/// server does not answer; [`crate::Reachability`] tells that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Jobs in the queue.
    pub messages: u64,
    /// `queue_messages_max`.
    pub messages_max: u64,
}

impl Fill {
    /// Whether at least `percent` of the queue is used.
    pub fn reaches(&self, percent: u64) -> bool {
        self.messages_max > 0
            && self.messages.saturating_mul(100) >= self.messages_max.saturating_mul(percent)
    }
}

/// Asks once in a while, for ever.
pub(crate) async fn measure(inner: &Inner, told: &watch::Sender<Fill>) {
    let mut rounds = interval(inner.settings.fill_interval);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        if let Ok(state) = api::stream_state(inner, &inner.names.mail).await {
            told.send_replace(Fill {
                messages: state.messages,
                messages_max: inner.settings.queue_messages_max,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_at_its_limit() {
        let fill = |messages| Fill { messages, messages_max: 10 };
        assert!(!fill(7).reaches(80));
        assert!(fill(8).reaches(80));
        assert!(!Fill::default().reaches(0));
        assert!(Fill { messages: u64::MAX, messages_max: u64::MAX }.reaches(100));
    }
}
