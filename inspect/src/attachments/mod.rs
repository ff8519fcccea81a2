//! The pieces of which the attachment rule is made: what bounds a mail, what its headers declare, how its bodies are
//! encoded, and what contents are.
//!
//! The walk over a mail puts them together ([`crate::walk`]), and [`crate::banned`] judges.

pub(crate) mod decode;
pub(crate) mod guard;
pub(crate) mod header;
pub(crate) mod lost;
pub(crate) mod signatures;
