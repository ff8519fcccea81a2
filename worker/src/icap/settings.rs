//! What an operator can set of an ICAP service.

use std::time::Duration;

/// The service and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Path of the service, as in `icap://host:1344/avscan`. Default: `avscan`.
    pub service: String,
    /// Whether the server is shown the start of a mail first when it asks for that. It may then decline the rest, which
    /// makes the mail unchecked: over-limit; without a preview the same server may answer the same without saying so.
    /// Default: yes.
    pub preview: bool,
    /// How often a host must find the EICAR test file, the first time before it gets a mail. Zero believes every host.
    /// Default: 5 min.
    pub canary_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { service: "avscan".into(), preview: true, canary_interval: Duration::from_secs(5 * 60) }
    }
}
