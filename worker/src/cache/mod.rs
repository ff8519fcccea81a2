//! What one virus scanner said of contents a short while ago, so that it is not asked again for the same bytes.
//!
//! A mailing brings the same attachment in every mail. While it is scanned for the first one, the others wait for that
//! scan; afterwards they get what came out. A verdict is found under a digest of the content and of the signatures that
//! it was made by, and only for a short time, since no scanner tells at once that it has new ones. Failures and scores
//! are never kept: a failure says nothing of the content, and a score depends on the envelope too.
//!
//! Deliberately absent: rules and settings in the key, which never change while a process lives; a cache that processes
//! share, which whoever can write to it could use to have a virus passed; and a sweep, since what is too old is not used
//! and is pushed out by what is new.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::{DefaultLifecycle, EntryAction, EntryResult, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};
use tokio::time::{Instant, timeout_at};

use proto::Deadline;

use crate::metrics::CacheMetrics;
use crate::pool::Failed;
use crate::pool::client::Outcome;

/// Longest name of a virus or of a limit that is kept, so that the number of verdicts bounds their memory too.
const NAME_BYTES_MAX: usize = 256;

/// What an operator can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most verdicts that are kept of each virus scanner; 0 keeps and shares none. Default: 10 000.
    pub entries_max: usize,
    /// How long a verdict may be used, counted from the start of its scan. Default: 3 min.
    pub age_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { entries_max: 10_000, age_max: Duration::from_secs(3 * 60) }
    }
}

/// A digest of a content and of the signatures by which it is scanned.
type Key = [u8; 32];
type Verdicts = quick_cache::sync::Cache<Key, Kept>;
/// The right to scan a content for all who wait for it, and the duty to put the verdict there. Dropped without one, it
/// goes to one of those who wait.
type Place<'a> =
    PlaceholderGuard<'a, Key, Kept, UnitWeighter, DefaultHashBuilder, DefaultLifecycle<Key, Kept>>;

/// A verdict.
#[derive(Clone, Debug)]
struct Kept {
    outcome: Outcome,
    /// When its scan began.
    since: Instant,
}

/// What is known of a content that is to be scanned.
enum Found<'a> {
    Verdict(Outcome),
    /// Nothing: the caller scans it, for others too where it has a place.
    Nothing(Option<Place<'a>>),
}

/// The verdicts of one scanner.
pub(crate) struct Cache {
    /// None where it is switched off.
    verdicts: Option<Verdicts>,
    age_max: Duration,
    metrics: CacheMetrics,
}

impl Cache {
    pub(crate) fn new(settings: Settings, metrics: CacheMetrics) -> Self {
        let Settings { entries_max, age_max } = settings;
        // One lock for all, since it is held for less than a microsecond and parts of the bound would not add up to it.
        // A tenth is for what was asked for again; what is new pushes out what is old in the rest, and once pushed out it
        // is forgotten: nobody asks for last week's attachments.
        let options = OptionsBuilder::new()
            .shards(1)
            .hot_allocation(0.1)
            .ghost_allocation(0.0)
            .estimated_items_capacity(entries_max)
            .weight_capacity(entries_max as u64)
            .build();
        let verdicts = options.ok().filter(|_| entries_max > 0).map(|options| {
            Verdicts::with_options(
                options,
                UnitWeighter,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            )
        });
        Self { verdicts, age_max, metrics }
    }

    /// The verdict on `content` that is known, or that comes out of a scan under way, or what `scan` gives, which is not
    /// begun otherwise. `signatures` says by what scans are made now; where that is not known nothing is kept or shared.
    ///
    /// Whoever waits for the scan of another waits for half of the time that remains at most, and then scans by itself:
    /// it is never worse off than without a cache. It should hold nothing that the other needs.
    ///
    /// # Errors
    /// What `scan` fails with, which goes to nobody else.
    pub(crate) async fn scan(
        &self,
        content: &Bytes,
        signatures: Option<&str>,
        deadline: Deadline,
        scan: impl Future<Output = Result<Outcome, Failed>>,
    ) -> Result<Outcome, Failed> {
        let (Some(verdicts), Some(signatures)) = (&self.verdicts, signatures) else {
            return scan.await;
        };
        let place = match self.find(verdicts, &key(content, signatures), deadline).await {
            Found::Verdict(outcome) => return Ok(outcome),
            Found::Nothing(place) => place,
        };
        self.metrics.miss.inc();
        let since = Instant::now();
        let outcome = scan.await?;
        if let Some(place) = place.filter(|_| may_be_kept(&outcome)) {
            // It would be refused had somebody removed the entry meanwhile, which nobody does.
            let _kept = place.insert(Kept { outcome: outcome.clone(), since });
        }
        Ok(outcome)
    }

    /// Looks for a verdict, and waits where somebody is about to have one.
    async fn find<'a>(&self, verdicts: &'a Verdicts, key: &Key, deadline: Deadline) -> Found<'a> {
        if let Some(outcome) = verdicts.get(key).and_then(|kept| self.usable(&kept)) {
            self.metrics.hit.inc();
            return Found::Verdict(outcome);
        }
        let entry = verdicts.entry_async(key, |_, kept| match self.usable(kept) {
            Some(outcome) => EntryAction::Retain(outcome),
            None => EntryAction::ReplaceWithGuard,
        });
        let now = Instant::now();
        let until = now + deadline.remaining(now.into_std()) / 2;
        match timeout_at(until, entry).await {
            Ok(EntryResult::Retained(outcome)) => {
                self.metrics.joined.inc();
                Found::Verdict(outcome)
            }
            Ok(EntryResult::Vacant(place) | EntryResult::Replaced(place, _)) => Found::Nothing(Some(place)),
            Ok(EntryResult::Removed(..) | EntryResult::Timeout) | Err(_) => Found::Nothing(None),
        }
    }

    /// What it says, unless it is too old.
    fn usable(&self, kept: &Kept) -> Option<Outcome> {
        (kept.since.elapsed() < self.age_max).then(|| kept.outcome.clone())
    }
}

/// The length in front keeps the two apart.
fn key(content: &Bytes, signatures: &str) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(signatures.len() as u64).to_le_bytes());
    hasher.update(signatures.as_bytes());
    hasher.update(content);
    hasher.finalize().into()
}

fn may_be_kept(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Clean => true,
        Outcome::Infected(name) | Outcome::OverLimit(name) | Outcome::Encrypted(name) => {
            name.len() <= NAME_BYTES_MAX
        }
        Outcome::Score(_) => false,
    }
}

#[cfg(test)]
mod tests;
