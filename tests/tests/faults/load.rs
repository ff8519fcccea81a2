//! Clients that send one mail after the other, and what an operator asks of them.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::checker::Mta;
use harness::next_hop::NextHop;
use tokio::task::JoinSet;

/// Mails that must arrive between two steps of a row.
const MAILS_BETWEEN: usize = 40;

/// Some clients, until they are ended.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    senders: JoinSet<bool>,
}

impl Load {
    /// One for each number.
    pub(crate) fn start(mta: &Mta, clients: RangeInclusive<u32>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = JoinSet::new();
        for client in clients {
            let (mut sender, stop) = (mta.sender(client), stop.clone());
            senders.spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    if !sender.deliver(number).await {
                        return false;
                    }
                    number += 1;
                }
                true
            });
        }
        Self { stop, senders }
    }

    /// Waits until more mails have arrived.
    pub(crate) async fn goes_on(&self, hop: &NextHop) {
        hop.mails(hop.seen().mails.len() + MAILS_BETWEEN).await;
    }

    /// Lets each finish its mail; whether all got a final answer.
    pub(crate) async fn end(self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await.into_iter().all(|answered| answered)
    }

    /// Goes on for that long, and ends.
    pub(crate) async fn last(self, time: Duration) -> bool {
        tokio::time::sleep(time).await;
        self.end().await
    }
}
