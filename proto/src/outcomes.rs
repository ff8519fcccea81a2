//! The reply for every recipient of one transaction.
//!
//! Built only from an envelope and filled with "unknown" (4xx), so that no recipient can be without an answer and
//! whatever was forgotten is something that the client tries again (promises P1 and P2).

use crate::{Envelope, Position, Reply, ReplyClass};

/// One reply per recipient, in RCPT order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    replies: Box<[Reply]>,
}

impl Outcomes {
    /// Nothing known yet: 451 for every recipient.
    pub fn unknown(envelope: &Envelope) -> Self {
        Self::all(envelope, &Reply::unknown())
    }

    /// The same reply for every recipient.
    pub fn all(envelope: &Envelope, reply: &Reply) -> Self {
        Self { replies: vec![reply.clone(); envelope.recipients().len()].into() }
    }

    /// Sets one recipient's reply. A position that the envelope does not have is ignored: it has nobody to tell.
    pub fn set(&mut self, position: Position, reply: Reply) {
        if let Some(slot) = self.replies.get_mut(position.index()) {
            *slot = reply;
        }
    }

    /// One recipient's reply; unknown for a position that the envelope does not have.
    pub fn get(&self, position: Position) -> Reply {
        self.replies.get(position.index()).cloned().unwrap_or_else(Reply::unknown)
    }

    /// All replies in RCPT order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Position, &Reply)> {
        self.replies.iter().enumerate().map(|(index, reply)| (Position::new(index), reply))
    }

    /// The one reply that an SMTP client gets for all recipients: the worst. A transient one makes the client try
    /// again; a permanent one makes it tell the sender. Anything milder would lose a recipient in silence.
    pub fn merged(&self) -> Reply {
        let first = |class| self.replies.iter().find(|reply| reply.class() == class);
        first(ReplyClass::Transient)
            .or_else(|| first(ReplyClass::Permanent))
            .or_else(|| first(ReplyClass::Positive))
            .cloned()
            .unwrap_or_else(Reply::unknown)
    }
}

/// Takes replies the moment they are final, before the outcomes as a whole are known.
///
/// A server may then answer the first recipients while others still wait. What was told here must not differ from
/// what the outcomes say in the end.
pub trait Early: Send + Sync {
    /// `reply` is final for the recipient at `position`.
    fn known(&self, position: Position, reply: &Reply);
}

/// For a caller that waits for the whole.
#[derive(Clone, Copy, Debug)]
pub struct NoEarly;

impl Early for NoEarly {
    fn known(&self, _: Position, _: &Reply) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForwardPath, MailParams, Recipient, ReversePath};

    fn envelope(recipients: usize) -> Envelope {
        let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
        Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient; recipients]).unwrap()
    }

    #[test]
    fn whoever_is_not_set_is_transient() {
        let mut outcomes = Outcomes::unknown(&envelope(3));
        outcomes.set(Position::new(1), Reply::enhanced(250, 0, 0, "ok"));
        outcomes.set(Position::new(7), Reply::enhanced(250, 0, 0, "nobody"));
        let codes: Vec<_> = outcomes.iter().map(|(_, reply)| reply.code()).collect();
        assert_eq!(codes, [451, 250, 451]);
        assert_eq!(outcomes.get(Position::new(7)).code(), 451);
    }

    #[test]
    fn merging_takes_the_worst() {
        let reply = |code| Reply::new(code, None, "x");
        for (codes, merged) in [([250, 451, 550], 451), ([550, 250, 250], 550), ([250, 250, 250], 250)] {
            let mut outcomes = Outcomes::unknown(&envelope(3));
            for (index, code) in codes.into_iter().enumerate() {
                outcomes.set(Position::new(index), reply(code));
            }
            assert_eq!(outcomes.merged().code(), merged, "{codes:?}");
        }
    }
}
