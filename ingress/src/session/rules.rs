//! What all sessions of one server share: the settings, and the texts that follow from them.

use proto::{OriginAttribute, With};

use crate::Settings;

/// Settings and the replies made from them once.
#[derive(Debug)]
pub struct Rules {
    settings: Settings,
    greeting: String,
    helo: String,
    extended: String,
}

impl Rules {
    /// The rules that follow from `settings`.
    pub fn new(settings: Settings) -> Self {
        let hostname = &settings.hostname;
        Self {
            greeting: format!("220 {hostname} ESMTP LMTP Mailweir\r\n"),
            helo: format!("250 {hostname}\r\n"),
            extended: extended_hello(hostname, settings.size_bytes_max),
            settings,
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn greeting(&self) -> &str {
        &self.greeting
    }

    pub(super) fn hello(&self, with: With) -> &str {
        match with {
            With::Lmtp | With::Esmtp => &self.extended,
            With::Smtp => &self.helo,
        }
    }
}

/// Not among them: CHUNKING and BINARYMIME, which no client of a filter needs, and XCLIENT, which would let a client
/// be somebody else.
fn extended_hello(hostname: &str, size_bytes_max: u64) -> String {
    let xforward = OriginAttribute::ALL.map(OriginAttribute::keyword).join(" ");
    format!(
        "250-{hostname}\r\n\
         250-PIPELINING\r\n\
         250-SIZE {size_bytes_max}\r\n\
         250-8BITMIME\r\n\
         250-SMTPUTF8\r\n\
         250-ENHANCEDSTATUSCODES\r\n\
         250-DSN\r\n\
         250 XFORWARD {xforward}\r\n"
    )
}
