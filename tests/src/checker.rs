//! Was every mail delivered exactly once, and was the client told the truth?
//!
//! A client that behaves like a mail server ([`Mta`]) sends mails that can be told apart ([`Mails`]) and writes down
//! what it asked and what it was answered ([`History`]). The scripted next hop keeps what it took. [`judge`] holds the
//! two against each other, recipient by recipient, as Jepsen's queue checker does: it is a pure function, so that its
//! own tests can show it a log for each fault that it must see.
//!
//! Absent on purpose: any look into Mailweir. Whatever its processes believe, what counts is what the client was told
//! and what the next hop holds.

mod content;
mod copies;
mod history;
mod judge;
mod leaks;
mod load;
mod mta;
mod report;

pub use content::{Key, MailId, Mails};
pub use copies::Copy;
pub use history::{Event, History, What, Why};
pub use judge::judge;
pub use leaks::{in_directory, in_streams};
pub use load::Load;
pub use mta::{Mta, Patience, Sender};
pub use report::Report;
