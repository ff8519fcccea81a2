//! The client's side of SMTP and LMTP without a socket: bytes and requests in, events and bytes to write out.
//!
//! One [`Dialogue`] is one connection. It knows what was asked and what was answered; the driver reads, writes and
//! keeps time by [`Dialogue::stage`]. Content does not pass through it: [`Event::Content`] says that the next hop
//! waits for it, and [`Dialogue::final_dot`] that it was written in full. Until that call the next hop has nothing.
//!
//! Deliberately absent: what an answer means for our client, which is [`for_recipient`] and [`for_everybody`].

mod answer;
mod capabilities;
mod commands;
mod event;
mod replies;

pub use answer::{Refusal, Stage, for_everybody, for_recipient};
pub use capabilities::Capabilities;
pub use commands::WINDOW_COMMANDS_MAX;
pub use event::{Event, NotReady};
pub use replies::{Class, LINE_BYTES_MAX, LINES_MAX, NextHopReply, ReplyError, ReplyParser};

use std::collections::VecDeque;

use bytes::Bytes;
use proto::{Envelope, Position, dot};

use crate::settings::Protocol;
use commands::{Command, Commands};

/// A transaction under way.
#[derive(Debug)]
struct Exchange {
    commands: Commands,
    /// How many commands were written, and how many of those answered.
    sent: usize,
    answered: usize,
    mail_refused: bool,
    accepted: Vec<usize>,
}

#[derive(Debug)]
enum State {
    Greeting,
    Hello,
    Idle,
    Commands(Exchange),
    Content { accepted: Vec<usize> },
    Dot { accepted: VecDeque<usize> },
    Reset,
    Quit,
    Closed,
}

/// One connection's dialogue. See the module.
#[derive(Debug)]
pub struct Dialogue {
    protocol: Protocol,
    hostname: String,
    state: State,
    parser: ReplyParser,
    capabilities: Capabilities,
    output: VecDeque<Bytes>,
    events: VecDeque<Event>,
    replies: u64,
    mail_answered: bool,
    xforward_refused: u64,
    /// The connection is not to be used again, whatever state it is in.
    doubtful: bool,
}

impl Dialogue {
    /// On a connection that was just opened; `hostname` is ours.
    pub fn new(protocol: Protocol, hostname: &str) -> Self {
        Self {
            protocol,
            hostname: hostname.chars().filter(char::is_ascii_graphic).collect(),
            state: State::Greeting,
            parser: ReplyParser::default(),
            capabilities: Capabilities::default(),
            output: VecDeque::new(),
            events: VecDeque::new(),
            replies: 0,
            mail_answered: false,
            xforward_refused: 0,
            doubtful: false,
        }
    }

    /// What the next hop announced; nothing before [`Event::Ready`].
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What is waited for, and so which time-out applies. A new time-out begins with each of [`Self::replies`].
    pub fn stage(&self) -> Stage {
        match &self.state {
            State::Greeting => Stage::Greeting,
            State::Hello => Stage::Hello,
            State::Idle => Stage::Idle,
            State::Commands(exchange) => exchange.commands.at(exchange.answered).stage(),
            State::Content { .. } => Stage::Transfer,
            State::Dot { .. } => Stage::Dot,
            State::Reset | State::Quit | State::Closed => Stage::Reset,
        }
    }

    /// How many replies were read.
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// How many XFORWARD commands were refused although they were announced. It has no other consequence.
    pub fn xforward_refused(&self) -> u64 {
        self.xforward_refused
    }

    /// Whether the current transaction's MAIL had a reply other than 421. If not, and the connection had been idle,
    /// the next hop had most likely closed it before it saw anything.
    pub fn mail_answered(&self) -> bool {
        self.mail_answered
    }

    /// Whether a transaction may begin now.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Idle) && self.parser.is_empty() && !self.doubtful
    }

    /// Whether it will be ready once what is outstanding was answered, without anything being asked.
    pub fn is_settling(&self) -> bool {
        matches!(self.state, State::Commands(_) | State::Reset) && !self.doubtful
    }

    /// Whether nothing that the next hop says means anything any more.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether [`Self::event`] has something.
    pub fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    /// Bytes to write, in order, before reading on.
    pub fn output(&mut self) -> Option<Bytes> {
        self.output.pop_front()
    }

    /// What happened, in order.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Begins a transaction for `recipients` of `envelope`, with a content of `size` bytes. `smtputf8`: it needs
    /// SMTPUTF8 and the next hop announced it.
    ///
    /// # Errors
    /// Unless [`Self::is_ready`].
    pub fn begin(
        &mut self,
        envelope: &Envelope,
        recipients: &[Position],
        size: u64,
        smtputf8: bool,
    ) -> Result<(), NotReady> {
        if !self.is_ready() {
            return Err(NotReady);
        }
        self.mail_answered = false;
        let mut exchange = Exchange {
            commands: Commands::new(envelope, recipients, size, smtputf8, &self.capabilities),
            sent: 0,
            answered: 0,
            mail_refused: false,
            accepted: Vec::with_capacity(recipients.len()),
        };
        self.send_window(&mut exchange);
        self.state = State::Commands(exchange);
        Ok(())
    }

    /// Ends the content, which was written in full, with the dot. From here on the mail may be the next hop's.
    ///
    /// # Errors
    /// Unless [`Event::Content`] was the last event.
    pub fn final_dot(&mut self) -> Result<(), NotReady> {
        if !self.events.is_empty() || !self.parser.is_empty() {
            return Err(NotReady);
        }
        let State::Content { accepted } = &mut self.state else {
            return Err(NotReady);
        };
        let accepted = std::mem::take(accepted).into();
        self.output.push_back(Bytes::from_static(dot::FINAL_DOT));
        self.state = State::Dot { accepted };
        Ok(())
    }

    /// Says QUIT, if that can be said now.
    pub fn quit(&mut self) {
        if matches!(self.state, State::Idle) {
            self.output.push_back(Bytes::from_static(b"QUIT\r\n"));
            self.state = State::Quit;
        }
    }

    /// Takes what was read.
    pub fn receive(&mut self, mut bytes: &[u8]) {
        while !matches!(self.state, State::Closed) {
            match self.parser.take(&mut bytes) {
                None => return,
                Some(Ok(reply)) => {
                    self.replies += 1;
                    self.reply(reply);
                }
                Some(Err(error)) => self.violation(error),
            }
        }
    }

    fn reply(&mut self, reply: NextHopReply) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Greeting => self.greeted(reply),
            State::Hello => self.introduced(reply),
            State::Commands(exchange) => self.answered(exchange, reply),
            State::Content { .. } => self.refused(Stage::Transfer, reply),
            State::Dot { accepted } => self.delivered(accepted, &reply),
            State::Idle => self.refused(Stage::Idle, reply),
            State::Reset if reply.class() == Class::Positive => self.state = State::Idle,
            State::Reset | State::Quit | State::Closed => {}
        }
    }

    fn greeted(&mut self, reply: NextHopReply) {
        if reply.code() != 220 {
            return self.refused(Stage::Greeting, reply);
        }
        let verb = match self.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO",
        };
        self.output.push_back(format!("{verb} {}\r\n", self.hostname).into());
        self.state = State::Hello;
    }

    fn introduced(&mut self, reply: NextHopReply) {
        if reply.class() != Class::Positive {
            return self.refused(Stage::Hello, reply);
        }
        self.capabilities = Capabilities::parse(&reply);
        self.state = State::Idle;
        self.events.push_back(Event::Ready);
    }

    /// One reply to one of the commands XFORWARD to DATA.
    fn answered(&mut self, mut exchange: Exchange, reply: NextHopReply) {
        let command = exchange.commands.at(exchange.answered);
        match (command, reply.class()) {
            (_, Class::Closing) => return self.refused(command.stage(), reply),
            (Command::Data, Class::Intermediate) => return self.go_ahead(exchange, &reply),
            (Command::Data, Class::Positive) | (_, Class::Intermediate) => {
                self.state = State::Commands(exchange);
                return self.violation(ReplyError::Unexpected(reply.code()));
            }
            (Command::Xforward, Class::Positive) => {}
            (Command::Xforward, Class::Transient | Class::Permanent) => self.xforward_refused += 1,
            (Command::Mail, Class::Positive) => self.mail_answered = true,
            (Command::Mail, Class::Transient | Class::Permanent) => {
                self.mail_answered = true;
                exchange.mail_refused = true;
                self.events.push_back(Event::Refused { stage: Stage::Mail, reply });
            }
            // Behind a refused MAIL these are only consequences.
            (Command::Rcpt(_) | Command::Data, _) if exchange.mail_refused => {}
            (Command::Rcpt(index), Class::Positive) => exchange.accepted.push(index),
            (Command::Rcpt(index), Class::Transient | Class::Permanent) => {
                self.events.push_back(Event::Answer { index, stage: Stage::Rcpt, reply });
            }
            (Command::Data, Class::Transient | Class::Permanent) if exchange.accepted.is_empty() => {
                self.events.push_back(Event::Done);
            }
            (Command::Data, Class::Transient | Class::Permanent) => {
                self.events.push_back(Event::Refused { stage: Stage::Data, reply });
            }
        }
        self.next_command(exchange, command);
    }

    /// Writes more commands once those written were answered; ends a transaction in which nothing can be delivered.
    fn next_command(&mut self, mut exchange: Exchange, answered: Command) {
        exchange.answered += 1;
        if exchange.answered < exchange.sent {
            self.state = State::Commands(exchange);
            return;
        }
        let next = exchange.commands.at(exchange.answered);
        let nobody = next == Command::Data && answered != Command::Data && exchange.accepted.is_empty();
        if nobody && !exchange.mail_refused {
            self.events.push_back(Event::Done);
        }
        if nobody || exchange.mail_refused || answered == Command::Data {
            self.output.push_back(Bytes::from_static(b"RSET\r\n"));
            self.state = State::Reset;
            return;
        }
        self.send_window(&mut exchange);
        self.state = State::Commands(exchange);
    }

    fn send_window(&mut self, exchange: &mut Exchange) {
        let window = if self.capabilities.pipelining { WINDOW_COMMANDS_MAX } else { 1 };
        let upto = exchange.commands.len().min(exchange.sent + window);
        self.output.push_back(exchange.commands.lines(exchange.sent..upto));
        exchange.sent = upto;
    }

    /// After a 354. Where nobody was accepted the connection has to go, since there are only two other ways: to send
    /// content that nobody gets, or a lone dot, which some servers take for an empty mail.
    fn go_ahead(&mut self, exchange: Exchange, reply: &NextHopReply) {
        if reply.code() != 354 {
            self.state = State::Commands(exchange);
            return self.violation(ReplyError::Unexpected(reply.code()));
        }
        if exchange.mail_refused || exchange.accepted.is_empty() {
            self.doubtful = true;
            if !exchange.mail_refused {
                self.events.push_back(Event::Done);
            }
            return;
        }
        self.events.push_back(Event::Content { accepted: exchange.accepted.clone() });
        self.state = State::Content { accepted: exchange.accepted };
    }

    /// One reply to the final dot: for all with SMTP, for the next recipient with LMTP.
    fn delivered(&mut self, mut accepted: VecDeque<usize>, reply: &NextHopReply) {
        match reply.class() {
            Class::Intermediate => {
                self.state = State::Dot { accepted };
                return self.violation(ReplyError::Unexpected(reply.code()));
            }
            // Some servers keep the transaction after a 4xx to the dot; and 421 announces the end.
            Class::Closing | Class::Transient => self.doubtful = true,
            Class::Positive | Class::Permanent => {}
        }
        let answered = match self.protocol {
            Protocol::Smtp => accepted.len(),
            Protocol::Lmtp => 1,
        };
        for index in accepted.drain(..answered.min(accepted.len())) {
            self.events.push_back(Event::Answer { index, stage: Stage::Dot, reply: reply.clone() });
        }
        self.state = if accepted.is_empty() {
            self.events.push_back(Event::Done);
            State::Idle
        } else {
            State::Dot { accepted }
        };
    }

    /// The next hop refused everything that is not answered yet, and with it the connection.
    fn refused(&mut self, stage: Stage, reply: NextHopReply) {
        self.doubtful = true;
        self.events.push_back(Event::Refused { stage, reply });
        self.state = State::Closed;
    }

    fn violation(&mut self, error: ReplyError) {
        let stage = self.stage();
        self.doubtful = true;
        self.events.push_back(Event::Violation { stage, error });
        self.state = State::Closed;
    }
}

#[cfg(test)]
mod tests;
