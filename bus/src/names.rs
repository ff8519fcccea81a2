//! What streams, subjects and durables are called.

use proto::{Class, MessageKey, TxId};

/// Longest prefix in bytes.
const PREFIX_BYTES_MAX: usize = 32;

/// The names under one prefix.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
    /// Stream of jobs.
    pub(crate) mail: String,
    /// Stream of chunks.
    pub(crate) body: String,
    /// Stream of verdicts.
    pub(crate) verdict: String,
    /// Stream of claims and outcomes.
    pub(crate) ledger: String,
}

impl Names {
    /// The names under `prefix`; `None` for a prefix that is no single lower-case token.
    pub(crate) fn new(prefix: &str) -> Option<Self> {
        let token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if prefix.is_empty() || prefix.len() > PREFIX_BYTES_MAX || !prefix.chars().all(token) {
            return None;
        }
        let stream = |name: &str| match prefix {
            "mail" => name.to_owned(),
            other => format!("{}_{name}", other.to_ascii_uppercase()),
        };
        Some(Self {
            prefix: prefix.to_owned(),
            mail: stream("MAIL"),
            body: stream("BODY"),
            verdict: stream("VERDICT"),
            ledger: stream("LEDGER"),
        })
    }

    pub(crate) fn job(&self, class: Class, tx: TxId) -> String {
        format!("{}.job.{}.{tx}", self.prefix, class.letter())
    }

    pub(crate) fn jobs(&self) -> String {
        format!("{}.job.>", self.prefix)
    }

    pub(crate) fn jobs_of(&self, class: Class) -> String {
        format!("{}.job.{}.>", self.prefix, class.letter())
    }

    pub(crate) fn chunks_of(&self, tx: TxId) -> String {
        format!("{}.body.{tx}", self.prefix)
    }

    pub(crate) fn chunks(&self) -> String {
        format!("{}.body.*", self.prefix)
    }

    pub(crate) fn verdict_of(&self, tx: TxId) -> String {
        format!("{}.verdict.{tx}", self.prefix)
    }

    pub(crate) fn verdicts(&self) -> String {
        format!("{}.verdict.*", self.prefix)
    }

    /// One record of the line of a mail.
    pub(crate) fn record(&self, key: MessageKey, generation: u32) -> String {
        format!("{}.led.{key}.{generation}", self.prefix)
    }

    /// How often the job of a transaction was handed back. A generation is a number, so this is none, also where the
    /// transaction is the key.
    pub(crate) fn handed_back(&self, tx: TxId) -> String {
        format!("{}.led.{tx}.back", self.prefix)
    }

    pub(crate) fn records(&self) -> String {
        format!("{}.led.*.*", self.prefix)
    }
}

/// The durable that all workers share for a class.
pub(crate) fn scan_durable(class: Class) -> &'static str {
    match class {
        Class::Small => "scan-s",
        Class::Medium => "scan-m",
        Class::Large => "scan-l",
    }
}

/// The durable that all egresses share.
pub(crate) const RELAY_DURABLE: &str = "relay";

#[cfg(test)]
mod tests {
    use proto::{Digest, ReversePath};

    use super::*;

    #[test]
    fn the_default_prefix_gives_the_documented_names() {
        let names = Names::new("mail").unwrap();
        let tx = TxId::parse("00000000000000000000000000000007").unwrap();
        assert_eq!((&*names.mail, &*names.body, &*names.verdict), ("MAIL", "BODY", "VERDICT"));
        assert_eq!(names.ledger, "LEDGER");
        assert_eq!(names.job(Class::Medium, tx), "mail.job.m.00000000000000000000000000000007");
        assert_eq!(names.jobs_of(Class::Large), "mail.job.l.>");
        let key = MessageKey::new(None, &ReversePath::Null, &Digest::of(b""), tx);
        assert_eq!(names.record(key, 12), "mail.led.00000000000000000000000000000007.12");
        assert_eq!(names.handed_back(tx), "mail.led.00000000000000000000000000000007.back");
    }

    #[test]
    fn another_prefix_shares_nothing() {
        let names = Names::new("eu-1").unwrap();
        assert_eq!(names.mail, "EU-1_MAIL");
        assert_eq!(names.chunks(), "eu-1.body.*");
    }

    #[test]
    fn a_prefix_is_one_token() {
        for bad in ["", "a.b", "a b", "*", ">", "Mail", &"x".repeat(33)] {
            assert!(Names::new(bad).is_none(), "{bad}");
        }
        assert!(Names::new(&"x".repeat(32)).is_some());
    }
}
