//! The command line: which commands there are, and which flags each of them takes.
//!
//! A flag is a row of a table that names the key it sets, so every flag is a key and a variable too, and a value is
//! read by the same code wherever it was written. clap sees to syntax and help only; the values stay text until
//! [`crate::config`] reads them.

mod flags;
mod inspect;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches};

use crate::config::FlagValue;
use crate::inspect::Inspect;

use flags::{Flag, Kind};

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// All roles in one process, without a queue.
    Standalone,
    /// Takes mails and puts them into the queue.
    Ingress,
    /// Scans mails from the queue.
    Worker,
    /// Gives scanned mails to the next hop.
    Egress,
    /// Prints how the streams are and should be.
    TopologyShow,
    /// Creates what is missing of them.
    TopologyApply,
    /// Reads the configuration and says what is wrong.
    ConfigCheck,
    /// Prints the effective configuration.
    ConfigShow,
    /// Sends mails through a filter of its own and shows what became of them.
    Demo,
    /// Sends many mails and measures.
    Load,
    /// A next hop that counts.
    Sink,
    /// The caged child of a worker.
    Inspect(Inspect),
}

/// The command line, taken apart.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    pub(crate) flags: Vec<FlagValue>,
}

/// Takes the command line apart.
///
/// # Errors
/// What clap says to the user: a mistake, the help, the version.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let matches = command_line().try_get_matches_from(arguments)?;
    let (command, matches) = match matches.subcommand() {
        Some(("standalone", matches)) => (Command::Standalone, matches),
        Some(("ingress", matches)) => (Command::Ingress, matches),
        Some(("worker", matches)) => (Command::Worker, matches),
        Some(("egress", matches)) => (Command::Egress, matches),
        Some(("demo", matches)) => (Command::Demo, matches),
        Some(("load", matches)) => (Command::Load, matches),
        Some(("sink", matches)) => (Command::Sink, matches),
        Some(("topology", matches)) => match matches.subcommand() {
            Some(("apply", matches)) => (Command::TopologyApply, matches),
            Some((_, matches)) => (Command::TopologyShow, matches),
            None => (Command::TopologyShow, matches),
        },
        Some(("config", matches)) => match matches.subcommand() {
            Some(("show", matches)) => (Command::ConfigShow, matches),
            Some((_, matches)) => (Command::ConfigCheck, matches),
            None => (Command::ConfigCheck, matches),
        },
        Some(("inspect", matches)) => {
            let command = Command::Inspect(inspect::read(matches)?);
            return Ok(Invocation { command, file: None, flags: Vec::new() });
        }
        Some((_, matches)) => (Command::ConfigCheck, matches),
        None => return Err(command_line().error(ErrorKind::MissingSubcommand, "a command is needed")),
    };
    Ok(Invocation {
        command,
        file: matches.get_one::<PathBuf>("config").cloned(),
        flags: flag_values(flags::of(command), matches)?,
    })
}

/// The whole command line, for parsing and help.
fn command_line() -> clap::Command {
    let leaf = |name: &'static str, about: &'static str, command: Command| {
        flags::of(command).into_iter().fold(
            clap::Command::new(name).about(about).args([config_argument(), set_argument()]),
            |built, flag| built.arg(argument(&flag)),
        )
    };
    clap::Command::new("mailweir")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A content filter beside a mail server: mails in by LMTP, scanned, out by SMTP, answered recipient by recipient")
        .after_help(
            "Every flag is also a key of the configuration file and a variable MAILWEIR_TABLE_KEY; \
             deploy/mailweir.example.toml documents all keys. Flags win over variables, variables over the file.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(leaf("standalone", "All roles in one process, without a queue", Command::Standalone))
        .subcommand(leaf("ingress", "Take mails by LMTP and put them into the queue", Command::Ingress))
        .subcommand(leaf("worker", "Scan mails from the queue", Command::Worker))
        .subcommand(leaf("egress", "Give scanned mails to the next hop", Command::Egress))
        .subcommand(
            clap::Command::new("topology")
                .about("The streams and consumers on the NATS servers")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(leaf("show", "Print how they are and how they should be", Command::TopologyShow))
                .subcommand(leaf("apply", "Create what is missing", Command::TopologyApply)),
        )
        .subcommand(
            clap::Command::new("config")
                .about("The configuration")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(leaf("check", "Say everything that is wrong with it", Command::ConfigCheck))
                .subcommand(leaf("show", "Print it as it is in effect, and who set what", Command::ConfigShow)),
        )
        .subcommand(leaf("demo", "Send mails through a filter of its own and show what became of them", Command::Demo))
        .subcommand(leaf("load", "Send many mails and measure", Command::Load))
        .subcommand(leaf("sink", "A next hop that counts, stores, refuses or delays", Command::Sink))
        .subcommand(inspect::command_line())
}

fn config_argument() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("TOML file; also MAILWEIR_CONFIG. Without one the defaults hold")
}

fn set_argument() -> Arg {
    Arg::new("set")
        .long("set")
        .value_name("TABLE.KEY=VALUE")
        .action(ArgAction::Append)
        .help("Set any key, as a variable would: lists separated by commas. May repeat")
}

fn argument(flag: &Flag) -> Arg {
    let argument = Arg::new(flag.name).long(flag.name).help(flag.help);
    match flag.kind {
        Kind::One(value) => argument.value_name(value).overrides_with(flag.name),
        Kind::Many(value) => argument.value_name(value).action(ArgAction::Append),
        Kind::Switch => argument
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .overrides_with(flag.name),
        Kind::Off => argument
            .action(ArgAction::Set)
            .num_args(0)
            .default_missing_value("false")
            .overrides_with(flag.name),
    }
}

fn flag_values(flags: Vec<Flag>, matches: &ArgMatches) -> Result<Vec<FlagValue>, clap::Error> {
    let mut given: Vec<_> = flags
        .into_iter()
        .filter_map(|flag| {
            let values: Vec<String> = matches.get_many::<String>(flag.name)?.cloned().collect();
            Some(FlagValue {
                flag: format!("--{}", flag.name),
                key: flag.key.to_owned(),
                values,
                repeats: matches!(flag.kind, Kind::Many(_)),
            })
        })
        .collect();
    for set in matches.get_many::<String>("set").into_iter().flatten() {
        let Some((key, value)) = set.split_once('=') else {
            let message = format!("--set wants TABLE.KEY=VALUE, not `{set}`");
            return Err(command_line().error(ErrorKind::ValueValidation, message));
        };
        given.push(FlagValue {
            flag: format!("--set {key}"),
            key: key.trim().to_owned(),
            values: vec![value.trim().to_owned()],
            repeats: false,
        });
    }
    Ok(given)
}

#[cfg(test)]
mod tests;
