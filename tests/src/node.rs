//! One `mailweir` process, from the binary that `cargo build -p mailweir` or the tests of the workspace have made.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::http;
use crate::process::Process;
use crate::wait::eventually;

/// The finished binary, beside the directory of the running test.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("path of the running test");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/test");
    let binary = profile.join("mailweir");
    assert!(binary.exists(), "{} is missing: run cargo build -p mailweir first", binary.display());
    binary
}

/// A running role.
pub struct Node {
    /// The process.
    pub process: Process,
    /// What it wrote to its ports file.
    ports: Value,
    args: Vec<String>,
    directory: PathBuf,
}

impl Node {
    /// Starts `mailweir ARGS --ports-file …` and waits until it has written the endpoints that it listens on.
    pub async fn start(name: &str, args: &[String], directory: &Path) -> Self {
        Self::start_with(&[], name, args, directory).await
    }

    /// As [`Node::start`], with variables in its environment.
    pub async fn start_with(
        variables: &[(String, String)],
        name: &str,
        args: &[String],
        directory: &Path,
    ) -> Self {
        let file = directory.join(format!("{name}.ports.json"));
        // One of an earlier process of that name; there is none for the first.
        let _old = std::fs::remove_file(&file);
        let mut all = args.to_vec();
        all.extend(["--ports-file".to_owned(), file.display().to_string()]);
        let mut process = Process::start_with(variables, name, &binary(), &all, directory);
        // The file is put in place whole once all listeners are bound.
        let ports = eventually("mailweir writes its ports file", async || {
            assert!(process.status().is_none(), "mailweir has ended\n{}", process.log_tail());
            serde_json::from_slice(&std::fs::read(&file).ok()?).ok()
        })
        .await;
        Self { process, ports, args: args.to_vec(), directory: directory.to_owned() }
    }

    /// Kills it, and starts it again as it was started, without the variables. Where a port was named it is the same.
    pub async fn restart(&mut self) {
        self.process.kill();
        let name = self.process.name().to_owned();
        *self = Self::start(&name, &self.args, &self.directory).await;
    }

    /// Waits until its admin port says that it is ready for mails.
    pub async fn until_ready(&mut self) {
        let admin = self.endpoint("admin");
        // Being ready is a state that is asked for, as load balancers do.
        eventually("mailweir is ready", async || {
            assert!(self.process.status().is_none(), "mailweir has ended\n{}", self.process.log_tail());
            http::get(&admin, "/readyz").await.filter(|(status, _)| *status == 200)
        })
        .await;
    }

    /// What its admin port says at that path; fails when that is no 200.
    pub async fn admin(&self, path: &str) -> String {
        match http::get(&self.endpoint("admin"), path).await {
            Some((200, body)) => body,
            other => panic!("{path} of {} gives {other:?}", self.process.name()),
        }
    }

    /// An endpoint of the ports file, by its name there.
    pub fn endpoint(&self, name: &str) -> String {
        let endpoint = match &self.ports[name] {
            Value::Array(several) => several.first().and_then(Value::as_str),
            one => one.as_str(),
        };
        endpoint.unwrap_or_else(|| panic!("no endpoint {name} in {}", self.ports)).to_owned()
    }
}

/// Runs `mailweir ARGS` to its end, and gives whether it succeeded, standard output and standard error.
pub async fn run(args: &[&str]) -> (bool, String, String) {
    let command = tokio::process::Command::new(binary()).args(args).env_clear().kill_on_drop(true).output();
    let output = crate::wait::within("mailweir ends", command).await.expect("run mailweir");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}
