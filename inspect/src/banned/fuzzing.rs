//! What names look like to a reader, for the fuzz targets. Built with `cfg(fuzzing)` only.

use std::collections::BTreeSet;

use super::names;

/// What is behind the last dot of any view of any name.
pub(crate) fn extensions(names: &[Vec<u8>]) -> BTreeSet<String> {
    names::views(names).iter().filter_map(|view| names::extension(view.base())).collect()
}

/// Whether a reader who decodes encoded words sees anything of that name.
pub(crate) fn is_visible(name: &[u8]) -> bool {
    names::views(&[name.to_vec()]).iter().any(|view| !view.is_encoded)
}
