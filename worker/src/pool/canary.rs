//! Hosts prove again and again that their "clean" is worth something.
//!
//! This is beside the probes of hosts that are left alone, which mails cause: a host in use is probed too, and a host
//! that nobody sends mails to comes back as well. The first probe is not here: the start waits for it.

use std::future::pending;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::Pool;
use super::client::Client;

/// How often hosts are examined closely.
const EXAMINE_INTERVAL: Duration = Duration::from_secs(60 * 60);

impl<C: Client> Pool<C> {
    /// Probes all hosts, forever. Where they need not prove anything, nothing is done.
    pub(crate) async fn watch(&self) {
        let Some(interval) = self.client.canary_interval() else {
            return pending().await;
        };
        let mut examined = Instant::now();
        loop {
            sleep(interval).await;
            let now = Instant::now();
            let is_due = now.duration_since(examined) >= EXAMINE_INTERVAL;
            if is_due {
                examined = now;
            }
            join_all(self.hosts.iter().map(async |host| {
                let is_up = host.probe(&self.client, &self.settings).await.is_ok();
                if is_up && is_due {
                    host.examine(&self.client, &self.settings).await;
                }
            }))
            .await;
        }
    }
}
