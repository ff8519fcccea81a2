//! The envelope of one transaction: sender, recipients in RCPT order, parameters, and who handed it over.
//!
//! Recipients are known by their position, never by address: an address may come twice, and each RCPT has a reply of
//! its own (RFC 2033 section 4.2).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ForwardPath, MailParams, Origin, RcptParams, ReversePath};

/// A recipient's index in RCPT order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position(u32);

impl Position {
    /// The position of the recipient named by the RCPT number `index`, counted from zero.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The index in RCPT order.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One accepted RCPT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Where the mail is to go.
    pub path: ForwardPath,
    /// NOTIFY and ORCPT.
    #[serde(default)]
    pub params: RcptParams,
}

impl Recipient {
    /// A recipient without parameters.
    pub fn new(path: ForwardPath) -> Self {
        Self { path, params: RcptParams::default() }
    }
}

/// The protocol a mail came by, as the `with` clause of `Received:` names it (RFC 3848, RFC 6531 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum With {
    /// LHLO was said.
    Lmtp,
    /// EHLO was said.
    Esmtp,
    /// HELO was said.
    Smtp,
}

impl With {
    /// The keyword, given whether MAIL carried SMTPUTF8.
    pub fn keyword(self, smtputf8: bool) -> &'static str {
        match (self, smtputf8) {
            (Self::Lmtp, false) => "LMTP",
            (Self::Lmtp, true) => "UTF8LMTP",
            (Self::Esmtp, false) => "ESMTP",
            (Self::Esmtp, true) => "UTF8SMTP",
            (Self::Smtp, _) => "SMTP",
        }
    }
}

/// Who handed the mail to us, for the `Received:` line and the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The name that the client gave in LHLO, EHLO or HELO.
    pub helo: String,
    /// The client's network address, or `unix` for a unix socket.
    pub address: String,
    /// How it spoke.
    pub with: With,
}

/// An envelope has at least one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// No RCPT was accepted.
    #[error("an envelope needs at least one recipient")]
    NoRecipient,
}

/// The whole envelope. It cannot be built without a recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawEnvelope")]
pub struct Envelope {
    sender: ReversePath,
    params: MailParams,
    recipients: Vec<Recipient>,
    origin: Origin,
    peer: Option<Peer>,
}

/// What the wire may say; checked on its way in.
#[derive(Deserialize)]
struct RawEnvelope {
    sender: ReversePath,
    #[serde(default)]
    params: MailParams,
    recipients: Vec<Recipient>,
    #[serde(default)]
    origin: Origin,
    #[serde(default)]
    peer: Option<Peer>,
}

impl TryFrom<RawEnvelope> for Envelope {
    type Error = EnvelopeError;

    fn try_from(raw: RawEnvelope) -> Result<Self, EnvelopeError> {
        let mut envelope = Self::new(raw.sender, raw.params, raw.recipients)?;
        envelope.origin = raw.origin;
        envelope.peer = raw.peer;
        Ok(envelope)
    }
}

impl Envelope {
    /// An envelope of unknown origin.
    ///
    /// # Errors
    /// When `recipients` is empty.
    pub fn new(
        sender: ReversePath,
        params: MailParams,
        recipients: Vec<Recipient>,
    ) -> Result<Self, EnvelopeError> {
        if recipients.is_empty() {
            return Err(EnvelopeError::NoRecipient);
        }
        Ok(Self { sender, params, recipients, origin: Origin::default(), peer: None })
    }

    /// The same envelope with what XFORWARD told.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// The same envelope with the client that handed it over.
    #[must_use]
    pub fn with_peer(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Where bounces go.
    pub fn sender(&self) -> &ReversePath {
        &self.sender
    }

    /// The parameters of MAIL.
    pub fn params(&self) -> &MailParams {
        &self.params
    }

    /// The recipients in RCPT order; never empty.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// Every position, in RCPT order.
    pub fn positions(&self) -> impl ExactSizeIterator<Item = Position> + use<> {
        (0..self.recipients.len()).map(Position::new)
    }

    /// The recipient at `position`.
    pub fn recipient(&self, position: Position) -> Option<&Recipient> {
        self.recipients.get(position.index())
    }

    /// The same envelope for these of its recipients, in this order; `None` when it has none of them.
    pub fn narrowed(&self, positions: &[Position]) -> Option<Self> {
        let recipients: Vec<_> =
            positions.iter().filter_map(|position| self.recipient(*position).cloned()).collect();
        (!recipients.is_empty()).then(|| Self { recipients, ..self.clone() })
    }

    /// What XFORWARD told of the original client.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The client that handed the mail over.
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrowed_envelope_keeps_all_but_the_other_recipients() {
        let to = |path| Recipient::new(ForwardPath::parse(path, false).unwrap());
        let sender = ReversePath::parse("<s@b>", false).unwrap();
        let envelope =
            Envelope::new(sender, MailParams::default(), vec![to("<a@b>"), to("<c@b>"), to("<d@b>")])
                .unwrap();
        let origin = Origin { ident: Some("4F".into()), ..Origin::default() };
        let envelope = envelope.with_origin(origin.clone());
        let narrowed = envelope.narrowed(&[2, 0, 3].map(Position::new)).unwrap();
        assert_eq!(narrowed.recipients(), [to("<d@b>"), to("<a@b>")]);
        assert_eq!((narrowed.sender(), narrowed.origin()), (envelope.sender(), &origin));
        assert_eq!(envelope.narrowed(&[Position::new(3)]), None);
    }
}
