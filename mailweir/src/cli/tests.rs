//! What the command line comes to, and that every flag is a key.

use std::ffi::OsString;

use super::flags::{self, Kind};
use super::{Command, Invocation, command_line, parse};
use crate::config::Config;

const ALL: [Command; 11] = [
    Command::Standalone,
    Command::Ingress,
    Command::Worker,
    Command::Egress,
    Command::TopologyShow,
    Command::TopologyApply,
    Command::ConfigCheck,
    Command::ConfigShow,
    Command::Demo,
    Command::Load,
    Command::Sink,
];

fn parsed(line: &str) -> Invocation {
    let arguments = ["mailweir"].into_iter().chain(line.split_whitespace());
    parse(arguments.map(OsString::from)).unwrap()
}

fn refused(line: &str) -> String {
    let arguments = ["mailweir"].into_iter().chain(line.split_whitespace());
    parse(arguments.map(OsString::from)).unwrap_err().to_string()
}

#[test]
fn the_command_line_is_consistent() {
    command_line().debug_assert();
}

#[test]
fn every_flag_sets_a_key_that_exists() {
    let known: Vec<_> = Config::of_flags(&[]).unwrap().keys.into_iter().map(|key| key.name).collect();
    for command in ALL {
        for flag in flags::of(command) {
            assert!(known.iter().any(|key| key == flag.key), "--{} sets {}", flag.name, flag.key);
        }
    }
}

#[test]
fn the_commands_of_the_manual_are_taken() {
    for (line, command) in [
        (
            "standalone --listen 127.0.0.1:20024 --next-hop 127.0.0.1:20025 --clamd 127.0.0.1:3310",
            Command::Standalone,
        ),
        ("ingress --nats nats://127.0.0.1:4222 --listen 127.0.0.1:20024", Command::Ingress),
        ("worker --nats nats://127.0.0.1:4222 --clamd 127.0.0.1:3310", Command::Worker),
        ("egress --nats nats://127.0.0.1:4222 --next-hop 127.0.0.1:20025", Command::Egress),
        ("load --to 127.0.0.1:20024 --connections 50 --mails 10000 --size 60k --json", Command::Load),
        ("sink --listen 127.0.0.1:20025 --store DIR", Command::Sink),
        ("topology show", Command::TopologyShow),
        ("topology apply", Command::TopologyApply),
        ("config check", Command::ConfigCheck),
        ("config show", Command::ConfigShow),
        ("demo --any-port --nats", Command::Demo),
    ] {
        assert_eq!(parsed(line).command, command, "{line}");
    }
}

#[test]
fn flags_become_keys() {
    let invocation = parsed(
        "ingress --listen a:1 --listen unix:/b --set bus.replicas=3 --config x --create-streams=false",
    );
    let flags: Vec<_> =
        invocation.flags.iter().map(|flag| (flag.key.as_str(), flag.values.join("|"))).collect();
    let expected =
        [("ingress.listen", "a:1|unix:/b"), ("bus.create_streams", "false"), ("bus.replicas", "3")];
    assert_eq!(flags, expected.map(|(key, value)| (key, value.to_owned())));
    assert_eq!(invocation.file.as_deref(), Some("x".as_ref()));
}

#[test]
fn a_switch_alone_is_true_and_the_last_value_counts() {
    let flags = parsed("load --json --mails 1 --mails 2").flags;
    assert_eq!(flags.iter().map(|flag| flag.values.join(" ")).collect::<Vec<_>>(), ["2", "true"]);
    assert!(flags.iter().all(|flag| !flag.repeats));
}

#[test]
fn mistakes_are_told() {
    assert!(refused("standalone --lisen x").contains("--listen"));
    assert!(refused("standalon").contains("standalone"));
    assert!(refused("worker --set replicas").contains("TABLE.KEY=VALUE"));
    assert!(refused("sink --delay").contains("--delay"));
}

#[test]
fn every_flag_has_help_and_no_two_of_a_command_share_a_name() {
    for command in ALL {
        let mut names: Vec<_> = flags::of(command).iter().map(|flag| flag.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{command:?}");
        for flag in flags::of(command) {
            assert!(flag.help.len() > 8, "--{}", flag.name);
            if let Kind::One(value) | Kind::Many(value) = flag.kind {
                assert!(!value.is_empty());
            }
        }
    }
}
