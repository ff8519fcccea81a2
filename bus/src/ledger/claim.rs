//! One claim, from its creation to its outcome.

use std::convert::Infallible;
use std::sync::Arc;

use proto::ledger::{End, Record, State, Step, Walk, Wanted};
use proto::{Position, Reply};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::settings::LedgerSettings;

use super::claims::Claimant;
use super::{LedgerError, Line, mint};

/// How the walk to the claim ended.
pub(super) type Answer = Result<End, LedgerError>;

/// Beats within the time after which a claim is stale.
const BEATS: u32 = 3;

pub(super) struct Claim {
    mail: Arc<Claimant>,
    ledger: LedgerSettings,
    recipients: Vec<Position>,
}

impl Claim {
    pub(super) fn new(mail: Arc<Claimant>, ledger: LedgerSettings, recipients: Vec<Position>) -> Self {
        Self { mail, ledger, recipients }
    }

    /// Tells `answer` how the walk ended. A claim that stands is kept fresh until `outcome` comes, and that is written;
    /// where nobody waits for the answer or the outcome any more, the claim is withdrawn.
    pub(super) async fn live(
        self,
        answer: oneshot::Sender<Answer>,
        outcome: oneshot::Receiver<Vec<Reply>>,
        recorded: oneshot::Sender<()>,
    ) {
        let mail = &*self.mail;
        let wanted = Wanted::of(&mail.envelope, &self.recipients);
        let mut record = Record {
            tx: mail.tx,
            owner: mint(),
            attempt: mail.attempt,
            recipients: wanted.iter().map(|wanted| wanted.id).collect(),
            state: State::Claim { beat: 0 },
        };
        let mut line = Line::new(&mail.inner, &self.ledger, mail.key);
        let Some(end) = self.stand(&mut line, &mut record, wanted, &answer).await else {
            return;
        };
        let Ok(End::Mine { generation }) = end else {
            // Nobody may be waiting any more; nothing stands.
            drop(answer.send(end));
            return;
        };
        let replies = if answer.send(end).is_err() {
            Vec::new()
        } else {
            tokio::select! {
                biased;
                outcome = outcome => outcome.unwrap_or_default(),
                never = self.beat(&line, generation, &record) => match never {},
            }
        };
        let is_used = !replies.is_empty();
        record.state = State::Done(replies);
        let until = mail.deadline + self.ledger.settle_timeout;
        match line.write(generation, &record, until).await {
            Ok(()) if is_used => mail.decided(&self.recipients),
            Ok(()) => {}
            Err(error) => {
                tracing::error!(tx = %mail.tx, mk = %mail.key, %error, "outcome not recorded: a second copy is possible");
            }
        }
        // Nobody may be waiting for it any more.
        let _waiting = recorded.send(());
    }

    /// Walks, and again where a claim was passed whose owner lives after all: then nothing was granted yet, and what was
    /// created is withdrawn.
    async fn stand(
        &self,
        line: &mut Line<'_>,
        record: &mut Record,
        wanted: Vec<Wanted>,
        answer: &oneshot::Sender<Answer>,
    ) -> Option<Answer> {
        let mail = &*self.mail;
        loop {
            let mut walk = Walk::claim(mail.tx, record.owner, wanted.clone());
            let end = self.walk(line, &mut walk, record, answer).await?;
            let Ok(End::Mine { generation }) = end else {
                line.count_ambiguous(&walk);
                return Some(end);
            };
            let passed_rightly = line.passed_rightly(mail.deadline).await;
            if let Ok(true) = passed_rightly {
                line.count_ambiguous(&walk);
                return Some(end);
            }
            tracing::info!(tx = %mail.tx, mk = %mail.key, generation, "the owner of a claim that was silent lives");
            let withdrawn = Record { state: State::Done(Vec::new()), ..record.clone() };
            let written = line.write(generation, &withdrawn, mail.deadline).await;
            let written = written.map_err(|error| LedgerError::Unreachable(error.to_string()));
            if let Err(error) = passed_rightly.and(written) {
                return Some(Err(error));
            }
            record.owner = mint();
        }
    }

    /// `None` when nobody waits for the answer any more and nothing stands.
    async fn walk(
        &self,
        line: &mut Line<'_>,
        walk: &mut Walk,
        draft: &Record,
        answer: &oneshot::Sender<Answer>,
    ) -> Option<Answer> {
        loop {
            match walk.step() {
                Step::End(end) => return Some(Ok(end.clone())),
                Step::Watch(_) if answer.is_closed() => return None,
                Step::Create(_) | Step::Read(_) | Step::Watch(_) => {}
            }
            if let Err(error) = line.step(walk, Some(draft), self.mail.deadline).await {
                return Some(Err(error));
            }
        }
    }

    /// Writes the claim again and again, each time with a higher beat.
    async fn beat(&self, line: &Line<'_>, generation: u32, claim: &Record) -> Infallible {
        let period = self.ledger.claim_stale / BEATS;
        let mut claim = claim.clone();
        let mut beat = 0_u32;
        loop {
            sleep(period).await;
            beat = beat.wrapping_add(1);
            claim.state = State::Claim { beat };
            if let Err(error) = line.write(generation, &claim, Instant::now() + period).await {
                tracing::debug!(mk = %self.mail.key, %error, "claim not kept fresh");
            }
        }
    }
}
