//! A client that behaves like a mail server: it tries until every recipient has a final answer.
//!
//! As Postfix does, it asks again only for recipients without a final answer, with the same queue id; after a 4xx, a
//! lost connection or a time-out it turns to the next of its endpoints at once; and it keeps sessions open. Unlike a
//! mail server it comes back within a second when all endpoints have failed, so that runs are short.

mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::content::{MailId, Mails};
use super::history::{History, What, Why};
use session::Session;

/// How long a client waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For each reply; to the final dot too.
    pub reply: Duration,
    /// Before all endpoints are tried again; doubled each time, up to eight times this.
    pub pause: Duration,
    /// For the final answers of one mail.
    pub mail: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let (reply, pause, mail) =
            (Duration::from_secs(30), Duration::from_millis(100), Duration::from_secs(60));
        Self { reply, pause, mail }
    }
}

/// A mail server as a client of the filter.
#[derive(Clone)]
pub struct Mta {
    /// The preferred one first.
    pub endpoints: Vec<String>,
    /// Whether it names its queue id by XFORWARD, where that is offered.
    pub ident: bool,
    /// Its patience.
    pub patience: Patience,
    /// What it sends.
    pub mails: Mails,
    /// What happened.
    pub history: Arc<History>,
}

impl Mta {
    /// With queue ids and the usual patience.
    pub fn new(endpoints: Vec<String>, mails: Mails) -> Self {
        let (patience, history) = (Patience::default(), Arc::new(History::new()));
        Self { endpoints, ident: true, patience, mails, history }
    }

    /// One of its delivery processes.
    pub fn sender(&self, client: u32) -> Sender {
        let sessions = self.endpoints.iter().map(|_| None).collect();
        Sender { mta: self.clone(), client, sessions }
    }
}

/// Delivers one mail after the other.
pub struct Sender {
    mta: Mta,
    client: u32,
    sessions: Vec<Option<Session>>,
}

/// One mail on its way.
struct Pending {
    id: MailId,
    attempt: u32,
    /// Without a final answer.
    recipients: Vec<u32>,
}

impl Sender {
    /// Whether it gets a final answer for every recipient within its patience.
    pub async fn deliver(&mut self, number: u32) -> bool {
        let id = MailId { client: self.client, number };
        let recipients = (0..self.mta.mails.recipients(id)).collect();
        let mut pending = Pending { id, attempt: 0, recipients };
        let Patience { pause, mail, .. } = self.mta.patience;
        let until = Instant::now() + mail;
        let mut wait = pause;
        loop {
            for endpoint in 0..self.mta.endpoints.len() {
                self.attempt(&mut pending, endpoint).await;
                if pending.recipients.is_empty() {
                    return true;
                }
                if Instant::now() >= until {
                    return false;
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(pause * 8);
        }
    }

    /// Forgets its sessions, without a farewell.
    pub fn disconnect(&mut self) {
        self.sessions.iter_mut().for_each(|session| *session = None);
    }

    async fn attempt(&mut self, pending: &mut Pending, endpoint: usize) {
        pending.attempt += 1;
        let (history, id, attempt) = (self.mta.history.clone(), pending.id, pending.attempt);
        let asked = pending.recipients.clone();
        history.add(id, attempt, What::Invoke { recipients: asked.clone(), endpoint });
        let mut answered = |recipient: u32, code: u16, text: &str| {
            history.add(id, attempt, What::Answer { recipient, code, text: text.to_owned() });
            if (200..300).contains(&code) || code >= 500 {
                pending.recipients.retain(|one| *one != recipient);
            }
        };
        if let Err(why) = self.transact(id, endpoint, &asked, &mut answered).await {
            history.add(id, attempt, What::Info(why));
        }
    }

    async fn transact(
        &mut self,
        id: MailId,
        endpoint: usize,
        recipients: &[u32],
        answered: &mut impl FnMut(u32, u16, &str),
    ) -> Result<(), Why> {
        let ident = self.mta.ident.then(|| self.mta.mails.ident(id));
        let ident = ident.as_deref();
        let kept = self.sessions[endpoint].take();
        let mut session = match Session::reuse(kept, ident).await {
            Some(session) => session,
            None => {
                let (server, patience) = (&self.mta.endpoints[endpoint], self.mta.patience.reply);
                let mut session = Session::open(server, patience).await?;
                if !session.ident(ident).await? {
                    return Err(Why::NotConnected);
                }
                session
            }
        };
        if session.transact(&self.mta.mails, id, recipients, answered).await? {
            self.sessions[endpoint] = Some(session);
        }
        Ok(())
    }
}
