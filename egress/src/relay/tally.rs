//! Who of a group still waits for an answer, and what the others got.
//!
//! Every recipient is answered once: what was told early cannot change later, whatever another target would say.

use std::fmt::Write as _;

use proto::{Early, Position, Reply};

use crate::fence::Results;
use crate::metrics::Metrics;

pub(super) struct Tally<'a> {
    open: Vec<Position>,
    results: Vec<(Position, Reply)>,
    early: &'a dyn Early,
    metrics: &'a Metrics,
    queue_id: Option<String>,
    peer: Option<String>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(recipients: Vec<Position>, early: &'a dyn Early, metrics: &'a Metrics) -> Self {
        Self {
            results: Vec::with_capacity(recipients.len()),
            open: recipients,
            early,
            metrics,
            queue_id: None,
            peer: None,
        }
    }

    /// Those without an answer, in RCPT order.
    pub(super) fn open(&self) -> &[Position] {
        &self.open
    }

    /// The final answer for one recipient; the first one stands.
    pub(super) fn settle(&mut self, position: Position, reply: Reply) {
        let Some(index) = self.open.iter().position(|open| *open == position) else {
            return;
        };
        self.open.remove(index);
        self.metrics.answered(reply.class());
        self.early.known(position, &reply);
        self.results.push((position, reply));
    }

    /// The same final answer for all of `recipients` that have none.
    pub(super) fn settle_all(&mut self, recipients: &[Position], reply: &Reply) {
        for position in recipients {
            self.settle(*position, reply.clone());
        }
    }

    /// The same final answer for everybody who has none.
    pub(super) fn settle_rest(&mut self, reply: &Reply) {
        let rest = self.open.clone();
        self.settle_all(&rest, reply);
    }

    /// Takes results that somebody else brought about for `claimed`. Those without one stay open, unless that is all
    /// of them: then asking again would bring nothing new.
    pub(super) fn take_over(&mut self, results: Results, claimed: &[Position]) {
        let before = self.open.len();
        for (position, reply) in results.0 {
            if claimed.contains(&position) {
                self.settle(position, reply);
            }
        }
        if self.open.len() == before {
            self.settle_all(claimed, &Reply::unknown());
        }
    }

    /// How many have an answer, as a mark for [`Self::since`].
    pub(super) fn mark(&self) -> usize {
        self.results.len()
    }

    /// The answers given since `mark`.
    pub(super) fn since(&self, mark: usize) -> Results {
        Results(self.results.get(mark..).unwrap_or_default().to_vec())
    }

    pub(super) fn note_queue_id(&mut self, queue_id: Option<&str>) {
        if let Some(queue_id) = queue_id {
            self.queue_id = Some(queue_id.to_owned());
        }
    }

    pub(super) fn note_peer(&mut self, label: &str) {
        if self.peer.as_deref() != Some(label) {
            self.peer = Some(label.to_owned());
        }
    }

    pub(super) fn queue_id(&self) -> Option<&str> {
        self.queue_id.as_deref()
    }

    pub(super) fn peer(&self) -> Option<&str> {
        self.peer.as_deref()
    }

    /// Codes with their counts, for the log: `250x3,550x1`.
    pub(super) fn codes(&self) -> String {
        let mut counts: Vec<(u16, usize)> = Vec::new();
        for (_, reply) in &self.results {
            match counts.iter_mut().find(|(code, _)| *code == reply.code()) {
                Some((_, count)) => *count += 1,
                None => counts.push((reply.code(), 1)),
            }
        }
        let mut out = String::new();
        for (code, count) in counts {
            let comma = if out.is_empty() { "" } else { "," };
            // Writing to a string does not fail.
            let _written = write!(out, "{comma}{code}x{count}");
        }
        out
    }

    pub(super) fn into_results(self) -> Vec<(Position, Reply)> {
        self.results
    }
}
