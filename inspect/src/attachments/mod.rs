//! The pieces of which the attachment rule is made: what bounds a mail, what its headers declare, how its bodies are
//! encoded, what contents are, and what is banned.
//!
//! The walk over a mail puts them together ([`crate::walk`]).

pub(crate) mod decode;
pub(crate) mod guard;
pub(crate) mod header;
pub(crate) mod lost;
mod names;
mod rules;
pub(crate) mod signatures;

pub(crate) use self::rules::Rules;
