//! Clients that send one mail after the other until they are ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::mta::Mta;

/// Some clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    senders: JoinSet<u32>,
}

impl Load {
    /// One for each number, each with a pause between two mails.
    pub fn start(mta: &Mta, clients: impl IntoIterator<Item = u32>, pause: Duration) -> Self {
        let mut load = Self { stop: Arc::new(AtomicBool::new(false)), senders: JoinSet::new() };
        load.add(mta, clients, pause);
        load
    }

    /// Adds more of them.
    pub fn add(&mut self, mta: &Mta, clients: impl IntoIterator<Item = u32>, pause: Duration) {
        for client in clients {
            let (mut sender, stop) = (mta.sender(client), self.stop.clone());
            self.senders.spawn(async move {
                let (mut number, mut unanswered) = (0, 0);
                while !stop.load(Ordering::Relaxed) {
                    unanswered += u32::from(!sender.deliver(number).await);
                    number += 1;
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                }
                unanswered
            });
        }
    }

    /// Lets each finish its mail; how many mails got no final answer.
    pub async fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await.into_iter().sum()
    }

    /// Goes on for that long, and ends.
    pub async fn last(self, time: Duration) -> u32 {
        sleep(time).await;
        self.end().await
    }
}
