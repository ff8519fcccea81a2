//! The attachment rule, compiled.

use super::{AttachmentRules, Limits};
use crate::banned::{self, RuleError};

/// What is banned, and how much is looked into.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(super) banned: banned::Rules,
    pub(super) limits: Limits,
}

impl Rules {
    /// # Errors
    /// When a rule cannot be compiled.
    pub(crate) fn new(settings: &AttachmentRules) -> Result<Self, RuleError> {
        Ok(Self { banned: banned::Rules::new(settings)?, limits: settings.limits })
    }
}
