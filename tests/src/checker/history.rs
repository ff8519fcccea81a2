//! What the clients of a run asked for and were answered, in the order in which it happened.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::content::MailId;

/// Why an attempt ended without an answer for every recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Connecting or the greeting failed: nothing was sent.
    NotConnected,
    /// The connection was lost.
    Lost,
    /// No reply came in time.
    TimedOut,
}

/// What happened in one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It began, for these recipients.
    Invoke {
        /// Those without a final answer so far.
        recipients: Vec<u32>,
        /// Which of the client's endpoints.
        endpoint: usize,
    },
    /// The answer for one recipient.
    Answer {
        /// Which.
        recipient: u32,
        /// Of the reply.
        code: u16,
        /// The reply's last line.
        text: String,
    },
    /// It ended, and nobody knows what became of those who were not answered.
    Info(Why),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Since the run began.
    pub at: Duration,
    /// About which mail.
    pub mail: MailId,
    /// From 1 for each mail.
    pub attempt: u32,
    /// What happened.
    pub what: What,
}

/// The log of a run, shared by its clients.
pub struct History {
    start: Instant,
    events: Mutex<Vec<Event>>,
}

impl History {
    /// Empty; the run begins now.
    pub fn new() -> Self {
        Self { start: Instant::now(), events: Mutex::default() }
    }

    /// Since the run began.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Adds an entry.
    pub fn add(&self, mail: MailId, attempt: u32, what: What) {
        let at = self.now();
        self.lock().push(Event { at, mail, attempt, what });
    }

    /// Everything so far.
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// What the attempt brought, in order and without repetition: codes, and `lost`, `timeout` or `refused`.
    pub fn saw(&self, mail: MailId, attempt: u32) -> String {
        let mut saw: Vec<String> = Vec::new();
        for event in self.lock().iter().filter(|event| event.mail == mail && event.attempt == attempt) {
            let what = match &event.what {
                What::Invoke { .. } => continue,
                What::Answer { code, .. } => code.to_string(),
                What::Info(Why::NotConnected) => "refused".to_owned(),
                What::Info(Why::Lost) => "lost".to_owned(),
                What::Info(Why::TimedOut) => "timeout".to_owned(),
            };
            if !saw.contains(&what) {
                saw.push(what);
            }
        }
        saw.join(" ")
    }

    /// From the first attempt of the mail to the last thing that is known of it.
    pub fn took(&self, mail: MailId) -> Duration {
        let events = self.lock();
        let mut times = events.iter().filter(|event| event.mail == mail).map(|event| event.at);
        let first = times.next().unwrap_or_default();
        times.next_back().unwrap_or(first).saturating_sub(first)
    }

    /// Whether the mail has met no 4xx, no lost connection and no time-out. An endpoint that refuses to connect costs a
    /// client with another one nothing.
    pub fn was_smooth(&self, mail: MailId) -> bool {
        self.lock().iter().filter(|event| event.mail == mail).all(|event| match &event.what {
            What::Invoke { .. } | What::Info(Why::NotConnected) => true,
            What::Answer { code, .. } => *code < 400,
            What::Info(Why::Lost | Why::TimedOut) => false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().expect("not poisoned")
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}
