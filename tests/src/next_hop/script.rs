//! What a next hop answers, and when: rules, of which the first that fits counts, and "yes" to all else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// SMTP: one reply to the dot. LMTP: one for each recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033.
    Lmtp,
}

/// Where in the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// On connect.
    Greeting,
    /// EHLO, HELO or LHLO.
    Hello,
    /// XFORWARD.
    Xforward,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The final dot.
    Dot,
}

/// What is done instead of saying yes.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// This reply.
    Say(String),
    /// This reply, then the connection is dropped.
    SayThenDrop(String),
    /// The connection is dropped without a word.
    Drop,
    /// The usual is decided, and the connection is dropped before it is said: the mail is here, its sender cannot know.
    TakeThenDrop,
    /// Nothing at all, for ever.
    Never,
    /// The usual, after that time.
    Later(Duration),
    /// The usual, once the gate is open.
    Behind(Gate),
}

/// Shut until the test opens it.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// Shut.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// For everyone, for ever.
    pub fn open(&self) {
        self.0.close();
    }

    /// Returns when it is open.
    pub async fn passed(&self) {
        // Nobody adds permits: it ends with an error when the gate is opened.
        let _opened = self.0.acquire().await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// One exception from "yes".
#[derive(Clone, Debug)]
pub struct Rule {
    phase: Phase,
    containing: String,
    reaction: Reaction,
}

/// How a next hop behaves.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) protocol: Protocol,
    pub(super) lenient: bool,
    pub(super) keywords: Vec<String>,
    pub(super) pace: Option<(usize, Duration)>,
    rules: Vec<Rule>,
}

impl Script {
    /// Takes everything and announces everything that Mailweir can use.
    pub fn new(protocol: Protocol) -> Self {
        let keywords = [
            "PIPELINING",
            "SIZE 0",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "DSN",
            "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
        ];
        let keywords = keywords.map(str::to_owned).into();
        Self { protocol, lenient: false, keywords, pace: None, rules: Vec::new() }
    }

    /// In `phase`, where the command line contains `containing` (everywhere when empty). At the dot it is compared with
    /// the MAIL line, or in LMTP with the RCPT line of the recipient whose turn it is.
    pub fn rule(mut self, phase: Phase, containing: &str, reaction: Reaction) -> Self {
        self.rules.push(Rule { phase, containing: containing.to_owned(), reaction });
        self
    }

    /// [`Script::rule`] for a reply.
    pub fn say(self, phase: Phase, containing: &str, reply: &str) -> Self {
        self.rule(phase, containing, Reaction::Say(reply.to_owned()))
    }

    /// Takes a lone dot as the end of data, whatever the line ends before and behind it.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Announces only these.
    pub fn keywords(mut self, keywords: &[&str]) -> Self {
        self.keywords = keywords.iter().map(|&keyword| keyword.to_owned()).collect();
        self
    }

    /// Pauses for `pause` after each `bytes` of content.
    pub fn slow(mut self, bytes: usize, pause: Duration) -> Self {
        self.pace = Some((bytes, pause));
        self
    }

    pub(super) fn reaction(&self, phase: Phase, line: &str) -> Option<Reaction> {
        let fits = |rule: &&Rule| rule.phase == phase && line.contains(&rule.containing);
        self.rules.iter().find(fits).map(|rule| rule.reaction.clone())
    }
}
