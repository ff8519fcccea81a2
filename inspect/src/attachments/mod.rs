//! The attachment rule: no part of a mail may have a banned name, declared type or content.
//!
//! Order: [`guard`] bounds what a mail can cost, mail-parser finds the parts, [`parts`] reads every declared name of
//! each, [`crate::banned`] judges. A parser that panics, and a mail beyond a limit, are findings of their own. Deliberately
//! absent: looking into archives and documents.

pub(crate) mod decode;
mod guard;
mod header;
mod lost;
mod parts;
mod rules;
mod signatures;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use proto::inspection::{AttachmentRules, Found, Limits};
use proto::{Category, Unchecked};

pub(crate) use self::rules::Rules;

/// What is found in `content`; a panic of a parser is a finding.
pub(crate) fn inspect(content: &[u8], rules: &Rules) -> Vec<Found> {
    caught(|| parts::inspect(content, rules))
}

fn caught(inspect: impl FnOnce() -> Vec<Found>) -> Vec<Found> {
    let failed = || Found::new(Category::Unchecked(Unchecked::Failed), "the parser failed on it");
    catch_unwind(AssertUnwindSafe(inspect)).unwrap_or_else(|_| vec![failed()])
}
