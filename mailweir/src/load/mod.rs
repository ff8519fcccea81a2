//! `mailweir load`: sends many mails by LMTP or SMTP and measures, for capacity planning and for tests.
//!
//! The client side is egress's own [`egress::Connection`]. Latency is measured from the final dot to the last reply,
//! which is what the client's server waits for.

mod contents;
mod envelope;
mod pace;
mod session;
mod statistics;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::Load;
use crate::output;
use crate::signals::Shutdown;

use contents::Contents;
use envelope::Envelopes;
use pace::Pace;
use session::Shared;
use statistics::{Report, Statistics};

/// Between two looks of the progress bar.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the command: 1 when a mail was not accepted, unless that is allowed.
///
/// # Errors
/// When a file cannot be read.
pub(crate) async fn command(settings: Load, shutdown: &Shutdown) -> Result<ExitCode> {
    let (as_json, allow_failures) = (settings.json, settings.allow_failures);
    let report = run(settings, shutdown).await?;
    if as_json {
        output::result(serde_json::to_string(&report).context("writing the result")?);
    } else {
        output::result(&report);
    }
    let is_good = allow_failures || report.failed == 0;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends everything; a drain ends it early, after the mails under way.
async fn run(settings: Load, shutdown: &Shutdown) -> Result<Report> {
    let contents = if settings.files.is_empty() {
        Contents::generated(settings.seed, settings.size)
    } else {
        Contents::files(&settings.files).context("reading the mails to send")?
    };
    let run_name = format!("L{:X}", uuid::Uuid::now_v7().as_u128() >> 64);
    let (connections, mails) = (settings.connections, settings.mails);
    let begun = Instant::now();
    let shared = Arc::new(Shared {
        contents,
        envelopes: Envelopes::new(&settings, &run_name)?,
        pace: Pace::new(mails, settings.rate, begun),
        settings,
        finished: AtomicU64::new(0),
        stop: shutdown.drain.clone(),
    });
    let mut sessions = JoinSet::new();
    for number in 0..connections {
        sessions.spawn(session::run(shared.clone(), number));
    }
    let mut total = Statistics::new();
    let progress = progress(mails, shared.settings.json);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            joined = sessions.join_next() => match joined {
                Some(Ok(statistics)) => total.add(&statistics),
                Some(Err(error)) => total.broke(error.to_string()),
                None => break,
            },
            _ = ticks.tick() => progress.set_position(shared.finished.load(Ordering::Relaxed)),
            () = shutdown.force.cancelled() => break,
        }
    }
    progress.finish_and_clear();
    Ok(total.report(begun.elapsed()))
}

/// On a terminal only, and not where the result is for machines.
fn progress(mails: u64, is_quiet: bool) -> ProgressBar {
    if is_quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(mails), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{wide_bar} {pos}/{len} mails  {per_sec}  {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
