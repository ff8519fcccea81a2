//! Who may depend on whom: the table of ARCHITECTURE.md, held against the manifests.

use std::fs;

use toml::{Table, Value};

use crate::{assert_none, root};

/// What a crate may use of ours, and of others what it must not use at all.
struct Room {
    name: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

/// Clocks, sockets and runtimes: not for pure data.
const IO: &[&str] =
    &["tokio", "tokio-util", "futures-util", "rustix", "socket2", "hyper", "async-nats", "tempfile", "jiff"];

const ROOMS: [Room; 10] = [
    Room { name: "proto", ours: &[], never: IO },
    Room {
        name: "ingress",
        ours: &["proto"],
        never: &["async-nats", "mail-parser", "clap", "toml", "anyhow"],
    },
    Room {
        name: "inspect",
        ours: &["proto", "unpack"],
        never: &["tokio", "tokio-util", "async-nats", "hyper", "socket2", "clap", "toml", "anyhow"],
    },
    Room { name: "unpack", ours: &[], never: IO },
    // It has hostile content parsed and must not be able to do so itself.
    Room {
        name: "worker",
        ours: &["proto"],
        never: &["async-nats", "mail-parser", "file-format", "clap", "toml", "anyhow"],
    },
    Room {
        name: "egress",
        ours: &["proto"],
        never: &["async-nats", "mail-parser", "clap", "toml", "anyhow"],
    },
    Room { name: "bus", ours: &["proto"], never: &["mail-parser", "clap", "toml", "anyhow"] },
    Room {
        name: "ledger",
        ours: &["proto"],
        never: &["async-nats", "mail-parser", "clap", "toml", "anyhow"],
    },
    Room {
        name: "mailweir",
        ours: &["proto", "ingress", "inspect", "worker", "egress", "bus", "ledger"],
        never: &["async-nats", "redb", "mail-parser"],
    },
    // The model steps the production walk.
    Room { name: "tests", ours: &["proto"], never: &["async-nats", "mail-parser", "redb"] },
];

fn manifest(name: &str) -> Table {
    let path = root().join(name).join("Cargo.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Names in all dependency tables, those of tests too.
fn dependencies(manifest: &Table) -> Vec<String> {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = tables.iter().filter_map(|name| manifest.get(*name)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn the_workspace_has_these_rooms_and_no_others() {
    let members = manifest(".");
    let members: Vec<&str> =
        members["workspace"]["members"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
    let mut rooms: Vec<&str> = ROOMS.iter().map(|room| room.name).collect();
    let mut members = members;
    rooms.sort_unstable();
    members.sort_unstable();
    assert_eq!(members, rooms);
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let names: Vec<&str> = ROOMS.iter().map(|room| room.name).chain(["harness"]).collect();
    let mut findings = Vec::new();
    for room in &ROOMS {
        for dependency in dependencies(&manifest(room.name)) {
            let is_ours = names.contains(&dependency.as_str());
            if is_ours && !room.ours.contains(&dependency.as_str()) {
                findings.push(format!("{} -> {dependency}", room.name));
            }
            if room.never.contains(&dependency.as_str()) {
                findings.push(format!("{} must not use {dependency}", room.name));
            }
        }
    }
    assert_none("arrows that the table does not have", &findings);
}

#[test]
fn the_harness_knows_nothing_of_ours() {
    let manifest = manifest("tests");
    let names = ROOMS.iter().map(|room| room.name.to_owned());
    let known = names.filter(|name| manifest["dependencies"].get(name.as_str()).is_some());
    assert_none(
        "dependencies of the harness, for tests alone is `dev-dependencies`",
        &known.collect::<Vec<_>>(),
    );
}

#[test]
fn manifests_inherit_from_the_workspace() {
    let mut findings = Vec::new();
    for room in &ROOMS {
        let manifest = manifest(room.name);
        let package = manifest["package"].as_table().unwrap();
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if inherits(package.get(key)) != Some(true) {
                findings.push(format!("{}: package.{key} is not the workspace's", room.name));
            }
        }
        if inherits(manifest.get("lints")) != Some(true) {
            findings.push(format!("{}: lints are not the workspace's", room.name));
        }
        if manifest.contains_key("features") {
            findings.push(format!("{}: has features", room.name));
        }
        for table in ["dependencies", "dev-dependencies"] {
            for (name, value) in manifest.get(table).and_then(Value::as_table).into_iter().flatten() {
                if inherits(Some(value)) != Some(true) {
                    findings.push(format!("{}: {name} is not the workspace's", room.name));
                }
            }
        }
    }
    assert_none("manifests", &findings);
}

fn inherits(value: Option<&Value>) -> Option<bool> {
    value?.get("workspace")?.as_bool()
}
