//! What an operator can set of a scanner, whatever its kind.

use proto::Points;

pub use super::feed::Feed;
use super::virus_scores::VirusScores;
use crate::{clamd, command, icap, pool, spamd};

/// What a failed scan means for the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The client keeps it and tries again: `unchecked_failed` of the policy.
    Tempfail,
    /// It is delivered without having been scanned, and marked in header, log and metric.
    PassUnchecked,
}

/// When a virus scanner is asked. Spam scanners are all asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Always, all of them at the same time.
    Primary,
    /// When every primary one has failed.
    Backup,
}

/// What it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// FILDES or INSTREAM: viruses.
    Clamd(clamd::Options),
    /// RESPMOD: viruses.
    Icap(icap::Settings),
    /// A program that is run for each mail: viruses.
    Command(command::Settings),
    /// SPAMC: spam.
    Spamd(spamd::Options),
    /// HTTP `/checkv2`: spam.
    Rspamd,
}

impl Kind {
    /// Whether it gives a score rather than the name of a virus.
    pub fn scores(&self) -> bool {
        match self {
            Self::Clamd(_) | Self::Icap(_) | Self::Command(_) => false,
            Self::Spamd(_) | Self::Rspamd => true,
        }
    }
}

/// One scanner.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name in findings, log and metrics.
    pub name: String,
    /// What it speaks.
    pub kind: Kind,
    /// When it is asked.
    pub group: Group,
    /// Its hosts and how they are used.
    pub pool: pool::Settings,
    /// What it gets, if it is a virus scanner.
    pub feed: Feed,
    /// Of larger mails a virus scanner gets nothing and a spam scanner the head; either makes them unchecked:
    /// over-limit.
    pub bytes_max: usize,
    /// What it means that no host gave a usable answer.
    pub on_failure: OnFailure,
    /// What its scores are multiplied by.
    pub score_factor: Points,
    /// Virus names that are spam rather than viruses.
    pub virus_scores: VirusScores,
}

impl From<clamd::Settings> for Settings {
    /// The one clamd that needs no name: a primary one called `clamd`.
    fn from(clamd: clamd::Settings) -> Self {
        Self {
            name: "clamd".into(),
            kind: Kind::Clamd(clamd.options),
            group: Group::Primary,
            feed: clamd.feed,
            bytes_max: clamd.stream_bytes_max,
            on_failure: clamd.on_failure,
            pool: clamd.pool(),
            score_factor: Points::ONE,
            virus_scores: VirusScores::default(),
        }
    }
}
