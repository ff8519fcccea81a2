//! Programs that behave and programs that do not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::Endpoint;
use rustix::process::{Pid, test_kill_process};
use tokio::time::timeout;

use super::*;
use crate::inspect::Program;
use crate::pool::client::Client as _;

fn shell(script: &str) -> Settings {
    Settings { arguments: vec!["-c".into(), script.into()], ..Settings::new("/bin/sh".into()) }
}

async fn scan(settings: Settings, content: &[u8]) -> Result<Outcome, String> {
    let scanned = timeout(Duration::from_secs(60), Client::new(settings).scan(content)).await.unwrap();
    scanned.map_err(|failure| failure.chain())
}

fn infected(name: &str) -> Result<Outcome, String> {
    Ok(Outcome::Infected(name.into()))
}

#[tokio::test]
async fn every_end_has_its_outcome() {
    let found =
        |script: &str| Settings { name: Some(Pattern::new("^x: (.*) FOUND$").unwrap()), ..shell(script) };
    let read = "cat > /dev/null;";
    let cases = [
        (shell(&format!("{read} exit 0")), Ok(Outcome::Clean)),
        (shell(&format!("{read} exit 1")), infected("without a name")),
        // It may stop as soon as it knows.
        (shell("exit 1"), infected("without a name")),
        (found(&format!("{read} echo x: Eicar FOUND; exit 1")), infected("Eicar")),
        (found(&format!("{read} echo x: Eicar FOUND; exit 0")), infected("Eicar")),
        (found(&format!("{read} echo x: Eicar found; exit 0")), Ok(Outcome::Clean)),
        (found(&format!("{read} echo; echo x:  FOUND; exit 1")), infected("without a name")),
        (
            found("echo x: Heuristics.Encrypted.Zip FOUND; exit 1"),
            Ok(Outcome::Encrypted("Heuristics.Encrypted.Zip".into())),
        ),
        (found(&format!("{read} echo x: Eicar FOUND; exit 2")), Err("exit code 2".into())),
        (shell(&format!("{read} echo one >&2; echo two >&2; exit 9")), Err("exit code 9: two".into())),
        (shell("kill -9 $$"), Err("ended by signal 9".into())),
        (shell("exec < /dev/null; exit 0"), Err("the answer came before the end of the content".into())),
        (
            shell("head -c 10 > /dev/null; exit 0"),
            Err("the answer came before the end of the content".into()),
        ),
    ];
    // What fits into a pipe, and what does not.
    for size in [100, 3_000_000] {
        for (settings, expected) in &cases {
            let got = scan(settings.clone(), &vec![b'x'; size]).await;
            assert_eq!(&got, expected, "{size}: {:?}", settings.arguments);
        }
    }
}

#[tokio::test]
async fn codes_mean_what_they_were_set_to_mean() {
    for code in 0..=255_u8 {
        let settings = Settings {
            clean: vec![3, 200],
            infected: vec![7, 0, 255],
            ..shell(&format!("cat >/dev/null; exit {code}"))
        };
        let got = scan(settings, b"x").await;
        match code {
            3 | 200 => assert_eq!(got, Ok(Outcome::Clean)),
            0 | 7 | 255 => assert_eq!(got, infected("without a name")),
            _ => assert_eq!(got, Err(format!("exit code {code}"))),
        }
    }
}

#[tokio::test]
async fn the_content_arrives_whole_and_nothing_else_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let script = format!("cat > {}; env > {}; pwd > {}", path("in"), path("env"), path("pwd"));
    let content: Vec<u8> = (0..5_000_000).map(|i| (i % 251) as u8).collect();
    assert_eq!(scan(shell(&script), &content).await, Ok(Outcome::Clean));
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    assert!(read("in") == content);
    assert_eq!(read("pwd"), b"/\n");
    let environment = String::from_utf8(read("env")).unwrap();
    let names = environment.lines().map(|line| line.split('=').next().unwrap());
    assert!(
        names.clone().all(|name| ["PATH", "LC_ALL", "PWD", "_", "OLDPWD", "SHLVL"].contains(&name)),
        "{environment}"
    );
}

#[tokio::test]
async fn a_program_that_talks_without_end_costs_no_memory_and_is_heard() {
    let settings = Settings {
        name: Some(Pattern::new("^(first)$").unwrap()),
        ..shell(
            "echo first; head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; cat > /dev/null; exit 1",
        )
    };
    let ended = process::run(&settings, b"x").await.unwrap();
    assert_eq!((ended.output.len(), ended.errors.len()), (64 * 1024, 4 * 1024));
    assert_eq!(Client::new(settings).outcome(&ended).unwrap(), Outcome::Infected("first".into()));
}

/// Starts something that outlives it and writes down who that is.
fn leaves_a_child(directory: &Path, then: &str) -> (Settings, PathBuf) {
    let file = directory.join("child");
    let script = format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; {then}", file.display());
    (shell(&script), file)
}

async fn child(file: &Path) -> Pid {
    eventually(|| {
        let id = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
        Pid::from_raw(id)
    })
    .await
}

async fn eventually<T>(mut holds: impl FnMut() -> Option<T>) -> T {
    timeout(Duration::from_secs(60), async {
        loop {
            if let Some(value) = holds() {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it comes about")
}

/// Dead, or a zombie that nobody has taken away yet.
fn is_dead(id: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
    test_kill_process(id).is_err() || status.is_ok_and(|status| status.contains(") Z "))
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_killed_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let (settings, file) = leaves_a_child(directory.path(), "cat > /dev/null; exit 0");
    assert_eq!(scan(settings, b"x").await, Ok(Outcome::Clean));
    let child = child(&file).await;
    eventually(|| is_dead(child).then_some(())).await;
}

#[tokio::test]
async fn a_program_that_is_not_waited_for_is_killed_with_all_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let (settings, file) = leaves_a_child(directory.path(), "wait; exit 0");
    let client = Client::new(settings);
    let child = tokio::select! {
        result = client.scan(b"x") => panic!("it ended: {result:?}"),
        child = child(&file) => child,
    };
    eventually(|| is_dead(child).then_some(())).await;
}

#[tokio::test]
async fn a_program_proves_itself_by_finding_the_test_file() {
    let endpoint = Endpoint::Unix("/bin/sh".into());
    let target = Target { endpoint: &endpoint, connect_timeout: Duration::from_secs(60) };
    let finds = Client::new(shell("grep -q 'EICAR-STANDARD-ANTI''VIRUS-TEST-FILE' && exit 1; exit 0"));
    assert_eq!(finds.probe(target).await.unwrap(), "/bin/sh");
    assert_eq!(finds.scan(b"harmless\n").await.unwrap(), Outcome::Clean);
    let blind = Client::new(shell("cat > /dev/null"));
    assert!(blind.probe(target).await.unwrap_err().chain().contains("EICAR"));
    let other = Client::new(Settings { canary_interval: Duration::ZERO, ..shell("exit 9") });
    assert!(other.probe(target).await.is_ok());
    let target = Target { connect_timeout: Duration::from_millis(50), ..target };
    let hangs = Client::new(shell("sleep 1000"));
    assert!(matches!(hangs.probe(target).await, Err(Failure::Timeout)));
}

#[tokio::test]
async fn a_program_that_is_not_there_cannot_be_run() {
    let failure = Client::new(Settings::new("/nonexistent".into())).scan(b"x").await.unwrap_err();
    assert!(matches!(failure, Failure::Connect(_)), "{failure:?}");
}

#[tokio::test]
async fn the_launcher_is_started_with_the_program_behind_its_arguments() {
    let launcher = Program { path: "/usr/bin/env".into(), arguments: vec!["LAUNCHED=yes".into()] };
    let settings =
        Settings { launcher: Some(launcher), ..shell("cat > /dev/null; test \"$LAUNCHED\" = yes") };
    assert_eq!(scan(settings, b"x").await, Ok(Outcome::Clean));
}
