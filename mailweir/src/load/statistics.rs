//! What a run amounted to: counts by reply code, and how long the answers took.
//!
//! Each session keeps its own and they are added up in the end, so measuring costs no lock. The latency of a mail is the
//! time from its final dot to its last reply.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use egress::dialogue::{Class, NextHopReply};
use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency that is told apart, in microseconds: one hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// Counts of one session, or of all.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    /// Mails with a positive reply for every recipient.
    accepted: u64,
    /// Mails with another reply, or none, for at least one.
    failed: u64,
    /// Content of accepted mails.
    bytes: u64,
    /// Replies for recipients, by code.
    replies: BTreeMap<u16, u64>,
    /// Sessions that broke, by reason.
    errors: BTreeMap<String, u64>,
    /// The first reply of each code, to see what it was about.
    samples: BTreeMap<u16, String>,
    latency_us: Option<Histogram<u64>>,
}

impl Statistics {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            accepted: 0,
            failed: 0,
            bytes: 0,
            replies: BTreeMap::new(),
            errors: BTreeMap::new(),
            samples: BTreeMap::new(),
            // Three digits are well-formed; without a histogram there are no percentiles and nothing else is lost.
            latency_us: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).ok(),
        }
    }

    /// A mail was answered.
    pub(crate) fn answered(&mut self, bytes: usize, replies: &[NextHopReply], latency: Option<Duration>) {
        let mut all_positive = !replies.is_empty();
        for reply in replies {
            *self.replies.entry(reply.code()).or_default() += 1;
            if reply.class() != Class::Positive {
                all_positive = false;
                self.samples.entry(reply.code()).or_insert_with(|| reply.to_string());
            }
        }
        if all_positive {
            self.accepted += 1;
            self.bytes += bytes as u64;
        } else {
            self.failed += 1;
        }
        if let (Some(latency), Some(histogram)) = (latency, &mut self.latency_us) {
            histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
        }
    }

    /// The whole transaction was refused: every recipient has that reply.
    pub(crate) fn refused(&mut self, recipients: usize, reply: &NextHopReply) {
        self.failed += 1;
        *self.replies.entry(reply.code()).or_default() += recipients as u64;
        self.samples.entry(reply.code()).or_insert_with(|| reply.to_string());
    }

    /// A mail got no answer.
    pub(crate) fn broke(&mut self, why: String) {
        self.failed += 1;
        *self.errors.entry(why).or_default() += 1;
    }

    /// Adds another session's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.bytes += other.bytes;
        for (code, count) in &other.replies {
            *self.replies.entry(*code).or_default() += count;
        }
        for (why, count) in &other.errors {
            *self.errors.entry(why.clone()).or_default() += count;
        }
        for (code, reply) in &other.samples {
            self.samples.entry(*code).or_insert_with(|| reply.clone());
        }
        if let (Some(to), Some(from)) = (&mut self.latency_us, &other.latency_us) {
            // Both have the same bounds, which is all that could fail.
            let _added = to.add(from);
        }
    }

    /// What to tell.
    pub(crate) fn report(self, elapsed: Duration) -> Report {
        let seconds = elapsed.as_secs_f64();
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        Report {
            mails: self.accepted + self.failed,
            accepted: self.accepted,
            failed: self.failed,
            seconds,
            mails_per_second: per_second((self.accepted + self.failed) as f64),
            megabytes_per_second: per_second(self.bytes as f64 / 1e6),
            latency_ms: Latency::of(self.latency_us.as_ref()),
            replies: self.replies,
            errors: self.errors,
            samples: self.samples,
        }
    }
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Latency {
    fn of(histogram: Option<&Histogram<u64>>) -> Self {
        let Some(histogram) = histogram.filter(|histogram| !histogram.is_empty()) else {
            return Self::default();
        };
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: histogram.max() as f64 / 1e3,
            mean: histogram.mean() / 1e3,
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) mails: u64,
    pub(crate) accepted: u64,
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
    pub(crate) mails_per_second: f64,
    pub(crate) megabytes_per_second: f64,
    pub(crate) latency_ms: Latency,
    /// Replies for recipients, by code.
    pub(crate) replies: BTreeMap<u16, u64>,
    /// Sessions that broke, by reason.
    pub(crate) errors: BTreeMap<String, u64>,
    /// The first reply of each code that is not positive.
    pub(crate) samples: BTreeMap<u16, String>,
}

/// For people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mails, accepted, failed, seconds, latency_ms, .. } = self;
        writeln!(f, "mails      {mails} in {seconds:.2} s: {accepted} accepted, {failed} not")?;
        let (rate, megabytes) = (self.mails_per_second, self.megabytes_per_second);
        writeln!(f, "rate       {rate:.1} mails/s, {megabytes:.2} MB/s")?;
        let Latency { p50, p90, p99, max, .. } = latency_ms;
        writeln!(f, "latency    p50 {p50:.2} ms, p90 {p90:.2} ms, p99 {p99:.2} ms, max {max:.2} ms")?;
        write!(f, "replies   ")?;
        for (code, count) in &self.replies {
            write!(f, " {code}: {count}")?;
        }
        for reply in self.samples.values() {
            write!(f, "\nfor example {reply}")?;
        }
        for (why, count) in &self.errors {
            write!(f, "\nno answer  {count}: {why}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egress::dialogue::ReplyParser;

    /// As a next hop sends them.
    fn replies(lines: &str) -> Vec<NextHopReply> {
        let (mut parser, mut input) = (ReplyParser::default(), lines.as_bytes());
        std::iter::from_fn(|| parser.take(&mut input)).map(Result::unwrap).collect()
    }

    #[test]
    fn a_mail_is_accepted_when_every_recipient_is() {
        let mut one = Statistics::new();
        one.answered(100, &replies("250 x\r\n250 x\r\n"), Some(Duration::from_millis(10)));
        let mut other = Statistics::new();
        other.answered(100, &replies("250 x\r\n550 no\r\n"), Some(Duration::from_millis(30)));
        other.refused(2, &replies("451 later\r\n")[0]);
        other.broke("connection lost".into());
        one.add(&other);
        let report = one.report(Duration::from_secs(2));
        assert_eq!((report.mails, report.accepted, report.failed), (4, 1, 3));
        assert_eq!(report.replies, BTreeMap::from([(250, 3), (451, 2), (550, 1)]));
        assert_eq!(report.samples[&550], "550 no");
        assert_eq!(report.errors["connection lost"], 1);
        assert!((report.mails_per_second - 2.0).abs() < 1e-9);
        assert!((report.latency_ms.p50 - 10.0).abs() < 0.1, "{:?}", report.latency_ms);
        assert!((report.latency_ms.max - 30.0).abs() < 0.1, "{:?}", report.latency_ms);
    }

    #[test]
    fn a_mail_without_replies_is_not_accepted() {
        let mut statistics = Statistics::new();
        statistics.answered(100, &[], None);
        assert_eq!(statistics.report(Duration::from_secs(1)).accepted, 0);
    }

    #[test]
    fn nothing_is_no_division_by_zero() {
        let report = Statistics::new().report(Duration::ZERO);
        assert_eq!((report.mails_per_second, report.latency_ms), (0.0, Latency::default()));
    }
}
