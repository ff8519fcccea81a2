//! Replies on their way from whoever delivers to the session that waits.
//!
//! One place per recipient, each filled at most once, so that this is no queue that could grow.

use std::sync::{Mutex, PoisonError};

use proto::{Early, Envelope, Position, Reply};
use tokio::sync::Notify;

/// What was told early for one mail.
pub(crate) struct EarlyReplies {
    state: Mutex<State>,
    told: Notify,
}

struct State {
    is_told: Box<[bool]>,
    fresh: Vec<(Position, Reply)>,
}

impl EarlyReplies {
    /// Nothing told yet.
    pub(crate) fn new(envelope: &Envelope) -> Self {
        Self {
            state: Mutex::new(State {
                is_told: vec![false; envelope.recipients().len()].into(),
                fresh: Vec::new(),
            }),
            told: Notify::new(),
        }
    }

    /// Waits for replies that were not taken yet. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&self) -> Vec<(Position, Reply)> {
        loop {
            let fresh = self.take();
            if !fresh.is_empty() {
                return fresh;
            }
            self.told.notified().await;
        }
    }

    /// The replies that were not taken yet.
    pub(crate) fn take(&self) -> Vec<(Position, Reply)> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).fresh)
    }
}

impl Early for EarlyReplies {
    fn known(&self, position: Position, reply: &Reply) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(is_told @ false) = state.is_told.get_mut(position.index()) {
            *is_told = true;
            state.fresh.push((position, reply.clone()));
            drop(state);
            self.told.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::{ForwardPath, MailParams, Recipient, ReversePath};

    use super::*;

    #[tokio::test]
    async fn each_recipient_is_told_once_and_strangers_never() {
        let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
        let envelope = Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient; 2]).unwrap();
        let early = EarlyReplies::new(&envelope);
        for (position, code) in [(1, 250), (1, 451), (2, 250), (0, 550)] {
            early.known(Position::new(position), &Reply::new(code, None, "x"));
        }
        let told = early.next().await;
        let told: Vec<_> = told.iter().map(|(p, reply)| (p.index(), reply.code())).collect();
        assert_eq!(told, [(1, 250), (0, 550)]);
        assert!(early.take().is_empty());
    }
}
