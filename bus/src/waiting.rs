//! The transactions of this ingress that wait for their outcome, and those that no longer do.
//!
//! Pure bookkeeping: what comes in is a notice, what goes out is what to answer it. The first reply for a recipient
//! is final, since it may have been written to the client already.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::wire::Notice;
use proto::{Position, Reply, TxId};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long an answered transaction is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How many are.
const REMEMBERED_MAX: usize = 100_000;

/// What an egress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It reached whoever waits, or had before.
    Taken,
    /// The client was told something else before it came.
    Late,
    /// Not a transaction of this process.
    Unknown,
}

/// All transactions of a process.
#[derive(Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<TxId, Open>,
    closed: Closed,
}

struct Open {
    /// By position.
    replies: Vec<Option<Reply>>,
    complete: bool,
    wake: Arc<Notify>,
}

/// Those that were answered lately: whether by their outcome.
#[derive(Default)]
struct Closed {
    by_outcome: HashMap<TxId, bool>,
    order: VecDeque<(Instant, TxId)>,
}

impl Closed {
    fn remember(&mut self, now: Instant, tx: TxId, by_outcome: bool) {
        while let Some((at, oldest)) = self.order.front().copied()
            && (self.order.len() >= REMEMBERED_MAX || now.saturating_duration_since(at) >= REMEMBERED)
        {
            self.order.pop_front();
            self.by_outcome.remove(&oldest);
        }
        if self.by_outcome.insert(tx, by_outcome).is_none() {
            self.order.push_back((now, tx));
        }
    }
}

/// One transaction's place. Dropping it ends the waiting.
pub(crate) struct Waiter<'a> {
    waiting: &'a Waiting,
    tx: TxId,
    wake: Arc<Notify>,
    /// Positions already handed out.
    told: Vec<bool>,
}

/// What has become known since the last time.
pub(crate) struct News {
    pub(crate) replies: Vec<(Position, Reply)>,
    /// Whether nothing follows.
    pub(crate) complete: bool,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a place for a transaction with that many recipients.
    pub(crate) fn open(&self, tx: TxId, recipients: usize) -> Waiter<'_> {
        let wake = Arc::new(Notify::new());
        let open = Open { replies: vec![None; recipients], complete: false, wake: wake.clone() };
        self.lock().open.insert(tx, open);
        Waiter { waiting: self, tx, wake, told: vec![false; recipients] }
    }

    /// Takes a notice.
    pub(crate) fn take(&self, notice: &Notice) -> Answer {
        let mut state = self.lock();
        let Some(open) = state.open.get_mut(&notice.tx) else {
            return match state.closed.by_outcome.get(&notice.tx) {
                Some(true) => Answer::Taken,
                Some(false) => Answer::Late,
                None => Answer::Unknown,
            };
        };
        for (position, reply) in &notice.replies {
            if let Some(slot @ None) = open.replies.get_mut(position.index()) {
                *slot = Some(reply.clone());
            }
        }
        open.complete |= notice.last;
        open.wake.notify_one();
        Answer::Taken
    }
}

impl Waiter<'_> {
    /// Waits until something becomes known.
    pub(crate) async fn news(&mut self) -> News {
        loop {
            if let Some(news) = self.fresh() {
                return news;
            }
            self.wake.notified().await;
        }
    }

    fn fresh(&mut self) -> Option<News> {
        let state = self.waiting.lock();
        let open = state.open.get(&self.tx)?;
        let mut replies = Vec::new();
        for (index, (told, reply)) in self.told.iter_mut().zip(&open.replies).enumerate() {
            if let (false, Some(reply)) = (*told, reply) {
                *told = true;
                replies.push((Position::new(index), reply.clone()));
            }
        }
        let complete = open.complete || open.replies.iter().all(Option::is_some);
        (complete || !replies.is_empty()).then_some(News { replies, complete })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.waiting.lock();
        let by_outcome = state.open.remove(&self.tx).is_some_and(|open| open.complete);
        state.closed.remember(Instant::now(), self.tx, by_outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tx(number: u32) -> TxId {
        TxId::parse(&format!("{number:032x}")).unwrap()
    }

    fn notice(number: u32, replies: &[(usize, u16)], last: bool) -> Notice {
        let reply = |&(position, code): &(usize, u16)| (Position::new(position), Reply::new(code, None, "x"));
        Notice { tx: tx(number), replies: replies.iter().map(reply).collect(), last }
    }

    fn codes(news: &News) -> Vec<(usize, u16)> {
        news.replies.iter().map(|(p, reply)| (p.index(), reply.code())).collect()
    }

    #[tokio::test]
    async fn replies_come_once_and_the_first_is_final() {
        let waiting = Waiting::default();
        let mut waiter = waiting.open(tx(1), 3);
        assert_eq!(waiting.take(&notice(1, &[(1, 250)], false)), Answer::Taken);
        let news = waiter.news().await;
        assert_eq!((codes(&news), news.complete), (vec![(1, 250)], false));
        waiting.take(&notice(1, &[(0, 550), (1, 451), (2, 250), (9, 250)], true));
        let news = waiter.news().await;
        assert_eq!((codes(&news), news.complete), (vec![(0, 550), (2, 250)], true));
    }

    #[tokio::test]
    async fn the_last_notice_completes_even_without_replies() {
        let waiting = Waiting::default();
        let mut waiter = waiting.open(tx(1), 2);
        waiting.take(&notice(1, &[], true));
        let news = waiter.news().await;
        assert!(news.complete && news.replies.is_empty());
    }

    #[tokio::test]
    async fn all_replies_complete_even_without_a_last_notice() {
        let waiting = Waiting::default();
        let mut waiter = waiting.open(tx(1), 1);
        waiting.take(&notice(1, &[(0, 250)], false));
        assert!(waiter.news().await.complete);
    }

    #[tokio::test(start_paused = true)]
    async fn an_egress_is_told_the_truth_about_a_closed_transaction() {
        let waiting = Waiting::default();
        drop(waiting.open(tx(1), 1));
        assert_eq!(waiting.take(&notice(1, &[(0, 250)], true)), Answer::Late);
        let waiter = waiting.open(tx(2), 1);
        waiting.take(&notice(2, &[(0, 250)], true));
        drop(waiter);
        assert_eq!(waiting.take(&notice(2, &[(0, 250)], true)), Answer::Taken, "its own repeat");
        assert_eq!(waiting.take(&notice(3, &[(0, 250)], true)), Answer::Unknown);
        tokio::time::advance(REMEMBERED).await;
        drop(waiting.open(tx(4), 1));
        assert_eq!(waiting.take(&notice(1, &[(0, 250)], true)), Answer::Unknown, "forgotten");
        assert_eq!(waiting.take(&notice(4, &[(0, 250)], true)), Answer::Late);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let mut closed = Closed::default();
        let now = Instant::now();
        for number in 0..=u32::try_from(REMEMBERED_MAX).unwrap() {
            closed.remember(now, tx(number), false);
        }
        assert_eq!((closed.order.len(), closed.by_outcome.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert!(!closed.by_outcome.contains_key(&tx(0)));
    }
}
