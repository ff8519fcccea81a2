//! All configured scanners: whom to ask for a mail, and what their answers mean together.
//!
//! Primary virus scanners and spam scanners are asked at the same time. Backup virus scanners are asked when every
//! primary one has failed. Any hit is a virus; a failure counts when no virus scanner looked at the whole mail. What was
//! not wholly looked at is a finding of its own, whatever the others say.

mod feed;
mod one;
pub mod settings;
pub mod spam;
#[cfg(test)]
mod tests;
pub mod virus_scores;

use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::future::join_all;

use proto::inspection::Wanted;
use proto::{Category, Deadline, Endpoint, Finding, Mail, SpamScore, Symbol, Unchecked};

use self::one::{Answer, One};
use self::settings::{Group, OnFailure, Settings};
use self::spam::{Levels, Spam};
use crate::inspect::Inspected;
use crate::pool::Failed;
use crate::pool::client::Outcome;
use crate::{Metrics, cache};

/// What a check of one host said, for readiness and the message at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostState {
    /// The scanner that it is a host of.
    pub scanner: String,
    /// The host.
    pub endpoint: Endpoint,
    /// The version or the like that it told, or why it told none.
    pub version: Result<String, String>,
}

impl HostState {
    /// Whether it answered.
    pub fn is_up(&self) -> bool {
        self.version.is_ok()
    }
}

/// A finding, and whether it lets the mail pass, marked, whatever policy says to its category.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) passes_unchecked: bool,
}

/// What all scanners together said of a mail.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    pub(crate) found: Vec<Found>,
    /// A virus scanner looked at all of it.
    pub(crate) is_complete: bool,
    pub(crate) spam: Spam,
    /// Who said what and how long that took, for the log.
    pub(crate) told: String,
}

/// What is known of a mail's parts once they were looked at; any number may wait for it.
pub(crate) trait Parts: Future<Output = Arc<Inspected>> + Clone {}

impl<F: Future<Output = Arc<Inspected>> + Clone> Parts for F {}

/// What all are asked.
struct Asked<'a, P> {
    mail: &'a Mail,
    inspected: P,
    deadline: Deadline,
}

/// All scanners.
pub(crate) struct Scanners {
    all: Vec<One>,
    levels: Levels,
    virus_scanners: Vec<String>,
}

impl Scanners {
    pub(crate) fn new(
        settings: Vec<Settings>,
        levels: Levels,
        cache: cache::Settings,
        metrics: &Metrics,
    ) -> Self {
        let viruses = settings.iter().filter(|one| !one.kind.scores());
        let virus_scanners = viruses.map(|one| one.name.clone()).collect();
        let all = settings.into_iter().map(|one| One::new(one, cache, metrics)).collect();
        Self { all, levels, virus_scanners }
    }

    /// From which scores on something is done.
    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    /// The names of those that look for viruses.
    pub(crate) fn virus_scanners(&self) -> &[String] {
        &self.virus_scanners
    }

    /// Whether mails get a spam score.
    pub(crate) fn score(&self) -> bool {
        let gives = |one: &One| one.settings.kind.scores() || !one.settings.virus_scores.0.is_empty();
        self.all.iter().any(gives)
    }

    /// What they want of a mail beside the whole.
    pub(crate) fn wanted(&self) -> Wanted {
        let viruses = self.all.iter().filter(|one| !one.settings.kind.scores());
        viruses.map(|one| one.settings.feed.wanted()).max().unwrap_or_default()
    }

    /// One check of each host.
    pub(crate) async fn check(&self) -> Vec<HostState> {
        join_all(self.all.iter().map(One::check)).await.concat()
    }

    /// Has all hosts prove themselves, forever.
    pub(crate) async fn watch(&self) {
        join_all(self.all.iter().map(One::watch)).await;
    }

    /// Asks all that are to be asked; `inspected` is waited for by those who get something of it.
    pub(crate) async fn scan(&self, mail: &Mail, inspected: impl Parts, deadline: Deadline) -> Scanned {
        let asked = Asked { mail, inspected, deadline };
        let viruses = async {
            let mut answers = self.ask(|one| is_virus(one, Group::Primary), &asked).await;
            if answers.iter().all(|(_, answer)| answer.outcome.is_err()) {
                answers.extend(self.ask(|one| is_virus(one, Group::Backup), &asked).await);
            }
            answers
        };
        let spam = self.ask(|one| one.settings.kind.scores(), &asked);
        let (viruses, spam) = tokio::join!(viruses, spam);
        let nobody_looked = !viruses.iter().any(|(_, answer)| looked_at_all(answer));
        let mut scanned = Scanned::default();
        for (one, answer) in viruses {
            scanned.take(one, answer, nobody_looked);
        }
        for (one, answer) in spam {
            scanned.take(one, answer, true);
        }
        let finding = scanned.spam.finding(&self.levels);
        scanned.found.extend(finding.map(|finding| Found { finding, passes_unchecked: false }));
        scanned
    }

    /// Those of which `is_wanted` holds, at the same time.
    async fn ask(
        &self,
        is_wanted: impl Fn(&One) -> bool,
        asked: &Asked<'_, impl Parts>,
    ) -> Vec<(&One, Answer)> {
        let wanted = self.all.iter().filter(|one| is_wanted(one));
        join_all(wanted.map(async |one| (one, one.scan(asked).await))).await
    }
}

fn looked_at_all(answer: &Answer) -> bool {
    matches!(answer.outcome, Ok(Outcome::Clean | Outcome::Infected(_)))
}

fn is_virus(one: &One, group: Group) -> bool {
    !one.settings.kind.scores() && one.settings.group == group
}

impl Scanned {
    /// `failure_counts` is false where another scanner looked at the mail instead.
    fn take(&mut self, one: &One, answer: Answer, failure_counts: bool) {
        self.tell(one, &answer);
        let name = &one.settings.name;
        let mut found = |category, what: String, passes_unchecked| {
            let finding = Finding { check: name.clone(), category, name: what };
            self.found.push(Found { finding, passes_unchecked });
        };
        if let (Some(partial), Ok(_)) = (answer.partial, &answer.outcome) {
            found(Category::Unchecked(Unchecked::OverLimit), partial, false);
        }
        match answer.outcome {
            Ok(Outcome::Clean) => self.is_complete |= !one.settings.kind.scores(),
            Ok(Outcome::Infected(virus)) => {
                match one.settings.virus_scores.of(&virus) {
                    None => found(Category::Virus, virus, false),
                    Some(score) => {
                        let symbol = Symbol { name: format!("AV:{virus}"), score: Some(score) };
                        let said = SpamScore { score, symbols: vec![symbol], ..SpamScore::default() };
                        self.spam.add(name, said, one.settings.score_factor);
                    }
                }
                self.is_complete = true;
            }
            Ok(Outcome::OverLimit(what)) => found(Category::Unchecked(Unchecked::OverLimit), what, false),
            Ok(Outcome::Encrypted(what)) => found(Category::Unchecked(Unchecked::Encrypted), what, false),
            Ok(Outcome::Score(score)) => self.spam.add(name, *score, one.settings.score_factor),
            Err(Failed(reason)) if failure_counts => {
                let passes = one.settings.on_failure == OnFailure::PassUnchecked;
                found(Category::Unchecked(Unchecked::Failed), reason, passes);
            }
            Err(Failed(_)) => {}
        }
    }

    fn tell(&mut self, one: &One, answer: &Answer) {
        let gap = if self.told.is_empty() { "" } else { " " };
        let said = match &answer.outcome {
            Ok(Outcome::Score(score)) => score.score.to_string(),
            Ok(outcome) => outcome.name().to_owned(),
            Err(Failed(_)) => "failed".to_owned(),
        };
        let ms = answer.time.as_millis();
        // Writing to a text cannot fail.
        let _written = write!(self.told, "{gap}{}={said}/{ms}ms", one.settings.name);
    }
}
