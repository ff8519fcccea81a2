//! What the relay's tests stand on: mails, verdicts, a fence that writes down, and a relay to a few hops.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::time::Instant;

use proto::{
    Deadline, Disposition, Early, Envelope, ForwardPath, Group, HeaderEdit, Mail, MailParams, Origin,
    Outcomes, Position, Recipient, Reply, ReversePath, TxId, Verdict,
};

use super::hop::{Hop, Script};
use crate::{Claim, Fence, Metrics, Protocol, Relay, Results, Settings};

/// Longer than every time-out in a test, and short enough to wait for with the clock paused.
pub(super) const BUDGET: Duration = Duration::from_secs(45);

pub(super) const CONTENT: &str = "Subject: x\r\n\r\n.dot\r\n..two\r\nend\r\n";

pub(super) fn envelope(recipients: &[&str]) -> Envelope {
    let recipient = |path: &&str| Recipient::new(ForwardPath::parse(&format!("<{path}>"), true).unwrap());
    Envelope::new(
        ReversePath::parse("<s@example.org>", false).unwrap(),
        MailParams::default(),
        recipients.iter().map(recipient).collect(),
    )
    .unwrap()
}

pub(super) fn with_ident(envelope: Envelope) -> Envelope {
    let origin = Origin { ident: Some("4Fabc".into()), ..Origin::default() };
    envelope.with_origin(origin)
}

pub(super) fn mail_of(envelope: Envelope, content: &str) -> Mail {
    let uuid = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_800_000_000, 0));
    Mail::new(TxId::new(uuid), envelope, Bytes::copy_from_slice(content.as_bytes()))
}

pub(super) fn mail(recipients: &[&str]) -> Mail {
    mail_of(envelope(recipients), CONTENT)
}

pub(super) fn group(disposition: Disposition) -> Group {
    Group {
        disposition,
        reply: None,
        edits: vec![HeaderEdit::Prepend {
            name: "X-Virus-Scanned".into(),
            value: "Mailweir at filter.example".into(),
        }],
    }
}

pub(super) fn pass(mail: &Mail) -> Verdict {
    Verdict::uniform(&mail.envelope, Vec::new(), group(Disposition::Pass))
}

pub(super) fn within(budget: Duration) -> Deadline {
    Deadline::after(Instant::now().into_std(), budget)
}

/// Answers from a list, the last one again and again, and writes down what it was asked.
#[derive(Debug)]
pub(super) struct Ledger {
    claims: Mutex<Vec<Claim>>,
    pub(super) asked: Mutex<Vec<Vec<usize>>>,
    pub(super) recorded: Mutex<Vec<Vec<(usize, u16)>>>,
}

impl Ledger {
    pub(super) fn answering(claims: Vec<Claim>) -> Self {
        Self { claims: Mutex::new(claims), asked: Mutex::default(), recorded: Mutex::default() }
    }

    pub(super) fn asked(&self) -> Vec<Vec<usize>> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn recorded(&self) -> Vec<Vec<(usize, u16)>> {
        self.recorded.lock().unwrap().clone()
    }
}

impl Fence for Ledger {
    async fn claim(&self, recipients: &[Position]) -> Claim {
        self.asked.lock().unwrap().push(recipients.iter().map(|at| at.index()).collect());
        let mut claims = self.claims.lock().unwrap();
        match &claims[..] {
            [] => Claim::Granted,
            [last] => last.clone(),
            _ => claims.remove(0),
        }
    }

    async fn record(&self, results: &Results) {
        let results = results.0.iter().map(|(at, reply)| (at.index(), reply.code()));
        self.recorded.lock().unwrap().push(results.collect());
    }
}

/// Everything that was told early, in order.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Mutex<Vec<(usize, u16)>>);

impl Early for Told {
    fn known(&self, position: Position, reply: &Reply) {
        self.0.lock().unwrap().push((position.index(), reply.code()));
    }
}

/// Hops and a relay to them.
pub(super) struct Bench {
    pub(super) relay: Relay,
    pub(super) hops: Vec<Hop>,
    registry: Registry,
    /// Holds the sockets.
    _directory: TempDir,
}

impl Bench {
    /// One hop per list of scripts. An empty list: nothing listens there.
    pub(super) fn new(
        protocol: Protocol,
        hops: Vec<Vec<Script>>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let hop = |(number, scripts): (usize, Vec<Script>)| {
            let down = scripts.is_empty();
            let hop = Hop::at(directory.path().join(format!("hop{number}")), scripts);
            if down { hop } else { hop.listen() }
        };
        let hops: Vec<_> = hops.into_iter().enumerate().map(hop).collect();
        let mut settings = Settings {
            targets: hops.iter().map(|hop| hop.target(protocol)).collect(),
            hostname: "filter.example".into(),
            ..Settings::default()
        };
        change(&mut settings);
        let mut registry = Registry::default();
        let relay = Relay::new(settings, Metrics::register(&mut registry));
        Self { relay, hops, registry, _directory: directory }
    }

    pub(super) fn smtp(script: Script) -> Self {
        Self::new(Protocol::Smtp, vec![vec![script]], |_| {})
    }

    pub(super) async fn deliver(&self, mail: &Mail) -> Outcomes {
        self.deliver_by(mail, &Ledger::answering(vec![])).await
    }

    pub(super) async fn deliver_by(&self, mail: &Mail, fence: &Ledger) -> Outcomes {
        let told = Told::default();
        let outcomes = self.relay.deliver(mail, &pass(mail), fence, &told, within(BUDGET)).await;
        assert_told(&told, &outcomes);
        outcomes
    }

    /// The value of a metric, by its name and labels as they are exposed.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let line = lines.find(|line| line.split([' ', '{']).next() == Some(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    }
}

/// What was told early is what is said in the end, for every recipient once.
pub(super) fn assert_told(told: &Told, outcomes: &Outcomes) {
    let mut told = told.0.lock().unwrap().clone();
    told.sort_unstable();
    assert_eq!(told, codes_by_position(outcomes));
}

fn codes_by_position(outcomes: &Outcomes) -> Vec<(usize, u16)> {
    outcomes.iter().map(|(at, reply)| (at.index(), reply.code())).collect()
}

pub(super) fn codes(outcomes: &Outcomes) -> Vec<u16> {
    outcomes.iter().map(|(_, reply)| reply.code()).collect()
}

pub(super) fn text(outcomes: &Outcomes, index: usize) -> String {
    outcomes.get(Position::new(index)).to_string()
}
