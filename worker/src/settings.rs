//! What an operator can set of the worker, typed; one section per check.
//!
//! Reading a file, environment and flags is the binary's.

use proto::inspection::AttachmentRules;

use crate::{clamd, inspect, policy};

/// Everything that [`crate::Scanner`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The virus scanner; `None` (the default) scans for no viruses and then claims none was looked for.
    pub clamd: Option<clamd::Settings>,
    /// The attachment rule; `None` looks at no attachment and starts no child. Default: the usual rules.
    pub attachments: Option<AttachmentRules>,
    /// The children that parse.
    pub inspect: inspect::Settings,
    /// What is done with each category.
    pub policy: policy::Table,
    /// The name of this host in `X-Virus-Scanned: Mailweir at <host>`. Default: `localhost`.
    pub hostname: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clamd: None,
            attachments: Some(AttachmentRules::default()),
            inspect: inspect::Settings::default(),
            policy: policy::Table::default(),
            hostname: "localhost".into(),
        }
    }
}
