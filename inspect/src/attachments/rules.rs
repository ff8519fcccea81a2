//! The configured lists, ready for comparing.

use std::collections::HashSet;

use super::{AttachmentRules, Limits, names};

/// What is banned.
#[derive(Debug)]
pub(crate) struct Rules {
    extensions: HashSet<String>,
    double_extensions: HashSet<String>,
    mime_types: HashSet<String>,
    types: HashSet<String>,
    allowed_names: HashSet<String>,
    pub(super) limits: Limits,
}

impl Rules {
    pub(crate) fn new(settings: AttachmentRules) -> Self {
        let fold = |words: Vec<String>| -> HashSet<String> {
            let fold = |word: String| word.trim().trim_start_matches('.').to_lowercase();
            words.into_iter().map(fold).collect()
        };
        Self {
            extensions: fold(settings.extensions),
            double_extensions: fold(settings.double_extensions),
            mime_types: fold(settings.mime_types),
            types: fold(settings.types),
            allowed_names: settings.allowed_names.iter().map(|name| name.to_lowercase()).collect(),
            limits: settings.limits,
        }
    }

    /// The banned extension of `name`, with its dot.
    pub(super) fn name(&self, name: &str) -> Option<String> {
        if self.allowed_names.contains(&name.to_lowercase()) {
            return None;
        }
        let views = names::views(name);
        let of = |list: &HashSet<String>, extension: fn(&str) -> Option<&str>| {
            views
                .iter()
                .filter_map(|view| extension(view))
                .find(|extension| list.contains(*extension))
                .map(|extension| format!(".{extension}"))
        };
        of(&self.extensions, names::extension)
            .or_else(|| of(&self.double_extensions, names::double_extension))
    }

    /// Whether the declared type `kind` (lower case, without blanks) is banned.
    pub(super) fn bans_mime_type(&self, kind: &str) -> bool {
        self.mime_types.contains(kind)
    }

    /// The types of a part as amavis writes them, `.exe,.exe-ms`, when one of `labels` is banned.
    pub(super) fn types(&self, labels: &[&str]) -> Option<String> {
        let is_banned = labels.iter().any(|label| self.types.contains(*label));
        let dotted: Vec<String> = labels.iter().map(|label| format!(".{label}")).collect();
        is_banned.then(|| dotted.join(","))
    }
}
