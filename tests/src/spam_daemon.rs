//! A real spamd or rspamd, with rules that need no network: each knows GTUBE.
//!
//! Both start within a second: no plugins of SpamAssassin, no Lua rules of rspamd, and nothing of either in `/etc`.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::http;
use crate::port::ReservedPort;
use crate::process::{Process, tool};
use crate::wait::eventually;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SpamAssassin's daemon.
    Spamd,
    /// rspamd's normal worker.
    Rspamd,
}

impl Kind {
    /// As `kind` says in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spamd => "spamd",
            Self::Rspamd => "rspamd",
        }
    }
}

/// A running one.
pub struct SpamDaemon {
    kind: Kind,
    process: Process,
    port: ReservedPort,
    directory: TempDir,
}

impl SpamDaemon {
    /// Starts one on a TCP port and a unix socket.
    pub async fn start(kind: Kind) -> Self {
        let directory = tempfile::Builder::new().prefix("spam-").tempdir().expect("make directory");
        let port = ReservedPort::new();
        configure(kind, directory.path(), &port);
        let process = launch(kind, directory.path(), &port).await;
        Self { kind, process, port, directory }
    }

    /// `HOST:PORT`.
    pub fn tcp(&self) -> String {
        self.port.endpoint()
    }

    /// `unix:PATH`.
    pub fn unix(&self) -> String {
        format!("unix:{}", socket(self.directory.path()).display())
    }

    /// kill -9 for all of its processes: connections are refused afterwards.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again at the same endpoints.
    pub async fn restart(&mut self) {
        self.kill();
        self.process = launch(self.kind, self.directory.path(), &self.port).await;
    }

    /// Takes connections, as the kernel does it, and answers nothing.
    pub fn hang(&self) {
        self.process.signal_all(Signal::STOP);
    }

    /// Ends [`SpamDaemon::hang`].
    pub fn go_on(&self) {
        self.process.signal_all(Signal::CONT);
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("socket")
}

fn configure(kind: Kind, directory: &Path, port: &ReservedPort) {
    let files = match kind {
        Kind::Spamd => vec![
            ("init.pre", "loadplugin Mail::SpamAssassin::Plugin::Check\n".to_owned()),
            ("local.cf", "use_bayes 0\nreport_safe 0\n".to_owned()),
        ],
        Kind::Rspamd => vec![
            ("rspamd.conf", rspamd_configuration(directory, port)),
            // It makes an automaton of all top-level domains and of 46 languages, for half a minute on a busy machine.
            ("domains", "com\norg\nnet\n".to_owned()),
        ],
    };
    for (file, text) in files {
        fs::write(directory.join(file), text).expect("write configuration");
    }
}

/// One worker, no controller, no filters beside the pattern that is compiled in, no name server.
fn rspamd_configuration(directory: &Path, port: &ReservedPort) -> String {
    let (directory, socket, endpoint) =
        (directory.display(), socket(directory).display().to_string(), port.endpoint());
    format!(
        "options {{ filters = \"\"; pidfile = \"{directory}/pid\"; temp_dir = \"{directory}\"; \
         hs_cache_dir = \"{directory}\"; url_tld = \"{directory}/domains\"; \
         control_socket = \"{directory}/control mode=0600\"; \
         dns {{ nameserver = [\"127.0.0.1:1\"]; timeout = 1s; retransmits = 1; }} }}\n\
         lang_detection {{ languages = \"{directory}\"; }}\n\
         logging {{ type = \"console\"; level = \"info\"; }}\n\
         actions {{ reject = 15; add_header = 6; greylist = 4; }}\n\
         worker \"normal\" {{ bind_socket = \"{endpoint}\"; bind_socket = \"{socket} mode=0600\"; count = 1; }}\n"
    )
}

async fn launch(kind: Kind, directory: &Path, port: &ReservedPort) -> Process {
    let path = |name: &str| directory.join(name).display().to_string();
    // Left over by one that was killed.
    let _missing = fs::remove_file(socket(directory));
    let (program, args) = match kind {
        Kind::Spamd => {
            let configuration = format!("--siteconfigpath={}", directory.display());
            let listens =
                [format!("--listen={}", port.endpoint()), format!("--socketpath={}", path("socket"))];
            let mut args: Vec<String> =
                ["--local", "--nouser-config", "--max-children=3", "--syslog=stderr"].map(Into::into).into();
            args.push(configuration);
            args.extend(listens);
            (tool(&["/usr/sbin/spamd"], "spamd"), args)
        }
        Kind::Rspamd => {
            // Runs as whoever the test is, root included.
            let args = ["--no-fork", "--insecure", "--config"].map(Into::into);
            (tool(&["/usr/bin/rspamd"], "rspamd"), [args.to_vec(), vec![path("rspamd.conf")]].concat())
        }
    };
    let mut process = Process::start(kind.name(), &program, &args, directory);
    // Each binds its sockets before it can answer, so it is asked.
    eventually("the spam daemon answers", async || {
        assert!(process.status().is_none(), "{}", process.log_tail());
        answers(kind, &port.endpoint()).await.then_some(())
    })
    .await;
    process
}

async fn answers(kind: Kind, endpoint: &str) -> bool {
    match kind {
        Kind::Rspamd => http::get(endpoint, "/ping").await.is_some_and(|(status, _)| status == 200),
        Kind::Spamd => crate::io::ask(endpoint, b"PING SPAMC/1.5\r\n\r\n")
            .await
            .is_ok_and(|answer| answer.ends_with(b" PONG\r\n")),
    }
}
