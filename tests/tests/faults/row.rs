//! One row of the table: what is done, what is allowed, and what came of it.

use std::pin::Pin;
use std::time::Duration;

use harness::checker::Report;

/// How much of the machine a row needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A few mails.
    Light,
    /// All of it.
    Heavy,
}

pub(crate) type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// What is done, and what is allowed.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) weight: Weight,
    /// What the client may see of the first attempt of the mail that the fault hits.
    pub(crate) saw: &'static [&'static str],
    /// Copies beyond the first.
    pub(crate) extra_max: usize,
    pub(crate) run: Box<dyn Fn() -> Running + Send>,
}

impl Row {
    pub(crate) fn new<F>(id: &str, what: &str, saw: &'static [&'static str], run: F) -> Self
    where
        F: Fn() -> Running + Send + 'static,
    {
        let (id, what) = (id.to_owned(), what.to_owned());
        Self { id, what, weight: Weight::Light, saw, extra_max: 0, run: Box::new(run) }
    }

    /// Allows that many copies beyond the first.
    pub(crate) fn extra(mut self, max: usize) -> Self {
        self.extra_max = max;
        self
    }

    /// Needs the whole machine.
    pub(crate) fn heavy(mut self) -> Self {
        self.weight = Weight::Heavy;
        self
    }
}

/// What a row came to.
pub(crate) struct Outcome {
    /// First attempt of the mail that the fault hits.
    pub(crate) saw: String,
    /// All copies of that mail.
    pub(crate) copies: usize,
    /// How often a second copy was possible, as the metrics tell.
    pub(crate) doubts: u64,
    /// From the first attempt of that mail until its last recipient was answered for good.
    pub(crate) answered_after: Duration,
    /// From the fault until mail flowed as before.
    pub(crate) normal_after: Duration,
    pub(crate) report: Report,
}

/// A row with its outcome; `None` when it failed before it had one.
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) saw_allowed: &'static [&'static str],
    pub(crate) extra_max: usize,
    pub(crate) outcome: Option<Outcome>,
}

impl Line {
    /// `None` for a row that has not run to its end.
    pub(crate) fn new(row: &Row) -> Self {
        let (id, what) = (row.id.clone(), row.what.clone());
        Self { id, what, saw_allowed: row.saw, extra_max: row.extra_max, outcome: None }
    }

    /// What should not have been.
    pub(crate) fn faults(&self) -> Vec<String> {
        let Some(outcome) = &self.outcome else {
            return vec![format!("{}: failed before its end", self.id)];
        };
        let mut faults = outcome.report.faults(self.extra_max);
        if !outcome.report.duplicate.is_empty() && outcome.doubts == 0 {
            faults.push("a second copy, and no metric counts it".to_owned());
        }
        if !self.saw_allowed.contains(&outcome.saw.as_str()) {
            faults.push(format!("the client saw {:?}, allowed is {:?}", outcome.saw, self.saw_allowed));
        }
        faults.into_iter().map(|fault| format!("{}: {fault}", self.id)).collect()
    }
}
