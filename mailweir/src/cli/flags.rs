//! The table of flags: name, the key that it sets, and what the help says.

use super::Command;

/// What a flag takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// One value; the last one counts.
    One(&'static str),
    /// A list.
    Many(&'static str),
    /// A truth value; `--flag` alone means true.
    Switch,
    /// No value: it means false.
    Off,
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    /// Without dashes.
    pub(crate) name: &'static str,
    /// The key that it sets.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

const fn flag(name: &'static str, key: &'static str, kind: Kind, help: &'static str) -> Flag {
    Flag { name, key, kind, help }
}

use Kind::{Many, Off, One, Switch};

const LOG: [Flag; 2] = [
    flag("log-level", "log.level", One("LEVEL"), "error, warn, info, debug or trace"),
    flag("log-format", "log.format", One("FORMAT"), "text or json"),
];
const SERVICE: [Flag; 3] = [
    flag("hostname", "node.hostname", One("NAME"), "Our name in greetings and header fields"),
    flag(
        "ports-file",
        "node.ports_file",
        One("FILE"),
        "Where to write the bound endpoints as JSON, once listening",
    ),
    flag("admin", "admin.listen", One("ADDRESS"), "Where to serve /metrics, /livez and /readyz"),
];
const LISTEN: Flag =
    flag("listen", "ingress.listen", Many("ADDRESS"), "Where to take mails: HOST:PORT or unix:PATH");
const CLAMD: Flag = flag("clamd", "clamd.hosts", Many("ADDRESS"), "A clamd: HOST:PORT or unix:PATH");
const NEXT_HOP: Flag =
    flag("next-hop", "egress.next_hop", Many("ADDRESS"), "Where scanned mails go: HOST:PORT or unix:PATH");
const NO_LEDGER: Flag =
    flag("no-ledger", "ledger.enabled", Off, "Remember nothing: a retry may bring a second copy");
const STATE: Flag =
    flag("state-directory", "ledger.directory", One("DIR"), "Where the ledger is kept, over restarts");
const NATS: [Flag; 2] = [
    flag("nats", "bus.servers", Many("URL"), "A NATS server: nats://HOST:PORT"),
    flag("create-streams", "bus.create_streams", Switch, "Create streams that are missing"),
];
const DEMO: [Flag; 2] = [
    flag("any-port", "demo.any_port", Switch, "Take free ports instead of 20024 and 20025"),
    flag("nats", "demo.nats", Switch, "Show the distributed mode, with the nats-server in PATH"),
];
const LOAD: [Flag; 15] = [
    flag("to", "load.to", Many("ADDRESS"), "Where to send: HOST:PORT or unix:PATH; several take turns"),
    flag("protocol", "load.protocol", One("PROTOCOL"), "lmtp or smtp"),
    flag("connections", "load.connections", One("COUNT"), "Sessions at the same time"),
    flag("mails", "load.mails", One("COUNT"), "How many in all"),
    flag("size", "load.size", One("SIZE"), "Bytes of a generated mail"),
    flag("file", "load.files", Many("FILE"), "Send these mails in turn, instead of generated ones"),
    flag("sender", "load.sender", One("ADDRESS"), "Envelope sender"),
    flag("recipient", "load.recipient", One("ADDRESS"), "Envelope recipient; further ones get a number"),
    flag("recipients", "load.recipients", One("COUNT"), "Recipients of each mail"),
    flag("rate", "load.rate", One("MAILS/S"), "Start so many each second; 0 is as fast as possible"),
    flag("ident", "load.ident", Switch, "Tell each mail's identity by XFORWARD IDENT"),
    flag("seed", "load.seed", One("NUMBER"), "Seed of the generated contents"),
    flag("timeout", "load.timeout", One("DURATION"), "How long a mail may take"),
    flag("allow-failures", "load.allow_failures", Switch, "Exit with 0 although mails were not accepted"),
    flag("json", "load.json", Switch, "Print the result as JSON"),
];
const SINK: [Flag; 9] = [
    flag("listen", "sink.listen", Many("ADDRESS"), "Where to take mails: HOST:PORT or unix:PATH"),
    flag("any-port", "sink.any_port", Switch, "Take a free port of 127.0.0.1 instead"),
    flag("store", "sink.store", One("DIR"), "Keep each mail as a file, and its envelope in index.jsonl"),
    flag(
        "refuse-rcpt",
        "sink.refuse_rcpt",
        One("PATTERN"),
        "Answer 550 to recipients like this; * stands for anything",
    ),
    flag("refuse-data", "sink.refuse_data", One("CODE"), "Answer the final dot with this code"),
    flag("delay", "sink.delay", One("DURATION"), "Wait this long before the final dot is answered"),
    flag(
        "drop-after-dot",
        "sink.drop_after_dot",
        Switch,
        "Close the connection instead of answering the final dot",
    ),
    flag("json", "sink.json", Switch, "Print the totals as JSON"),
    flag(
        "ports-file",
        "node.ports_file",
        One("FILE"),
        "Where to write the bound endpoints as JSON, once listening",
    ),
];

/// The flags of a command.
pub(crate) fn of(command: Command) -> Vec<Flag> {
    let mut flags = LOG.to_vec();
    match command {
        Command::Standalone => {
            flags.extend(SERVICE);
            flags.extend([LISTEN, CLAMD, NEXT_HOP, NO_LEDGER, STATE]);
        }
        Command::Ingress => {
            flags.extend(SERVICE);
            flags.extend([LISTEN, NO_LEDGER]);
            flags.extend(NATS);
        }
        Command::Worker => {
            flags.extend(SERVICE);
            flags.extend([CLAMD, NO_LEDGER]);
            flags.extend(NATS);
        }
        Command::Egress => {
            flags.extend(SERVICE);
            flags.extend([NEXT_HOP, NO_LEDGER]);
            flags.extend(NATS);
        }
        Command::TopologyShow | Command::TopologyApply => {
            flags.extend(NATS);
            flags.push(NO_LEDGER);
        }
        Command::ConfigCheck | Command::ConfigShow => {
            flags.extend(SERVICE);
            flags.extend([LISTEN, CLAMD, NEXT_HOP, NO_LEDGER, STATE]);
            flags.extend(NATS);
        }
        Command::Demo => {
            flags.extend(DEMO);
            flags.push(CLAMD);
        }
        Command::Load => flags.extend(LOAD),
        Command::Sink => flags.extend(SINK),
        Command::Inspect(_) => flags.clear(),
    }
    flags
}
