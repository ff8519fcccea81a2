//! `[sink]`: the next hop that counts.

use std::path::PathBuf;
use std::time::Duration;

use proto::Endpoint;

use crate::config::reader::Reader;

/// Where to take mails and what to do with them.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    /// Where to take mails. Default 127.0.0.1:20025.
    pub(crate) listen: Vec<Endpoint>,
    /// A free port of 127.0.0.1 instead. Default false.
    pub(crate) any_port: bool,
    /// Where mails are kept. Default nowhere.
    pub(crate) store: Option<PathBuf>,
    /// Recipients that are answered 550; `*` stands for anything. Default none.
    pub(crate) refuse_rcpt: Option<String>,
    /// The answer to every final dot. Default 250.
    pub(crate) refuse_data: Option<u16>,
    /// Wait before the final dot is answered. Default 0.
    pub(crate) delay: Duration,
    /// Close the connection instead of answering the final dot. Default false.
    pub(crate) drop_after_dot: bool,
    /// The totals as JSON. Default false.
    pub(crate) json: bool,
}

impl Sink {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Endpoint::Tcp { host: "127.0.0.1".into(), port: 20025 };
        let mut keys = reader.section("sink");
        let sink = Self {
            listen: keys.list("listen", vec![default]),
            any_port: keys.get("any_port", false),
            store: keys.optional("store", None),
            refuse_rcpt: keys.optional("refuse_rcpt", None),
            refuse_data: keys.optional("refuse_data", None),
            delay: keys.get("delay", Duration::ZERO),
            drop_after_dot: keys.get("drop_after_dot", false),
            json: keys.get("json", false),
        };
        keys.check(!sink.listen.is_empty(), "listen", "must not be empty");
        let refuses = sink.refuse_data.is_none_or(|code| (400..600).contains(&code));
        keys.check(refuses, "refuse_data", "must be 400 to 599");
        sink
    }
}
