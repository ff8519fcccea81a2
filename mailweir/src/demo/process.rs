//! Child processes of the demonstration, each with its log in a file; killed when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use proto::Endpoint;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long a process may take to listen.
const START_MAX: Duration = Duration::from_secs(30);
/// Between two looks for a file that says so.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A running child.
pub(super) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; its output goes to `DIR/NAME.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(name: &str, program: &Path, arguments: &[String], directory: &Path) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Process id; `None` once it has ended.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// kill -9, and waits until it is gone.
    ///
    /// # Errors
    /// When it has ended before.
    pub(super) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("killing {}", self.name))
    }

    /// Waits for a file of JSON that the process writes when it listens.
    ///
    /// # Errors
    /// When the process ends before, or takes too long.
    pub(super) async fn ports(&mut self, path: &Path) -> Result<Value> {
        let until = Instant::now() + START_MAX;
        loop {
            let ports = std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
            if let Some(ports) = ports {
                return Ok(ports);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}): {}", self.name, self.last_words());
            }
            if Instant::now() > until {
                bail!("{} does not listen: {}", self.name, self.last_words());
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

/// The first endpoint under `name` in a ports file.
///
/// # Errors
/// When there is none.
pub(super) fn endpoint(ports: &Value, name: &str) -> Result<Endpoint> {
    let listed = match ports.get(name) {
        Some(Value::Array(several)) => several.first(),
        other => other,
    };
    let text = listed.and_then(Value::as_str).with_context(|| format!("no {name} in {ports}"))?;
    Ok(text.strip_prefix("nats://").unwrap_or(text).parse()?)
}

/// A program in PATH.
///
/// # Errors
/// When it is not there.
pub(super) fn in_path(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file());
    found.with_context(|| format!("{program} is not in PATH; on Debian: apt-get install {program}"))
}
