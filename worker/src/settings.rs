//! What an operator can set of the worker, typed; one section per check.
//!
//! Reading a file, environment and flags is the binary's.

use proto::inspection::AttachmentRules;

use crate::scanners::spam::Levels;
use crate::{cache, clamd, inspect, policy, scanners};

/// Everything that [`crate::Scanner`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The one clamd that needs no name; `None` is the default.
    pub clamd: Option<clamd::Settings>,
    /// All other scanners. Without any virus scanner nobody claims that viruses were looked for.
    pub scanners: Vec<scanners::settings::Settings>,
    /// What is kept of what virus scanners say.
    pub verdict_cache: cache::Settings,
    /// What spam scores mean.
    pub spam: Levels,
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
            scanners: Vec::new(),
            verdict_cache: cache::Settings::default(),
            spam: Levels::default(),
            attachments: Some(AttachmentRules::default()),
            inspect: inspect::Settings::default(),
            policy: policy::Table::default(),
            hostname: "localhost".into(),
        }
    }
}
