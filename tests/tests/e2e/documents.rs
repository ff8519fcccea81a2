//! What the binary can be told and what it tells is written down: configuration keys and metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harness::client::Client;
use harness::fake_clamd::{Behaviour, FakeClamd};
use harness::machine::light;
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::node::run;
use harness::system::{Mode, System};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The example file.
fn example() -> PathBuf {
    root().join("deploy/mailweir.example.toml")
}

/// README and all of `docs/`, as one text.
fn documents() -> String {
    let mut text = fs::read_to_string(root().join("README.md")).unwrap();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    text
}

/// Every key that `config show` knows, by table. Those of the tools (`load`, `sink`, `demo`) are told by their help.
async fn keys() -> Vec<(String, String)> {
    let (succeeded, shown, errors) = run(&["config", "show"]).await;
    assert!(succeeded, "{errors}");
    let (mut table, mut keys) = (String::new(), Vec::new());
    for line in shown.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && !["load", "sink", "demo"].contains(&table.as_str())
        {
            keys.push((table.clone(), key.to_owned()));
        }
    }
    assert!(keys.len() > 50, "only {} keys", keys.len());
    keys
}

#[tokio::test]
async fn every_key_is_in_the_example_file() {
    let example = fs::read_to_string(example()).unwrap();
    let mut shown = BTreeSet::new();
    let mut table = String::new();
    for line in example.lines() {
        // Settings that are not set stand there as a comment.
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.insert(format!("{table}.{key}"));
        }
    }
    let missing: Vec<String> =
        keys().await.into_iter().map(|(table, key)| format!("{table}.{key}")).collect();
    let missing: Vec<String> = missing.into_iter().filter(|key| !shown.contains(key)).collect();
    assert!(missing.is_empty(), "not in {}:\n{}", self::example().display(), missing.join("\n"));
}

#[tokio::test]
async fn every_key_is_documented() {
    let documents = documents();
    let names = |(table, key): &(String, String)| documents.contains(&format!("`{table}.{key}`"));
    let missing: Vec<String> =
        keys().await.iter().filter(|key| !names(key)).map(|(table, key)| format!("{table}.{key}")).collect();
    assert!(missing.is_empty(), "not in README.md or docs/:\n{}", missing.join("\n"));
}

#[tokio::test]
async fn the_example_file_is_valid_and_no_section_takes_unknown_keys() {
    let path = example();
    let (succeeded, output, errors) = run(&["config", "check", "--config", path.to_str().unwrap()]).await;
    assert!(succeeded, "{output}{errors}");
    let directory = tempfile::tempdir().unwrap();
    let planted = directory.path().join("planted.toml");
    let text = fs::read_to_string(&path).unwrap();
    let tables = text.lines().filter(|line| line.starts_with('[')).map(str::to_owned);
    for table in tables.collect::<Vec<_>>() {
        let line = format!("{table}\nplanted_by_a_test = 1");
        fs::write(&planted, text.replacen(&table, &line, 1)).unwrap();
        let (succeeded, output, errors) =
            run(&["config", "check", "--config", planted.to_str().unwrap()]).await;
        assert!(!succeeded, "{table} takes an unknown key");
        assert!(format!("{output}{errors}").contains("planted_by_a_test"), "{output}{errors}");
    }
}

/// The names behind `# TYPE` of everything that runs in that mode, after a mail.
async fn metrics(mode: Mode) -> BTreeSet<String> {
    let (hop, clamd) = (NextHop::smtp().await, FakeClamd::start(Behaviour::Clean).await);
    let system = System::build(mode, &hop.target()).clamd(clamd.endpoint()).start().await;
    Client::lmtp(&system.lmtp).await.submit_expecting(&TestMail::new(), "250 *").await;
    let mut names = BTreeSet::new();
    for node in system.nodes() {
        let metrics = node.admin("/metrics").await;
        let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        names.extend(types.filter_map(|line| Some(line.split(' ').next()?.to_owned())));
    }
    assert!(names.len() > 10, "{names:?}");
    names
}

#[tokio::test]
async fn every_metric_is_documented() {
    let _place = light().await;
    let documents = documents();
    let mut names = metrics(Mode::Standalone).await;
    names.extend(metrics(Mode::Distributed).await);
    let missing: Vec<&String> = names.iter().filter(|name| !documents.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not in README.md or docs/: {missing:#?}");
    let strangers: Vec<&String> = names.iter().filter(|name| !name.starts_with("mailweir_")).collect();
    assert!(strangers.is_empty(), "without our prefix: {strangers:?}");
}
