//! The attachment rule: no part of a mail may have a banned name, declared type or content.
//!
//! Order: [`guard`] bounds what a mail can cost, mail-parser finds the parts, [`parts`] reads every declared name of
//! each, [`rules`] judges. A parser that panics, and a mail beyond a limit, are findings of their own. Deliberately
//! absent: looking into archives and documents.

mod decode;
mod guard;
mod header;
mod lost;
mod names;
mod parts;
mod rules;
mod settings;
mod signatures;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use proto::{Category, Deadline, Unchecked};

use self::rules::Rules;
pub use self::settings::{Limits, Settings};

/// Largest content that is inspected on the caller's own thread, in bytes: well below a millisecond.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) category: Category,
    /// Not yet printable.
    pub(crate) name: String,
}

impl Found {
    fn new(category: Category, name: impl Into<String>) -> Self {
        Self { category, name: name.into() }
    }
}

/// Inspects mails by one set of rules.
pub(crate) struct Inspector {
    rules: Arc<Rules>,
    /// Inspections of larger mails at the same time: one per core.
    slots: Arc<Semaphore>,
}

impl Inspector {
    pub(crate) fn new(settings: Settings) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { rules: Arc::new(Rules::new(settings)), slots: Arc::new(Semaphore::new(cores)) }
    }

    /// What is found in `content`, by `deadline`; a large mail is inspected on a thread for blocking work.
    pub(crate) async fn inspect(&self, content: &Bytes, deadline: Deadline) -> Vec<Found> {
        if content.len() <= INLINE_BYTES_MAX {
            return caught(content, &self.rules);
        }
        let inspection = async {
            let permit = Arc::clone(&self.slots).acquire_owned().await;
            let (content, rules) = (content.clone(), Arc::clone(&self.rules));
            let task = tokio::task::spawn_blocking(move || {
                // Held until the work is done, also when nobody waits for it any more.
                let _permit = permit;
                caught(&content, &rules)
            });
            task.await.unwrap_or_else(|_| failed("the inspection was given up"))
        };
        timeout_at(Instant::from_std(deadline.at()), inspection)
            .await
            .unwrap_or_else(|_| failed("not inspected in time"))
    }
}

/// Inspects, and turns a panic of a parser into a finding.
fn caught(content: &[u8], rules: &Rules) -> Vec<Found> {
    caught_with(|| parts::inspect(content, rules))
}

fn caught_with(inspect: impl FnOnce() -> Vec<Found>) -> Vec<Found> {
    catch_unwind(AssertUnwindSafe(inspect)).unwrap_or_else(|_| failed("the parser failed on it"))
}

fn failed(reason: &str) -> Vec<Found> {
    vec![Found::new(Category::Unchecked(Unchecked::Failed), reason)]
}
