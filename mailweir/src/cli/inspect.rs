//! The command line of `mailweir inspect`, which has no keys.

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches};

use crate::inspect::{Inspect, attempt};

/// What a person may want of it is the self-test; the rest is for the program itself.
pub(super) fn command_line() -> clap::Command {
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let value = |name: &'static str| Arg::new(name).long(name).value_name("NAME").hide(true);
    clap::Command::new("inspect")
        .about("Internal: the process that parses mails for a worker, in its cage")
        .hide(true)
        .arg(switch("self-test").help("Try what the cage must refuse, and print what is refused by what"))
        .arg(switch("faults").hide(true))
        .arg(value("attempt").requires("lock"))
        .arg(value("lock").requires("attempt"))
}

/// Takes it apart.
pub(super) fn read(matches: &ArgMatches) -> Result<Inspect, clap::Error> {
    let refused = |message: &str| Err(super::command_line().error(ErrorKind::ValueValidation, message));
    let name = |key: &str| matches.get_one::<String>(key);
    if let (Some(what), Some(locks)) = (name("attempt"), name("lock")) {
        return attempt(what, locks).map_or_else(|| refused("no such attempt or lock"), Ok);
    }
    if matches.get_flag("self-test") {
        return Ok(Inspect::SelfTest);
    }
    if !matches.get_flag("faults") {
        return Ok(Inspect::Serve);
    }
    if cfg!(debug_assertions) { Ok(Inspect::ServeWithFaults) } else { refused("this build has no faults") }
}
