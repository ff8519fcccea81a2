//! The commands that build an envelope: XFORWARD, MAIL, RCPT, DATA.
//!
//! A MAIL that is refused, for whatever reason, takes with it everything that was pipelined behind it: each RCPT and
//! the DATA gets 503. Anything else would put a client out of step that has already sent them, and Postfix then
//! bounces some recipients and takes others for delivered.

use std::mem;

use proto::{
    AddressError, ForwardPath, MailParams, ParamError, RcptParams, Recipient, ReversePath, split_path,
};

use crate::{Permit, RefusalReason};

use super::content::{Content, reserved_bytes};
use super::replies::write_reply;
use super::{Event, Phase, Session, replies};

/// How far the envelope is.
pub(super) enum Stage {
    /// No MAIL.
    None,
    /// A MAIL was refused, and what was pipelined behind it may still come.
    Refused,
    /// A MAIL was accepted.
    Open(Box<Open>),
}

impl Stage {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// An envelope in the making.
pub(super) struct Open {
    pub(super) sender: ReversePath,
    pub(super) params: MailParams,
    pub(super) recipients: Vec<Recipient>,
    pub(super) origin: proto::Origin,
    pub(super) peer: proto::Peer,
    pub(super) permit: Permit,
}

impl Session {
    /// Takes all attributes of one command or none of them.
    pub(super) fn xforward(&mut self, argument: &str) {
        if self.hello.is_none() {
            return self.fault(replies::HELLO_FIRST);
        }
        if self.stage.is_open() {
            return self.fault(replies::IN_TRANSACTION);
        }
        let mut origin = self.origin.clone();
        let mut attributes = words(argument).peekable();
        let is_taken = attributes.peek().is_some()
            && attributes.map(|attribute| origin.take(attribute)).all(|taken| taken.is_ok());
        if !is_taken {
            return self.fault(replies::BAD_ARGUMENT);
        }
        self.origin = origin;
        self.reply(replies::XFORWARD);
    }

    pub(super) fn mail(&mut self, argument: &str) {
        self.was_used = true;
        // What XFORWARD told is for this mail and no other, accepted or not.
        let origin = mem::take(&mut self.origin);
        let before = mem::replace(&mut self.stage, Stage::Refused);
        let Some(hello) = &self.hello else {
            return self.fault(replies::HELLO_FIRST);
        };
        if before.is_open() {
            return self.fault(replies::NESTED_MAIL);
        }
        let peer = self.peer(hello);
        let (sender, params) = match parse_mail(argument) {
            Ok(parsed) => parsed,
            Err(refused) => return self.fault(refused),
        };
        let size_max = self.rules.settings().size_bytes_max;
        if params.size.is_some_and(|size| size_max < size) {
            self.events.push_back(Event::MailRefused(RefusalReason::Size));
            return self.reply(replies::TOO_BIG);
        }
        match self.slot.admit(reserved_bytes(params.size, size_max)) {
            Ok(permit) => {
                self.stage = Stage::Open(Box::new(Open {
                    sender,
                    params,
                    recipients: Vec::new(),
                    origin,
                    peer,
                    permit,
                }));
                self.reply(replies::MAIL);
            }
            Err(refusal) => {
                self.budget.renew();
                self.events.push_back(Event::MailRefused(refusal.reason));
                write_reply(&mut self.out, &refusal.reply(), false);
            }
        }
    }

    pub(super) fn rcpt(&mut self, argument: &str) {
        let recipients_max = self.rules.settings().recipients_max;
        let open = match &mut self.stage {
            Stage::None => return self.fault(replies::MAIL_FIRST),
            Stage::Refused => return self.reply(replies::MAIL_FIRST),
            Stage::Open(open) => open,
        };
        let recipient = match parse_rcpt(argument, open.params.smtputf8) {
            Ok(recipient) => recipient,
            Err(refused) => return self.fault(refused),
        };
        if recipients_max <= open.recipients.len() {
            return self.reply(replies::TOO_MANY_RECIPIENTS);
        }
        open.recipients.push(recipient);
        self.reply(replies::RCPT);
    }

    pub(super) fn data(&mut self) {
        match mem::replace(&mut self.stage, Stage::None) {
            Stage::None => self.fault(replies::MAIL_FIRST),
            // The last of what was pipelined behind the refused MAIL.
            Stage::Refused => self.reply(replies::MAIL_FIRST),
            Stage::Open(open) if open.recipients.is_empty() => {
                self.stage = Stage::Open(open);
                self.reply(replies::NO_RECIPIENT);
            }
            Stage::Open(open) => {
                self.phase = Phase::Content(Box::new(Content::new(open, self.rules.settings())));
                self.reply(replies::DATA);
            }
        }
    }
}

fn words(argument: &str) -> impl Iterator<Item = &str> {
    argument.split(' ').filter(|word| !word.is_empty())
}

/// Parameters first: whether the address may be UTF-8 depends on them.
fn parse_mail(argument: &str) -> Result<(ReversePath, MailParams), &'static str> {
    let (path, rest) = split_path(argument).map_err(|_| replies::BAD_SENDER)?;
    let mut params = MailParams::default();
    for parameter in parameters(rest)? {
        params.take(parameter).map_err(bad_parameter)?;
    }
    let sender =
        ReversePath::parse(path, params.smtputf8).map_err(|error| bad_address(error, replies::BAD_SENDER))?;
    Ok((sender, params))
}

fn parse_rcpt(argument: &str, smtputf8: bool) -> Result<Recipient, &'static str> {
    let (path, rest) = split_path(argument).map_err(|_| replies::BAD_RECIPIENT)?;
    let mut params = RcptParams::default();
    for parameter in parameters(rest)? {
        params.take(parameter).map_err(bad_parameter)?;
    }
    let path =
        ForwardPath::parse(path, smtputf8).map_err(|error| bad_address(error, replies::BAD_RECIPIENT))?;
    Ok(Recipient { path, params })
}

/// What follows a path: nothing, or words behind a blank.
fn parameters(rest: &str) -> Result<impl Iterator<Item = &str>, &'static str> {
    if rest.is_empty() || rest.starts_with(' ') { Ok(words(rest)) } else { Err(replies::BAD_ARGUMENT) }
}

fn bad_parameter(error: ParamError) -> &'static str {
    match error {
        ParamError::Unknown => replies::UNKNOWN_PARAMETER,
        ParamError::Value | ParamError::Repeated => replies::BAD_PARAMETER,
    }
}

fn bad_address(error: AddressError, otherwise: &'static str) -> &'static str {
    match error {
        AddressError::Utf8 => replies::NEEDS_SMTPUTF8,
        AddressError::Brackets
        | AddressError::SourceRoute
        | AddressError::Local
        | AddressError::Domain
        | AddressError::TooLong
        | AddressError::Null => otherwise,
    }
}
