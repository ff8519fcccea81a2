//! Children that are processes: how they end is told, and none is left behind.
//!
//! The shell plays them: it says what a child said that was recorded, and ends as the test wants.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use proto::inspection::AttachmentRules;
use proto::{Deadline, Unchecked};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::*;
use crate::Metrics;
use crate::inspect::{Pool, Program, Settings};

/// Greets, waits for the mail with `TOKEN` in it, then goes on with `script`.
fn program(directory: &tempfile::TempDir, script: &str) -> Program {
    let hello = directory.path().join("hello");
    std::fs::write(&hello, encode(&Hello { in_force: InForce::default() }, 0).unwrap()).unwrap();
    let script = format!("cat {}; grep -a -q -m1 TOKEN; {script}", hello.display());
    Program { path: PathBuf::from("/bin/sh"), arguments: vec!["-c".into(), script] }
}

fn pool(directory: &tempfile::TempDir, script: &str, settings: Settings) -> (Pool, Metrics) {
    let metrics = Metrics::register(&mut Registry::default());
    let pool = Pool::new(
        Box::new(program(directory, script)),
        AttachmentRules::default(),
        settings,
        metrics.inspect.clone(),
    );
    (pool, metrics)
}

async fn inspect(pool: &Pool) -> String {
    let deadline = Deadline::after(Instant::now().into_std(), Duration::from_secs(60));
    let found = pool
        .inspect(&Bytes::from_static(b"Subject: x\r\n\r\nTOKEN\r\n"), Wanted::Nothing, deadline)
        .await
        .findings;
    let [Found { category: Category::Unchecked(Unchecked::Failed), name }] = found.as_slice() else {
        panic!("{found:?}")
    };
    name.clone()
}

#[tokio::test]
async fn the_end_of_a_process_is_told() {
    let cases = [
        ("exit 3", "ended with code 3"),
        ("kill -ABRT $$", "was ended by signal 6 (SIGABRT"),
        ("kill -XCPU $$", "was ended by signal 24 (SIGXCPU"),
        ("kill -KILL $$", "was ended by signal 9 (SIGKILL"),
        ("head -c 100 /dev/zero; exec sleep 60", "answered garbage"),
        ("exec sleep 60", "did not answer within 500ms"),
        ("exec sleep 60 >&-", "closed the pipe"),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (script, why) in cases {
        let timeout = Duration::from_millis(if why.contains("500ms") { 500 } else { 30_000 });
        let (pool, metrics) = pool(&directory, script, Settings { timeout, ..Settings::default() });
        let told = inspect(&pool).await;
        assert!(told.starts_with(&format!("the inspecting process {why}")), "{script}: {told}");
        assert_eq!(metrics.inspect.children.get(), 0);
    }
}

#[tokio::test]
async fn a_child_that_dies_while_idle_costs_no_mail_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (program, settings) =
        (program(&directory, "exit 3"), Settings { processes: 1, ..Settings::default() });
    let pids = Arc::new(Mutex::new(Vec::new()));
    let metrics = Metrics::register(&mut Registry::default());
    let launch = Box::new(Recorded { program, pids: pids.clone() });
    let pool = Pool::new(launch, AttachmentRules::default(), settings, metrics.inspect.clone());
    pool.start().await.unwrap();
    let idle = *pids.lock().unwrap().first().unwrap();
    kill_process(Pid::from_raw(i32::try_from(idle).unwrap()).unwrap(), Signal::KILL).unwrap();
    // A zombie until it is asked for.
    while state(idle) != Some('Z') {
        tokio::task::yield_now().await;
    }
    // From another child.
    assert_eq!(inspect(&pool).await, "the inspecting process ended with code 3");
    assert_eq!(metrics.inspect.children.get(), 0);
    let pids = pids.lock().unwrap().clone();
    assert_eq!(pids.iter().map(|pid| state(*pid)).collect::<Vec<_>>(), [None, None]);
}

/// Remembers whom it has started.
struct Recorded {
    program: Program,
    pids: Arc<Mutex<Vec<u32>>>,
}

impl Launch for Recorded {
    fn launch(&self) -> io::Result<Launched> {
        let launched = self.program.launch()?;
        self.pids.lock().unwrap().extend(launched.process.as_ref().unwrap().id());
        Ok(launched)
    }
}

/// What the kernel says of it; nothing once it is gone.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[tokio::test]
async fn what_cannot_be_started_is_told() {
    let program = Program { path: "/nowhere/mailweir".into(), arguments: Vec::new() };
    let metrics = Metrics::register(&mut Registry::default());
    let settings = Settings::default();
    let pool = Pool::new(Box::new(program), AttachmentRules::default(), settings, metrics.inspect.clone());
    assert!(pool.start().await.unwrap_err().to_string().starts_with("cannot be started: "));
    assert!(inspect(&pool).await.starts_with("the inspecting process cannot be started: "));
}
