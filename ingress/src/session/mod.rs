//! One LMTP or SMTP session as a function of its bytes (RFC 2033, RFC 5321): bytes in, actions out, no socket, no
//! clock, no task.
//!
//! [`Session::poll`] takes what the client sent from a buffer and says what to do next. Outcomes, time-outs and the end
//! of the server are inputs like bytes. The result does not depend on how the bytes are split into reads, with one
//! exception that is the protocol's own: what stands glued behind DATA was sent without waiting for our 354.
//!
//! Replies gather until there is nothing left to do, so a pipelined burst is answered by one write.

mod answer;
mod budget;
mod command;
mod content;
mod envelope;
mod event;
mod hops;
mod line;
mod replies;
mod rules;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proto::{Envelope, Origin, Peer, Reply, With};

use crate::{Permit, SessionSlot};

use answer::Answering;
use budget::Budget;
use command::Command;
use content::Content;
use envelope::Stage;
use line::{Line, Lines};

pub(crate) use replies::ACCESS_DENIED;

pub use event::{Closing, ContentRefusal, Event, Tally};
pub use rules::Rules;

/// What is to be done next.
#[derive(Debug)]
pub enum Action {
    /// Write this to the client.
    Send(Bytes),
    /// Hand this mail on, and tell the replies by [`Session::known`] and [`Session::answer`].
    Submit(Box<Submission>),
    /// Something to count or log; nothing to do.
    Report(Event),
    /// Nothing, until one of these inputs comes.
    Wait(Wait),
    /// Close the connection. Everything that was to be sent has been.
    Close,
}

/// What the session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A command.
    Command,
    /// More content.
    Content,
    /// Replies for the mail that was submitted. Bytes may come meanwhile; they stay in the buffer.
    Outcomes,
}

/// A mail that was received whole.
pub struct Submission {
    /// Who sends what to whom; has the recipients that were accepted, in RCPT order.
    pub envelope: Envelope,
    /// The content, unstuffed, with CRLF line ends only.
    pub content: Bytes,
    /// What admission holds for it. To be dropped when the client has its replies.
    pub permit: Permit,
}

impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let recipients = self.envelope.recipients().len();
        write!(f, "{recipients} recipients, {} bytes", self.content.len())
    }
}

/// The state of one session.
pub struct Session {
    rules: Arc<Rules>,
    slot: SessionSlot,
    peer_address: String,
    hello: Option<Hello>,
    origin: Origin,
    stage: Stage,
    phase: Phase,
    lines: Lines,
    budget: Budget,
    commands: u64,
    /// A MAIL was answered, one way or the other.
    was_used: bool,
    is_draining: bool,
    out: BytesMut,
    events: VecDeque<Event>,
}

/// How the client introduced itself.
struct Hello {
    with: With,
    name: String,
}

enum Phase {
    Command,
    Content(Box<Content>),
    Answering(Answering),
    Closed,
}

enum Step {
    Again,
    Wait(Wait),
    Submit(Box<Submission>),
    Close,
}

impl Session {
    /// A session with the client at `peer_address` (`unix` for a unix socket). The greeting is the first thing to send.
    pub fn new(rules: Arc<Rules>, slot: SessionSlot, peer_address: impl Into<String>) -> Self {
        let out = BytesMut::from(rules.greeting());
        Self {
            rules,
            slot,
            peer_address: peer_address.into(),
            hello: None,
            origin: Origin::default(),
            stage: Stage::None,
            phase: Phase::Command,
            lines: Lines::default(),
            budget: Budget::default(),
            commands: 0,
            was_used: false,
            is_draining: false,
            out,
            events: VecDeque::new(),
        }
    }

    /// Takes what it can from `input` and says what to do. Ask until it says [`Action::Wait`] or [`Action::Close`];
    /// after a wait, ask again once there is a new input.
    pub fn poll(&mut self, input: &mut BytesMut) -> Action {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Action::Report(event);
            }
            let step = match &mut self.phase {
                Phase::Command => self.command(input),
                Phase::Content(_) => self.content(input),
                Phase::Answering(_) => Step::Wait(Wait::Outcomes),
                Phase::Closed => Step::Close,
            };
            let resting = match step {
                Step::Again => continue,
                Step::Submit(submission) => return Action::Submit(submission),
                Step::Wait(wait) => Action::Wait(wait),
                Step::Close => Action::Close,
            };
            if self.events.is_empty() {
                return if self.out.is_empty() { resting } else { Action::Send(self.out.split().freeze()) };
            }
        }
    }

    /// How many commands and contents came to their end: as long as this stands still, the client keeps us waiting.
    pub fn progress(&self) -> u64 {
        self.commands
    }

    /// Whether a MAIL was accepted that is not yet answered for.
    pub fn is_in_transaction(&self) -> bool {
        match (&self.phase, &self.stage) {
            (Phase::Content(_) | Phase::Answering(_), _) => true,
            (Phase::Command, stage) => stage.is_open(),
            (Phase::Closed, _) => false,
        }
    }

    /// What is waited for did not come in time. Whoever drives the session decides when that is.
    pub fn timed_out(&mut self) {
        match &self.phase {
            Phase::Command => self.close(Closing::Idle, replies::IDLE),
            Phase::Content(_) => self.close(Closing::DataTimeout, replies::DATA_TIMEOUT),
            Phase::Answering(_) => {
                self.answer_rest(&Reply::enhanced(451, 4, 7, "no result in time, try again later"))
            }
            Phase::Closed => {}
        }
    }

    /// The server is going to stop: the session ends with 421 as soon as it is out of a transaction. A client that
    /// has not sent a MAIL yet may do so, and gets its 451 there: a 421 before that counts against the whole server.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// The server stops now: who waits for a reply gets 451, everybody else 421.
    pub fn stop(&mut self) {
        if let Phase::Answering(_) = self.phase {
            self.answer_rest(&Reply::enhanced(451, 3, 2, "shutting down, try again later"));
        }
        if !matches!(self.phase, Phase::Closed) {
            self.close(Closing::Drain, replies::SHUTTING_DOWN);
        }
    }

    fn command(&mut self, input: &mut BytesMut) -> Step {
        if self.hello.is_none() && self.lines.is_not_smtp(input) {
            self.close(Closing::NotSmtp, replies::NOT_SMTP);
            return Step::Again;
        }
        let bytes_max = self.rules.settings().command_bytes_max;
        match self.lines.next(input, bytes_max) {
            Line::Incomplete
                if self.is_draining && self.was_used && input.is_empty() && self.stage.is_none() =>
            {
                self.close(Closing::Drain, replies::SHUTTING_DOWN);
                Step::Again
            }
            Line::Incomplete => Step::Wait(Wait::Command),
            Line::TooLong => {
                self.commands += 1;
                self.long_line();
                Step::Again
            }
            Line::Endless => {
                self.close(Closing::LongLines, replies::TOO_MANY_ERRORS);
                Step::Again
            }
            Line::Complete { line, glued } => {
                self.commands += 1;
                self.execute(&line, glued);
                Step::Again
            }
        }
    }

    fn long_line(&mut self) {
        if self.budget.long_line() < self.rules.settings().long_lines_max {
            self.fault(replies::LINE_TOO_LONG);
        } else {
            self.reply(replies::LINE_TOO_LONG);
            self.close(Closing::LongLines, replies::TOO_MANY_ERRORS);
        }
    }

    /// One command line without its CRLF. `glued` tells whether more bytes stood behind it already.
    fn execute(&mut self, line: &[u8], glued: bool) {
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return self.fault(replies::BARE_NEWLINE);
        }
        let command = match str::from_utf8(line) {
            Ok(text) => Command::parse(text),
            Err(_) if self.hello.is_some() => return self.fault(replies::NOT_UTF8),
            Err(_) => Command::Unknown,
        };
        if command == Command::Unknown && self.hello.is_none() {
            return self.close(Closing::NotSmtp, replies::NOT_SMTP);
        }
        let is_counted = !matches!(command, Command::Rcpt(_));
        if is_counted && self.budget.command() > self.rules.settings().commands_max {
            return self.close(Closing::TooManyCommands, replies::TOO_MANY_COMMANDS);
        }
        match command {
            Command::Hello(with, name) => self.hello(with, name),
            Command::Mail(argument) => self.mail(argument),
            Command::Rcpt(argument) => self.rcpt(argument),
            Command::Xforward(argument) => self.xforward(argument),
            Command::Data | Command::Bdat if glued => self.close(Closing::Glued, replies::GLUED),
            Command::Data => self.data(),
            Command::Rset => {
                self.reset();
                self.reply(replies::RSET);
            }
            Command::Noop => self.reply(replies::NOOP),
            Command::Vrfy => self.reply(replies::VRFY),
            Command::Help => self.reply(replies::HELP),
            Command::Quit => self.close(Closing::Quit, replies::QUIT),
            Command::Bdat | Command::NotOffered => self.fault(replies::NOT_OFFERED),
            Command::BadArgument => self.fault(replies::BAD_ARGUMENT),
            Command::Unknown => self.fault(replies::UNKNOWN_COMMAND),
        }
    }

    fn hello(&mut self, with: With, name: &str) {
        let is_name =
            !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            return self.fault(replies::BAD_NAME);
        }
        self.reset();
        self.hello = Some(Hello { with, name: name.to_owned() });
        let rules = self.rules.clone();
        self.reply(rules.hello(with));
    }

    /// Back to where no MAIL was given. What XFORWARD told was for the mail that is dropped here.
    fn reset(&mut self) {
        self.stage = Stage::None;
        self.origin = Origin::default();
    }

    fn peer(&self, hello: &Hello) -> Peer {
        Peer { helo: hello.name.clone(), address: self.peer_address.clone(), with: hello.with }
    }

    fn reply(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
    }

    /// A reply to a mistake of the client, who may make so many of them.
    fn fault(&mut self, line: &str) {
        self.reply(line);
        if self.budget.error() > self.rules.settings().errors_max {
            self.close(Closing::TooManyErrors, replies::TOO_MANY_ERRORS);
        }
    }

    fn close(&mut self, why: Closing, line: &str) {
        self.reply(line);
        self.reset();
        self.phase = Phase::Closed;
        self.events.push_back(Event::Closing(why));
    }

    fn content(&mut self, input: &mut BytesMut) -> Step {
        let Phase::Content(content) = &mut self.phase else {
            return Step::Again;
        };
        if !content.take(input) {
            return Step::Wait(Wait::Content);
        }
        match mem::replace(&mut self.phase, Phase::Command) {
            Phase::Content(content) => self.content_ended(*content),
            other => {
                self.phase = other;
                Step::Again
            }
        }
    }
}

#[cfg(test)]
mod tests;
