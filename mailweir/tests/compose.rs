//! `compose.yaml` without containers: each of our services is run as a process, with the command, the arguments, the
//! variables and the health check that stand there, and nats-server with the file that it is given there.
//!
//! Only what cannot be the same on a bare machine is replaced: names of other services, fixed ports. The file is read by
//! lines, as far as it has the form that ours has; a test says so when it no longer has.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot be set up has nobody to tell but the test, which it fails at once"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const COMPOSE: &str = include_str!("../../compose.yaml");
const NATS: &str = include_str!("../../deploy/nats-compose.conf");
const OURS: [&str; 3] = ["ingress", "worker", "egress"];
const BINARY: &str = env!("CARGO_BIN_EXE_mailweir");
const DEADLINE: Duration = Duration::from_secs(60);

/// The lines of a service, or of the block that all of ours share.
fn block(head: &str) -> Vec<&'static str> {
    let indent = head.len() - head.trim_start().len();
    let mut lines = COMPOSE.lines().skip_while(|line| !line.starts_with(head));
    assert!(lines.next().is_some(), "{head} is not in compose.yaml");
    let is_inside = |line: &&str| line.is_empty() || line.len() - line.trim_start().len() > indent;
    lines.take_while(is_inside).map(str::trim).collect()
}

fn list(lines: &[&str], key: &str) -> Vec<String> {
    let line = lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    serde_json::from_str(line.unwrap_or_else(|| panic!("no {key}"))).unwrap()
}

fn environment(lines: &[&str]) -> BTreeMap<String, String> {
    let variables = lines.iter().filter_map(|line| {
        let (name, value) = line.split_once(": ").filter(|(name, _)| name.starts_with("MAILWEIR_"))?;
        let value: String = serde_json::from_str(value).unwrap();
        let default = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')?.split_once(":-"));
        let value = default.map_or(value.clone(), |(_, default)| default.to_owned());
        Some((name.to_owned(), value))
    });
    variables.collect()
}

/// Asks again until there is an answer.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, asking).await.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

fn start(program: &str, arguments: &[String], environment: &BTreeMap<String, String>) -> Child {
    Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

async fn file(path: PathBuf) -> Value {
    eventually(&path.display().to_string(), async || serde_json::from_slice(&std::fs::read(&path).ok()?).ok())
        .await
}

async fn nats(directory: &Path) -> (Child, String) {
    let path = |name: &str| directory.join(name).display().to_string();
    let configuration = NATS
        .replace("port: 4222", "port: -1")
        .replace("http: 8222", "http: -1")
        .replace("store_dir: /data", &format!("store_dir: {}", path("data")));
    std::fs::write(path("nats.conf"), configuration).unwrap();
    let arguments = ["-c".to_owned(), path("nats.conf"), "--ports_file_dir".to_owned(), path(".")];
    let debian = "/usr/sbin/nats-server";
    let program = if Path::new(debian).exists() { debian } else { "nats-server" };
    let server = start(program, &arguments, &BTreeMap::new());
    let ports = file(directory.join(format!("nats-server_{}.ports", server.id().unwrap()))).await;
    let port = ports["nats"][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    (server, format!("nats://127.0.0.1:{port}"))
}

async fn mailweir(arguments: &[&str]) -> Output {
    let output = Command::new(BINARY).args(arguments).env_clear().kill_on_drop(true).output();
    timeout(DEADLINE, output).await.expect("mailweir ends").unwrap()
}

/// The service's own health check, against the port that was bound.
async fn is_healthy(admin: &str) -> bool {
    let check = list(&block("x-mailweir:"), "test");
    let port = admin.rsplit(':').next().unwrap();
    let script = check[3].replace("20026", port);
    assert_eq!(check[..3], ["CMD", "bash", "-c"]);
    Command::new(&check[1]).args([&check[2], &script]).output().await.unwrap().status.success()
}

#[tokio::test]
async fn our_services_run_as_compose_starts_them() {
    let directory = TempDir::new().unwrap();
    let (_nats, url) = nats(directory.path()).await;
    let sink_ports = directory.path().join("sink.json");
    let arguments =
        ["sink", "--any-port", "--ports-file", &sink_ports.display().to_string()].map(str::to_owned);
    let _sink = start(BINARY, &arguments, &BTreeMap::new());
    let sink = file(sink_ports).await["lmtp"][0].as_str().unwrap().to_owned();

    let mut running = Vec::new();
    let mut lmtp = String::new();
    for name in OURS {
        let service = block(&format!("  {name}:"));
        assert!(service.contains(&"<<: *mailweir"), "{name}");
        let mut variables = environment(&service);
        for value in variables.values_mut() {
            for (theirs, here) in [
                ("nats://nats:4222", url.as_str()),
                ("0.0.0.0:20024", "127.0.0.1:0"),
                ("127.0.0.1:20026", "127.0.0.1:0"),
                ("clamd:3310", "127.0.0.1:1"),
                ("host.docker.internal:20025", &sink),
            ] {
                *value = value.replace(theirs, here);
            }
        }
        let ports = directory.path().join(format!("{name}.json"));
        variables.insert("MAILWEIR_NODE_PORTS_FILE".to_owned(), ports.display().to_string());
        running.push(start(BINARY, &list(&service, "command"), &variables));
        let ports = file(ports).await;
        let admin = ports["admin"].as_str().unwrap();
        eventually(&format!("{name} is healthy"), async || is_healthy(admin).await.then_some(())).await;
        lmtp.push_str(ports["lmtp"][0].as_str().unwrap_or_default());
    }

    // There is no clamd here, so the mail comes back as one that could not be scanned: through all three roles.
    let sent = mailweir(&["load", "--to", &lmtp, "--mails", "1", "--connections", "1", "--json"]).await;
    let report: Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!(report["replies"], serde_json::json!({ "451": 1 }), "{report}");
    let reply = report["samples"]["451"].as_str().unwrap();
    assert!(reply.contains("virus scanning unavailable"), "{reply}");
}

#[test]
fn every_service_is_checked_restarted_and_published_on_loopback_only() {
    let shared = block("x-mailweir:");
    for name in OURS.into_iter().chain(["nats", "clamd"]) {
        let mut lines = block(&format!("  {name}:"));
        if lines.contains(&"<<: *mailweir") {
            lines.extend(&shared);
        }
        for key in ["restart: always", "healthcheck:"] {
            assert!(lines.contains(&key), "{name} has no {key}");
        }
        // A fixed name would keep `--scale` from working.
        assert!(!lines.iter().any(|line| line.starts_with("container_name")), "{name}");
    }
    let ports = COMPOSE.lines().skip_while(|line| line.trim() != "ports:").skip(1).map(str::trim);
    let published: Vec<_> = ports.take_while(|line| line.starts_with("- ")).collect();
    assert_eq!(published, ["- \"127.0.0.1:20024:20024\""]);
    assert_eq!(COMPOSE.matches("ports:").count(), 1);
}
