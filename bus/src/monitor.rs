//! Whether the queue can be used, watched in the background and told to whoever gates on it.
//!
//! Says so in the log when it changes, and again every half minute while it cannot be used.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::api;
use crate::bus::Inner;
use crate::create::create;
use crate::link::Link;
use crate::retry::Delays;
use crate::topology::{self, TopologyDiff, TopologyError, Wanted};
use crate::version::{Advice, advice};

/// How often the log says again that the queue cannot be used.
const SAY_AGAIN: Duration = Duration::from_secs(30);
/// How often a new reason for the same trouble is worth a line.
const REASON_PAUSE: Duration = Duration::from_secs(5);
/// An election takes 4 to 9 s. A server that knows no leader for longer may be cut off from those that do.
const CUT_OFF_AFTER: Duration = Duration::from_secs(10);
/// Looks at the streams are this far apart, however many workers are suspicious.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// The same while one waits for what vanished: none that was created meanwhile, and vanished again, is to be missed.
const CREATE_LOOK_PAUSE: Duration = Duration::from_millis(200);
/// A server that needs longer to tell what it has may be deleting, and then answers all processes at once.
const BUSY_FROM: Duration = Duration::from_millis(500);

/// Whether the queue can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// It can.
    Reachable,
    /// No connection, or JetStream does not answer.
    Unreachable {
        /// What is known of the reason.
        why: String,
    },
    /// Streams or consumers are missing or not as they must be; nothing is pulled or published until they are.
    TopologyMismatch {
        /// What differs.
        difference: Vec<TopologyDiff>,
    },
}

impl Reachability {
    /// Whether work can be done.
    pub fn is_reachable(&self) -> bool {
        *self == Self::Reachable
    }

    /// Whether a stream or a consumer is missing. A server of 2.9.10 dies when a message is asked for of a stream that is
    /// just being set up.
    pub(crate) fn is_incomplete(&self) -> bool {
        match self {
            Self::Reachable | Self::Unreachable { .. } => false,
            Self::TopologyMismatch { difference } => {
                difference.iter().any(|diff| matches!(diff, TopologyDiff::Missing { .. }))
            }
        }
    }
}

/// One sentence.
impl std::fmt::Display for Reachability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reachable => f.write_str("nats is reachable"),
            Self::Unreachable { why } => write!(f, "nats cannot be used: {why}"),
            Self::TopologyMismatch { difference } => {
                f.write_str("nats streams are not as they must be: ")?;
                for (index, diff) in difference.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{diff}")?;
                }
                Ok(())
            }
        }
    }
}

/// Watches until the process stops.
pub(crate) async fn watch(inner: Arc<Inner>) {
    tokio::select! {
        () = inner.stop.cancelled() => {}
        () = watch_for_ever(&inner) => {}
    }
}

async fn watch_for_ever(inner: &Inner) {
    let mut said = Said::default();
    let mut advised = String::new();
    let mut delays = Delays::look();
    let mut silent_since: Option<Instant> = None;
    let mut was_whole = false;
    loop {
        let (state, silent) = look(inner, was_whole).await;
        was_whole |= state.is_reachable();
        if state.is_reachable() {
            advise(inner, &mut advised);
            delays = Delays::look();
        }
        said.say(&state);
        match silent {
            None => silent_since = None,
            Some(link) if silent_since.get_or_insert_with(Instant::now).elapsed() >= CUT_OFF_AFTER => {
                elsewhere(inner, link).await;
            }
            Some(_) => {}
        }
        let pause = match &state {
            Reachability::Reachable => inner.settings.topology_interval,
            Reachability::Unreachable { .. } | Reachability::TopologyMismatch { .. } => delays.next(),
        };
        tell(inner, state);
        wait(inner, pause).await;
    }
}

fn tell(inner: &Inner, state: Reachability) {
    inner.metrics.reachable.set(i64::from(state.is_reachable()));
    inner.reachability.send_if_modified(|told| {
        let changed = *told != state;
        *told = state;
        changed
    });
}

/// Until it is time to look again.
async fn wait(inner: &Inner, pause: Duration) {
    for link in [&inner.control, &inner.bulk] {
        if !link.is_connected() {
            drop(timeout(SAY_AGAIN, link.ready_or_news()).await);
            return;
        }
    }
    let (control, bulk) = (inner.control.generation(), inner.bulk.generation());
    tokio::select! {
        () = inner.control.lost(control) => {}
        () = inner.bulk.lost(bulk) => {}
        () = inner.control.lame_duck() => elsewhere(inner, &inner.control).await,
        () = inner.bulk.lame_duck() => elsewhere(inner, &inner.bulk).await,
        () = inner.suspicion.notified() => sleep(LOOK_PAUSE.min(pause)).await,
        () = sleep(pause) => {}
    }
}

/// Leaves a server that is shutting down or knows no leader, if there is another.
async fn elsewhere(inner: &Inner, link: &Link) {
    if inner.settings.servers.len() > 1
        && let Err(error) = link.client.force_reconnect().await
    {
        tracing::warn!(%error, "cannot leave a server");
    }
    let generation = link.generation();
    drop(timeout(SAY_AGAIN, link.lost(generation)).await);
}

/// What the queue is like, and the connection whose server does not answer although it stands.
async fn look(inner: &Inner, was_whole: bool) -> (Reachability, Option<&Link>) {
    for link in [&inner.control, &inner.bulk] {
        if !link.is_connected() {
            return (Reachability::Unreachable { why: link.why() }, None);
        }
    }
    let difference = match inner.control.while_connected(examine(inner, was_whole)).await {
        None => return (Reachability::Unreachable { why: inner.control.why() }, None),
        Some(Err(error)) => {
            return (Reachability::Unreachable { why: error.to_string() }, Some(&inner.control));
        }
        Some(Ok(difference)) => difference,
    };
    if !difference.is_empty() {
        return (Reachability::TopologyMismatch { difference }, None);
    }
    // The two connections may be to different servers.
    match inner.bulk.while_connected(api::consumer_known(inner, &inner.bulk)).await {
        None => (Reachability::Unreachable { why: inner.bulk.why() }, None),
        Some(Err(error)) => (Reachability::Unreachable { why: error.to_string() }, Some(&inner.bulk)),
        Some(Ok(())) => (Reachability::Reachable, None),
    }
}

/// Compares, and creates what is missing or has to be made anew, if that is allowed and nothing else is wrong.
async fn examine(inner: &Inner, was_whole: bool) -> Result<Vec<TopologyDiff>, TopologyError> {
    let wanted = inner.wanted();
    let may_create = |diffs: &[TopologyDiff]| {
        !diffs.is_empty() && diffs.iter().all(is_creatable) && inner.settings.create_streams
    };
    let diffs = topology::compare(&inner.control, &wanted).await?;
    if !may_create(&diffs) {
        return Ok(diffs);
    }
    let diffs = if was_whole { still_missing(inner, &wanted, diffs, may_create).await? } else { diffs };
    if !may_create(&diffs) {
        return Ok(diffs);
    }
    for diff in &diffs {
        tracing::warn!("{diff}, creating it");
    }
    create(&inner.control, &wanted, &diffs).await?;
    topology::compare(&inner.control, &wanted).await
}

/// What differs after it did for a while, a different one in each process; at once what others have created meanwhile.
///
/// What vanishes under load is noticed by all processes at once, and while the server is still deleting it: such a
/// server takes files of the new stream along and then stores nothing in it, or dies (2.9.10).
async fn still_missing(
    inner: &Inner,
    wanted: &Wanted,
    difference: Vec<TopologyDiff>,
    may_create: impl Fn(&[TopologyDiff]) -> bool,
) -> Result<Vec<TopologyDiff>, TopologyError> {
    tell(inner, Reachability::TopologyMismatch { difference });
    let wait = Delays::create().next();
    let mut since = Instant::now();
    loop {
        sleep(CREATE_LOOK_PAUSE.min(wait.saturating_sub(since.elapsed()))).await;
        let start = Instant::now();
        let diffs = topology::compare(&inner.control, wanted).await?;
        if start.elapsed() >= BUSY_FROM {
            since = Instant::now();
        }
        if !may_create(&diffs) || since.elapsed() >= wait {
            return Ok(diffs);
        }
    }
}

/// Whether creating is enough to mend it.
fn is_creatable(diff: &TopologyDiff) -> bool {
    match diff {
        TopologyDiff::Missing { .. } | TopologyDiff::Ahead { .. } => true,
        TopologyDiff::Differs { .. } => false,
    }
}

/// Once per server version.
fn advise(inner: &Inner, advised: &mut String) {
    let version = inner.control.client.server_info().version;
    if *advised == version {
        return;
    }
    match advice(&version) {
        Advice::None => {}
        Advice::Upgrade(why) => tracing::warn!(%version, "nats-server should be upgraded: {why}"),
        Advice::UpgradeNow(why) => tracing::error!(%version, "nats-server must be upgraded: {why}"),
    }
    *advised = version;
}

/// What the log said last.
#[derive(Default)]
struct Said {
    last: Option<(Reachability, Instant)>,
}

impl Said {
    fn say(&mut self, state: &Reachability) {
        let now = Instant::now();
        let news = match &self.last {
            None => true,
            Some((last, _)) if discriminant(last) != discriminant(state) => true,
            Some((last, at)) if last != state => now - *at >= REASON_PAUSE,
            Some((last, at)) => !last.is_reachable() && now - *at >= SAY_AGAIN,
        };
        if !news {
            return;
        }
        self.last = Some((state.clone(), now));
        match state {
            Reachability::Reachable => tracing::info!("{state}"),
            Reachability::Unreachable { .. } => tracing::warn!("{state}"),
            Reachability::TopologyMismatch { .. } => {
                tracing::error!("{state}; `mailweir topology apply` changes them");
            }
        }
    }
}
