//! `[load]`: the load generator.

use std::path::PathBuf;
use std::time::Duration;

use ::egress::Protocol;
use proto::{Endpoint, ForwardPath, ReversePath};

use crate::config::reader::Reader;

/// What to send, where and how fast.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Where to send; several take turns. Default 127.0.0.1:20024.
    pub(crate) to: Vec<Endpoint>,
    /// Default LMTP.
    pub(crate) protocol: Protocol,
    /// Sessions at the same time. Default 10.
    pub(crate) connections: usize,
    /// How many in all. Default 1 000.
    pub(crate) mails: u64,
    /// Bytes of a generated mail. Default 4 kB.
    pub(crate) size: usize,
    /// Mails to send in turn, instead of generated ones. Default none.
    pub(crate) files: Vec<PathBuf>,
    /// Envelope sender. Default load@example.org.
    pub(crate) sender: String,
    /// Envelope recipient. Default load@example.net.
    pub(crate) recipient: String,
    /// Recipients of each mail, 1 to 1 000. Default 1.
    pub(crate) recipients: usize,
    /// Mails to start each second; 0 is as fast as possible. Default 0.
    pub(crate) rate: u32,
    /// Whether each mail has an XFORWARD IDENT of its own. Default false.
    pub(crate) ident: bool,
    /// Seed of the generated contents. Default 1.
    pub(crate) seed: u64,
    /// How long a mail may take. Default 600 s.
    pub(crate) timeout: Duration,
    /// Whether refused mails are no failure. Default false.
    pub(crate) allow_failures: bool,
    /// The result as JSON. Default false.
    pub(crate) json: bool,
}

/// Adds the brackets that people leave out.
pub(crate) fn in_brackets(address: &str) -> String {
    if address.starts_with('<') { address.to_owned() } else { format!("<{address}>") }
}

impl Load {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let tcp = |port| Endpoint::Tcp { host: "127.0.0.1".into(), port };
        let mut keys = reader.section("load");
        let load = Self {
            to: keys.list("to", vec![tcp(20024)]),
            protocol: keys.get("protocol", Protocol::Lmtp),
            connections: keys.get("connections", 10),
            mails: keys.get("mails", 1_000),
            size: keys.size("size", 4_000),
            files: keys.list("files", Vec::new()),
            sender: keys.get("sender", "<load@example.org>".to_owned()),
            recipient: keys.get("recipient", "<load@example.net>".to_owned()),
            recipients: keys.get("recipients", 1),
            rate: keys.get("rate", 0),
            ident: keys.get("ident", false),
            seed: keys.get("seed", 1),
            timeout: keys.get("timeout", Duration::from_secs(600)),
            allow_failures: keys.get("allow_failures", false),
            json: keys.get("json", false),
        };
        keys.check(!load.to.is_empty(), "to", "must not be empty");
        keys.check((1..=10_000).contains(&load.connections), "connections", "must be 1 to 10000");
        keys.check((1..=1_000).contains(&load.recipients), "recipients", "must be 1 to 1000");
        keys.check((1..=1 << 30).contains(&load.size), "size", "must be 1 byte to 1 GiB");
        let sender = ReversePath::parse(&in_brackets(&load.sender), true);
        keys.check(sender.is_ok(), "sender", "must be an address, or <>");
        let recipient = ForwardPath::parse(&in_brackets(&load.recipient), true);
        keys.check(recipient.is_ok(), "recipient", "must be an address");
        keys.check(load.mails > 0, "mails", "must not be 0");
        load
    }
}
