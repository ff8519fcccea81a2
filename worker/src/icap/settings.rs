//! What an operator can set of an ICAP service.

/// The service and how it is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Path of the service, as in `icap://host:1344/avscan`. Default: `avscan`.
    pub service: String,
    /// Whether the server is shown the start of a mail first when it asks for that. It may then decline the rest, which
    /// makes the mail unchecked: over-limit; without a preview the same server may answer the same without saying so.
    /// Default: yes.
    pub preview: bool,
    /// Whether a host must find the EICAR test file before it is used, and again whenever it is probed. Default: yes.
    pub canary: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { service: "avscan".into(), preview: true, canary: true }
    }
}
