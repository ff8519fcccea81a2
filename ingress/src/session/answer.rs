//! From the final dot to the last reply.
//!
//! By LMTP each recipient's reply is written as soon as it and all before it are known (RFC 2033 section 4.2), and what
//! is written is final. By SMTP one reply stands for all, so it waits for the last. The first that is said of a
//! recipient counts; a recipient of whom nothing is said gets a 4xx.

use bytes::{Bytes, BytesMut};
use proto::{Envelope, Outcomes, Position, Reply, With};

use super::content::{Content, Ended};
use super::envelope::Open;
use super::replies::write_reply;
use super::{ContentRefusal, Event, Phase, Session, Step, Submission, Tally, replies};

/// What is known of the mail that was submitted.
pub(super) struct Answering {
    with: With,
    smtputf8: bool,
    outcomes: Outcomes,
    is_known: Box<[bool]>,
    /// How many are not known.
    missing: usize,
    /// How many recipients have their reply. Stays zero by SMTP.
    written: usize,
    tally: Tally,
}

impl Session {
    pub(super) fn content_ended(&mut self, content: Content) -> Step {
        self.commands += 1;
        self.budget.renew();
        let Ended { open, content, received, bare_newlines } = content.end();
        if bare_newlines > 0 {
            self.events.push_back(Event::BareNewlines(bare_newlines));
        }
        match content {
            Ok(content) => self.submit(*open, content),
            Err(reason) => {
                self.refuse_content(&open, reason, received);
                Step::Again
            }
        }
    }

    fn submit(&mut self, open: Open, content: Bytes) -> Step {
        let (with, smtputf8) = (open.peer.with, open.params.smtputf8);
        let Ok(envelope) = Envelope::new(open.sender, open.params, open.recipients) else {
            self.reply(replies::NO_RECIPIENT);
            return Step::Again;
        };
        self.phase = Phase::Answering(Answering {
            with,
            smtputf8,
            outcomes: Outcomes::unknown(&envelope),
            is_known: vec![false; envelope.recipients().len()].into(),
            missing: envelope.recipients().len(),
            written: 0,
            tally: Tally::default(),
        });
        Step::Submit(Box::new(Submission {
            envelope: envelope.with_origin(open.origin).with_peer(open.peer),
            content,
            permit: open.permit,
        }))
    }

    fn refuse_content(&mut self, open: &Open, reason: ContentRefusal, bytes: u64) {
        let recipients = open.recipients.len();
        let replies = match open.peer.with {
            With::Lmtp => recipients,
            With::Esmtp | With::Smtp => 1,
        };
        for _ in 0..replies {
            write_reply(&mut self.out, &reason.reply(), false);
        }
        self.events.push_back(Event::ContentRefused {
            reason,
            bytes,
            recipients,
            ident: open.origin.ident.clone(),
        });
    }

    /// The reply of one recipient is final. Ignored where the recipient has one, or nothing is waited for.
    pub fn known(&mut self, position: Position, reply: &Reply) {
        let Phase::Answering(answering) = &mut self.phase else {
            return;
        };
        if answering.take(position, reply) {
            answering.write(&mut self.out);
        }
        if answering.missing == 0 {
            let tally = std::mem::take(&mut answering.tally);
            self.phase = Phase::Command;
            self.events.push_back(Event::Answered(tally));
        }
    }

    /// All replies are final. Those that were told by [`Self::known`] stay as they are.
    pub fn answer(&mut self, outcomes: &Outcomes) {
        for (position, reply) in outcomes.iter() {
            self.known(position, reply);
        }
        self.answer_rest(&Reply::unknown());
    }

    /// Every recipient without a reply gets this one.
    pub fn answer_rest(&mut self, reply: &Reply) {
        let Phase::Answering(answering) = &self.phase else {
            return;
        };
        for index in 0..answering.is_known.len() {
            self.known(Position::new(index), reply);
        }
    }
}

impl Answering {
    /// Keeps a reply; false where there is one already.
    fn take(&mut self, position: Position, reply: &Reply) -> bool {
        let Some(is_known @ false) = self.is_known.get_mut(position.index()) else {
            return false;
        };
        *is_known = true;
        self.missing -= 1;
        self.outcomes.set(position, reply.clone());
        true
    }

    /// Writes what may be written now.
    fn write(&mut self, out: &mut BytesMut) {
        match self.with {
            With::Lmtp => {
                let ready = self.outcomes.iter().zip(&self.is_known).skip(self.written);
                for ((_, reply), _) in ready.take_while(|(_, is_known)| **is_known) {
                    write_reply(out, reply, self.smtputf8);
                    self.tally.add(reply);
                    self.written += 1;
                }
            }
            With::Esmtp | With::Smtp if self.missing == 0 => {
                let reply = self.outcomes.merged();
                write_reply(out, &reply, self.smtputf8);
                self.tally.add(&reply);
            }
            With::Esmtp | With::Smtp => {}
        }
    }
}
