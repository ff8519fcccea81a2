//! How full the queue is and how long mails wait in it, for an ingress that refuses before the content travels.

use std::time::Duration;

use proto::Class;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::api;
use crate::backlog::{Backlog, Lanes};
use crate::bus::Inner;
use crate::link::Unanswered;
use crate::names::scan_durable;

/// What an ingress has to know before it takes one more mail. Stays as it was last seen while the server does not
/// answer; [`crate::Reachability`] tells that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fill {
    /// The fullest of the streams that hold mails, from 0 to 1.
    pub fill: f64,
    /// How long a mail that comes now is going to wait for a worker.
    pub wait: Duration,
}

/// Asks once in a while, for ever.
pub(crate) async fn measure(inner: &Inner, told: &watch::Sender<Fill>) {
    let mut rounds = interval(inner.settings.fill_interval);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut backlog = Backlog::default();
    loop {
        rounds.tick().await;
        match ask(inner).await {
            Ok((fill, lanes)) => {
                let wait = backlog.observe(Instant::now(), lanes);
                inner.metrics.wait.set(wait.as_secs_f64());
                inner.metrics.fill.set(fill);
                told.send_replace(Fill { fill, wait });
            }
            Err(error) => tracing::debug!(%error, "the queue does not say how full it is"),
        }
    }
}

async fn ask(inner: &Inner) -> Result<(f64, Lanes), Unanswered> {
    let (names, settings) = (&inner.names, &inner.settings);
    let mail = api::stream_state(inner, &names.mail).await?;
    let body = api::stream_state(inner, &names.body).await?;
    let fill = share(mail.messages, settings.queue_messages_max);
    let fill = fill.max(share(body.messages, settings.body_messages_max));
    let mut lanes = Lanes { pending: 0, delivered: 0 };
    for class in Class::ALL {
        let lane = api::consumer_state(inner, &names.mail, scan_durable(class)).await?;
        lanes.pending += lane.num_pending;
        lanes.delivered += lane.delivered.consumer_seq;
    }
    Ok((fill, lanes))
}

fn share(messages: u64, max: u64) -> f64 {
    if max == 0 { 0.0 } else { messages as f64 / max as f64 }
}
